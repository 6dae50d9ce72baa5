"""Our counts and scores against the official evaluator of Cityscapes, on its own kinds of files."""

import fabricate
import numpy as np
import pytest
from PIL import Image

from atrous.data.layouts.cityscapes import LABEL_SETS, Cityscapes
from atrous.data.reading import read_labels, read_objects
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.exports import RawIds, write_prediction


def official_result(monkeypatch, tmp_path, predictions, truths):
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)  # which numpy 2.4 has no more
    monkeypatch.setenv("CITYSCAPES_EXPORT_DIR", str(tmp_path))
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

    monkeypatch.setattr(official.args, "quiet", True)
    monkeypatch.setattr(official.args, "JSONOutput", False)
    return official.evaluateImgLists(predictions, truths, official.args)


@pytest.fixture
def pairs(tmp_path):
    fabricate.cityscapes(tmp_path / "cityscapes")
    layout = Cityscapes(tmp_path / "cityscapes")
    for pair in layout.pairs("val"):
        raw = np.array(Image.open(pair.label))
        Image.fromarray(np.where(raw == 255, 0, raw)).save(pair.label)  # the evaluator knows no licence plate
        fabricate.instances(pair.label)
    return Cityscapes(tmp_path / "cityscapes").pairs("val")


def test_every_score_equals_cityscapesscripts(pairs, tmp_path, monkeypatch):
    labels = LABEL_SETS[19]
    rng = np.random.default_rng(0)
    counted = []
    for pair in pairs:
        truth, objects = read_labels(pair.label, labels), read_objects(pair.objects, labels)
        predicted = rng.integers(0, 19, truth.shape).astype(np.uint8)
        right = rng.random(truth.shape) < 0.6
        predicted = np.where(right & (truth != 255), truth, predicted)
        counted.append(count_picture(pair.name, truth, predicted, labels, objects=objects))
        write_prediction(tmp_path, pair.name, predicted, labels, RawIds("export"))
    evaluation = Evaluation.of(counted, labels)
    result = official_result(
        monkeypatch,
        tmp_path,
        [str(tmp_path / "export" / f"{pair.name}.png") for pair in pairs],
        [str(pair.label) for pair in pairs],
    )
    ids = labels.raw_id_of[:19]
    assert (np.array(result["confMatrix"])[np.ix_(ids, ids)] == evaluation.total[:19, :19]).all()
    ours, columns = evaluation.scores(), evaluation.columns()
    assert ours["miou"] == pytest.approx(result["averageScoreClasses"], abs=1e-12)
    assert ours["category_miou"] == pytest.approx(result["averageScoreCategories"], abs=1e-12)
    assert ours["instance_miou"] == pytest.approx(result["averageScoreInstClasses"], abs=1e-12)
    assert ours["instance_category_miou"] == pytest.approx(result["averageScoreInstCategories"], abs=1e-12)
    official_names = {
        "iou": "classScores",
        "category_iou": "categoryScores",
        "instance_iou": "classInstScores",
        "instance_category_iou": "categoryInstScores",
    }
    for name, official_name in official_names.items():
        for column, value in zip(columns[name], ours[name].tolist(), strict=True):
            assert value == pytest.approx(result[official_name][column], nan_ok=True, abs=1e-12), name
    assert 0.2 < ours["instance_miou"] < 0.95
    assert columns["instance_category_iou"] == ("human", "vehicle")


def test_objects_need_all_their_files(pairs):
    assert all(pair.objects is not None for pair in pairs)
    pairs[0].objects.unlink()
    root = pairs[0].label.parents[3]
    assert all(pair.objects is None for pair in Cityscapes(root).pairs("val"))


def test_objects_of_unknown_classes_are_told(tmp_path):
    labels = LABEL_SETS[19]
    Image.fromarray(np.array([[60001, 0]], np.uint16)).save(tmp_path / "x_instanceIds.png")
    with pytest.raises(
        ValueError, match=r"x_instanceIds.png: holds objects of raw ids that label set 'citys"
    ):
        read_objects(tmp_path / "x_instanceIds.png", labels)


def test_the_real_frame(real_data, monkeypatch, tmp_path):
    """Real instance ids: groups and classes without objects among them."""
    layout = Cityscapes(real_data / "samples" / "cityscapes_small")
    split = next(path.name for path in (layout.root / "gtFine").iterdir())
    (pair,) = layout.pairs(split)
    truth, objects = read_labels(pair.label, layout.labels), read_objects(pair.objects, layout.labels)
    rng = np.random.default_rng(0)
    wrong = rng.random(truth.shape) < 0.3
    predicted = np.where(wrong | (truth == 255), rng.integers(0, 19, truth.shape), truth).astype(np.uint8)
    evaluation = Evaluation.of(
        [count_picture(pair.name, truth, predicted, layout.labels, objects=objects)], layout.labels
    )
    write_prediction(tmp_path, pair.name, predicted, layout.labels, RawIds("export"))
    result = official_result(
        monkeypatch, tmp_path, [str(tmp_path / "export" / f"{pair.name}.png")], [str(pair.label)]
    )
    ours = evaluation.scores()
    assert ours["miou"] == pytest.approx(result["averageScoreClasses"], abs=1e-12)
    assert ours["instance_miou"] == pytest.approx(result["averageScoreInstClasses"], abs=1e-12)
