"""The whole command: on predictions that were scored, in a process of its own, and its page in a browser."""

import json
import shutil

import numpy as np
import pytest
import yaml
from conftest import compose_command
from evaluated import TRAINING, write_run
from hydra.core.hydra_config import HydraConfig
from PIL import Image

from atrous import build
from atrous.commands.compare import compare
from atrous.commands.score import score

MAIN = ("-m", "atrous", "compare")
SCENES = ["data=synthetic", "data.layout.size=64", "data.layout.num_scenes={train: 1, val: 1, test: 8}"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Two folders of ``score``, of the same eight scenes, and the root of these."""
    root = tmp_path_factory.mktemp("scored")
    data = [*SCENES, f"data.root={root / 'scenes'}", "split=test"]
    for name, share in (("worse", 0.3), ("better", 0.1)):
        own = [*data, f"predictions={root / name}", "output=unused"]
        cfg = compose_command("score", own, root / "of" / name)
        (root / name).mkdir()
        for path in [pair.label for pair in build.layout(cfg).pairs("test")]:
            rng = np.random.default_rng([int(path.stem), len(name)])
            truth = np.array(Image.open(path))
            wrong = np.where(rng.random(truth.shape) < share, rng.integers(0, 5, truth.shape), truth)
            Image.fromarray(np.minimum(wrong, 4).astype(np.uint8)).save(root / name / path.name)
        score(cfg)
    HydraConfig.instance().cfg = None
    return root


@pytest.fixture
def run(tmp_path):
    """run(*overrides): the command in this process; what stands in comparison.json."""

    def make(*runs, **options):
        chosen = [f"{key}={value}" for key, value in options.items()]
        cfg = compose_command("compare", chosen, tmp_path / "out")
        cfg.runs = [str(each) for each in runs]
        compare(cfg)
        return json.loads((tmp_path / "out" / "comparison.json").read_text())

    yield make
    HydraConfig.instance().cfg = None


def test_the_command_line(scored, command):
    awkward = shutil.copytree(scored / "of" / "better", command.folder / "model=x, lr=0.1")
    printed = command.succeed(*MAIN, str(scored / "of" / "worse"), awkward.name, "output=out")
    data = json.loads((command.folder / "out" / "comparison.json").read_text())
    assert list(data["groups"]) == ["worse", "model=x, lr=0.1"]
    (found,) = data["differences"].values()
    mious = [
        json.loads((scored / "of" / name / "scores.json").read_text())["miou"] for name in ("worse", "better")
    ]
    assert found["value"]["miou"] == pytest.approx(mious[1] - mious[0])
    low, high = found["intervals"]["miou"]
    assert 0 < low < found["value"]["miou"] < high
    assert found["confidence"]["miou"] == 1
    for words in (
        f"{100 * mious[0]:.2f}",
        f"{100 * (mious[1] - mious[0]):+.2f} *",
        "ring",
        ">99.9",
        "other seeds",
    ):
        assert words in printed
    page = (command.folder / "out" / "comparison.html").read_text()
    assert page.count('data-layer="image"') == 8
    assert "No pictures" not in page

    said = command.fail(*MAIN, str(scored / "of" / "worse"), "output=out")
    assert said.startswith("atrous: two or more evaluations are needed, not one")
    assert "evaluation: null" in command.succeed(*MAIN, "--cfg", "job")


def test_the_page_in_a_browser(scored, run, open_page, tmp_path):
    data = run(scored / "of" / "worse", scored / "of" / "better", pictures=3)
    page = open_page(tmp_path / "out" / "comparison.html")
    assert page.title() == "better against worse"
    assert page.locator(".pictures figure").count() == 3
    visible = page.locator(".layers img:visible")
    assert {one.get_attribute("data-layer") for one in visible.all()} == {"right"}
    for words, layer in (("image", "image"), ("truth", "truth"), ("A", "baseline"), ("B", "other")):
        page.get_by_role("button", name=words, exact=True).click()
        assert {one.get_attribute("data-layer") for one in visible.all()} == {layer}
        assert visible.count() == 3
        assert page.locator("button[aria-pressed=true]").inner_text() == words
    page.keyboard.press("1")
    assert {one.get_attribute("data-layer") for one in visible.all()} == {"right"}
    assert all(page.evaluate("[...document.images].map(image => image.naturalWidth === 64)"))
    differences = [
        data["differences"]["better"]["value"]["iou"][name]
        for name in ("ground", "disk", "square", "triangle", "ring")
    ]
    table = page.locator("#classes + .scroll table")
    table.get_by_text("B - A").click()
    shown = [cell.inner_text() for cell in table.locator("tbody td:nth-child(5)").all()]
    assert [float(cell.removesuffix(" *")) for cell in shown] == pytest.approx(
        sorted((100 * one for one in differences), reverse=True), abs=0.005
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda root: shutil.rmtree(root / "better" / "predictions"), "better holds no predictions"),
        (lambda root: (root / "worse" / "config.yaml").unlink(), None),
        (
            lambda root: [(root / name / "config.yaml").unlink() for name in ("better", "worse")],
            "no evaluation has a config that says where its pictures lie",
        ),
        (
            lambda root: change(
                root / "worse" / "config.yaml", "atrous.data.layouts.synthetic.Synthetic", "os.system"
            ),
            "config names &#39;os.system&#39;, which is none of the parts that it may build",
        ),
        (
            lambda root: change(root / "worse" / "config.yaml", "test: 8", "test: 4"),
            "the data set has no picture &#39;0004&#39;",
        ),
        (
            lambda root: change(root / "worse" / "config.yaml", "size: 64", "size: 32"),
            "picture &#39;0000&#39;: its labels or predictions have changed since they were scored",
        ),
        (
            lambda root: (root / "worse" / "predictions" / "0003.png").unlink(),
            "0003.png: cannot be read as a picture",
        ),
        (
            lambda root: (root / "worse" / "config.yaml").write_text("data: {root: x}"),
            "Missing key layout",
        ),
        (
            lambda root: change(root / "worse" / "config.yaml", "num_scenes", "scenes"),
            "Error in call to target &#39;atrous.data",
        ),
    ],
    ids=[
        "no predictions",
        "one config",
        "no config",
        "untrusted",
        "fewer",
        "other labels",
        "one file",
        "no layout",
        "broken",
    ],
)
def test_scores_are_never_lost_for_the_pictures(scored, run, tmp_path, spoil, reason):
    root = shutil.copytree(scored / "of", tmp_path / "of")
    spoil(root)
    data = run(root / "worse", root / "better")
    assert data["differences"]["better"]["confidence"]["miou"] == 1
    page = (tmp_path / "out" / "comparison.html").read_text()
    if reason is None:
        assert page.count('data-layer="image"') == 8
    else:
        assert 'data-layer="image"' not in page
        assert "No pictures: " in page
        assert reason in page


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_number_of_pictures_is_a_number(scored, run, tmp_path):
    for wrong in ("many", "-1"):
        with pytest.raises(ValueError, match=f"pictures={wrong}: expected a number, 0 or more"):
            run(scored / "of", pictures=wrong)
    run(scored / "of", pictures=0)
    assert "<h3>Where they differ most" not in (tmp_path / "out" / "comparison.html").read_text()


def test_the_data_may_have_moved(scored, run, tmp_path):
    root = shutil.copytree(scored / "of", tmp_path / "of")
    for name in ("worse", "better"):
        config = yaml.safe_load((root / name / "config.yaml").read_text())
        config["data"]["root"] = "/nowhere"
        (root / name / "config.yaml").write_text(yaml.safe_dump(config))
    run(root / "worse", root / "better", **{"data.root": scored / "scenes"})
    assert 'data-layer="image"' in (tmp_path / "out" / "comparison.html").read_text()


def test_several_groups_of_seeds_and_one_alone(run, tmp_path, capsys):
    for seed in range(2):
        write_run(tmp_path / f"a{seed}", seed=seed)
        write_run(tmp_path / f"b{seed}", seed=seed, changes={"optimizer.lr": 0.2}, skill=0.8)
    for number in range(3):
        write_run(tmp_path / f"c{number}", changes={"optimizer.lr": 1 + number})
    everything = [tmp_path / name for name in ("a0", "a1", "b0", "b1", "c0", "c1", "c2")]
    data = run(*everything)
    assert {name: found["seeds"] for name, found in data["groups"].items()} == {
        "optimizer.lr=0.1": [0, 1],
        "optimizer.lr=0.2": [0, 1],
        "optimizer.lr=1": [0],
        "optimizer.lr=2": [0],
        "optimizer.lr=3": [0],
    }
    assert data["config_differences"]["optimizer.lr"] == {
        "optimizer.lr=0.1": 0.1, "optimizer.lr=0.2": 0.2, "optimizer.lr=1": 1, "optimizer.lr=2": 2,
        "optimizer.lr=3": 3,
    }  # fmt: skip
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.count("<svg") == 8
    assert "No pictures" in page
    printed = capsys.readouterr().out
    assert "A  optimizer.lr=0.1 (2 runs): mIoU" in printed
    assert "E - A" in printed
    assert "±" in printed

    assert len(run(*everything, group_seeds="false")["groups"]) == 7
    alone = run(*everything[:2])
    assert list(alone["groups"]) == ["a0 and 1 more"]
    assert alone["differences"] == {}
    assert TRAINING["seed"] == 0
