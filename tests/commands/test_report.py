import shutil

import fabricate

from atrous.commands.score import score


def test_a_score_leaves_a_report_with_its_pictures(composed, tmp_path):
    options = fabricate.folder(tmp_path / "data")
    predictions, output = tmp_path / "predictions", tmp_path / "scored"
    shutil.copytree(tmp_path / "data" / "labels" / "test", predictions)
    score(
        composed(
            "score",
            "data=folder",
            f"data.root={tmp_path / 'data'}",
            *options,
            f"predictions={predictions}",
            "split=test",
            "pictures=2",
            output=output,
        )
    )
    page = (output / "report.html").read_text()
    assert page.count("data:image/jpeg") in (2, 3)  # the random ones may be among the worst
    assert all(f"picture{index}" in page for index in range(3))
