"""What only an evaluation does: predictions for others, objects, options of inference, scoring again."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fabricate
import numpy as np
import pytest
import torch
from conftest import CHECKOUT, compose_command
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from PIL import Image
from test_scores_doc import documented

from atrous import predictions as predictions_of
from atrous.commands.evaluate import evaluate
from atrous.commands.score import score
from atrous.commands.train import train
from atrous.configs import config_folder
from atrous.data import reading
from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.data.layouts.pairs import Pair
from atrous.folders import register_resolvers
from atrous.labels import label_set
from atrous.metrics.evaluation import Evaluation

SMALL = (
    "model=unet_paper",
    "model.net.width=4",
    "data.batch_size=2",
    "data.num_workers=0",
    "data.crop_size=[48,48]",
    "trainer=cpu",
    "trainer.max_steps=2",
    "callbacks=fixed_schedule",
    "logger=none",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Fabricated Cityscapes, with objects in val, and a network that has seen two steps of it."""
    folder = tmp_path_factory.mktemp("evaluate")
    fabricate.cityscapes(folder / "cityscapes")
    for label in (folder / "cityscapes/gtFine/val").rglob("*_labelIds.png"):
        raw = np.array(Image.open(label))
        Image.fromarray(np.where(raw == 255, 0, raw)).save(label)  # the evaluator knows no licence plate
        fabricate.instances(label)
    (folder / "run").mkdir()
    train(compose_command("train", ["data=cityscapes", f"paths.data={folder}", *SMALL], folder / "run"))
    return folder


def evaluated(home, output, *options):
    """The scores.json of an evaluation in this process."""
    where = [f"checkpoint={home}/run/last.ckpt", "trainer=cpu", f"output={output}"]
    cfg = compose_command("evaluate", [*where, "data.num_workers=0", *options], output)
    evaluate(cfg)
    file = output / "scores.json"
    return json.loads(file.read_text()) if file.is_file() else None


def scored(home, predictions, output, *options):
    """The scores.json of ``atrous score`` in this process."""
    where = ["data=cityscapes", f"paths.data={home}", f"predictions={predictions}", f"output={output}"]
    score(compose_command("score", [*where, *options], output))
    return json.loads((output / "scores.json").read_text())


def test_exported_for_cityscapes_the_official_evaluator_counts_the_same(home, tmp_path, monkeypatch):
    ours = evaluated(home, tmp_path / "out", "export_format=cityscapes")
    exported = sorted((tmp_path / "out" / "cityscapes").glob("*.png"))
    assert [path.stem for path in exported] == [
        "aachen_000000_000019",
        "aachen_000002_000019",
        "bochum_000001_000019",
    ]
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)  # which numpy 2.4 has no more
    monkeypatch.setenv("CITYSCAPES_EXPORT_DIR", str(tmp_path))
    monkeypatch.setenv("CITYSCAPES_RESULTS", str(tmp_path / "out" / "cityscapes"))
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

    monkeypatch.setattr(official.args, "quiet", True)
    monkeypatch.setattr(official.args, "JSONOutput", False)
    monkeypatch.setattr(official.args, "predictionPath", None)
    monkeypatch.setattr(official.args, "predictionWalk", None)
    truths = [str(path) for path in sorted((home / "cityscapes/gtFine/val").rglob("*_labelIds.png"))]
    found = [official.getPrediction(official.args, truth) for truth in truths]  # by its own file pattern
    result = official.evaluateImgLists(found, truths, official.args)
    ids = LABEL_SETS[19].raw_id_of[:19]
    total = Evaluation.load(tmp_path / "out" / "counts.npz").total
    assert (np.array(result["confMatrix"])[np.ix_(ids, ids)] == total[:19, :19]).all()
    assert ours["miou"] == pytest.approx(result["averageScoreClasses"], abs=1e-12)
    assert ours["category_miou"] == pytest.approx(result["averageScoreCategories"], abs=1e-12)
    assert ours["instance_miou"] == pytest.approx(result["averageScoreInstClasses"], abs=1e-12)


def test_a_split_without_labels_is_predicted_for_the_server(home, tmp_path, capsys):
    assert evaluated(home, tmp_path, "split=test", "export_format=cityscapes") is None
    assert "split 'test' has no labels: no scores; predictions are in" in capsys.readouterr().out
    raw = [np.array(Image.open(path)) for path in (tmp_path / "cityscapes").glob("*.png")]
    assert len(raw) == 2
    assert set(np.unique(raw)) <= set(LABEL_SETS[19].raw_id_of[:19])
    with pytest.raises(
        ValueError, match="split 'test' has no labels: it cannot be trained on or scored; to write"
    ):
        evaluated(home, tmp_path, "split=test")


def test_predictions_scored_again_are_the_evaluation(home, tmp_path):
    first = evaluated(home, tmp_path / "first", "export_format=cityscapes")
    for again in (
        scored(home, tmp_path / "first" / "predictions", tmp_path / "again"),
        scored(home, tmp_path / "first" / "cityscapes", tmp_path / "raw", "raw_ids=true"),
    ):
        differ = {
            "checkpoint",
            "step",
            "weights",
            "inference",
            "costs",
            "predictions",
            "num_missing",
            "calibration_error",
        }
        for scores in (first, again):
            scores["intervals"].pop("calibration_error", None)
        assert {key: value for key, value in again.items() if key not in differ} == {
            key: value for key, value in first.items() if key not in differ
        }
        assert again["num_missing"] == 0
        assert set(first) | set(again) <= documented()
    assert first["costs"]["gmac"] > 0
    assert first["costs"]["training_seconds"] > 0
    kept = tmp_path / "again" / "predictions"
    assert len(list(kept.glob("*.png"))) == 3


def test_inference_is_changed_on_top_of_what_the_checkpoint_has(home, tmp_path):
    plain = evaluated(home, tmp_path / "plain")
    flipped = evaluated(home, tmp_path / "flip", "inference.flip=true", "inference.scales=[1.0,1.5]")
    assert plain["inference"]["flip"] is False
    assert flipped["inference"]["flip"] is True
    assert flipped["inference"]["scales"] == [1.0, 1.5]
    chosen = evaluated(
        home, tmp_path / "tta", "inference=slide_tta", "inference.window=[32,48]", "inference.stride=[16,24]"
    )
    assert chosen["inference"]["scales"] == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    assert plain["fingerprints"] == flipped["fingerprints"] == chosen["fingerprints"]
    assert len({each["calibration_error"] for each in (plain, flipped, chosen)}) == 3


def test_every_boundary_width(home, tmp_path):
    """So wide that a region is its whole class, boundary IoU is IoU."""
    wide = evaluated(home, tmp_path / "wide", "boundary_width=64")
    assert wide["boundary_iou"] == wide["iou"]
    assert evaluated(home, tmp_path / "one", "boundary_width=1")["boundary_iou"] != wide["iou"]
    with pytest.raises(ValueError, match=r"boundary_width=2\.5: expected a share of the diagonal"):
        evaluated(home, tmp_path / "broken", "boundary_width=2.5")


def test_a_prediction_of_no_class_is_a_miss(home, tmp_path):
    """All 255, or ids outside the label set: every labelled pixel is wrong, none is left out."""
    whole = evaluated(home, tmp_path / "whole")
    for value in (255, 19, 200):
        folder = tmp_path / f"of{value}"
        folder.mkdir()
        for path in (tmp_path / "whole" / "predictions").glob("*.png"):
            Image.fromarray(np.full_like(np.array(Image.open(path)), value)).save(folder / path.name)
        scores = scored(home, folder, tmp_path / f"scored{value}")
        assert (scores["miou"], scores["pixel_accuracy"]) == (0, 0)
        assert scores["num_pixels"] == whole["num_pixels"]
        assert scores["fingerprints"] == whole["fingerprints"]


@pytest.fixture
def predictions(home, tmp_path):
    """Predictions that another program might have written."""
    evaluated(home, tmp_path / "mine")
    return shutil.copytree(tmp_path / "mine" / "predictions", tmp_path / "theirs")


def test_missing_predictions_are_an_error_or_counted(home, predictions, tmp_path):
    (predictions / "aachen_000002_000019.png").unlink()
    with pytest.raises(
        ValueError, match=r"theirs: no file aachen_000002_000019\.png, of 3 pictures; predict th"
    ):
        scored(home, predictions, tmp_path / "out")
    scores = scored(home, predictions, tmp_path / "out", "allow_missing=true")
    assert (scores["num_missing"], scores["num_pictures"]) == (1, 2)


def test_files_named_another_way_are_found(home, predictions, tmp_path):
    for path in sorted(predictions.iterdir()):
        (predictions / path.stem[:6]).mkdir(exist_ok=True)
        path.rename(predictions / path.stem[:6] / f"{path.stem}_pred.png")
    with pytest.raises(ValueError, match=r"say what follows the names \(ending=_pred\)"):
        scored(home, predictions, tmp_path / "out")
    assert scored(home, predictions, tmp_path / "out", "ending=_pred")["num_pictures"] == 3


def test_what_is_written_never_lies_among_what_is_scored(home, predictions, tmp_path):
    for folder, output in (
        (predictions, predictions),
        (tmp_path / "mine" / "predictions", tmp_path / "mine"),
        (predictions, predictions / "out"),
    ):
        before = {path: path.read_bytes() for path in folder.rglob("*.png")}
        with pytest.raises(ValueError, match=r"its predictions/ would lie among those that are scored"):
            scored(home, folder, output, "raw_ids=true")
        assert before == {path: path.read_bytes() for path in folder.rglob("*.png")}


def test_a_part_of_a_split_is_no_score(home, predictions, tmp_path):
    for option in ("data.limits.test=2", "data.splits.test=train"):
        with pytest.raises(ValueError, match="a score is of the whole split that split=val names"):
            scored(home, predictions, tmp_path / "out", option)
    with pytest.raises(ValueError, match="2 pictures were scored, but the split has 3: leave"):
        evaluated(home, tmp_path / "part", "+trainer.limit_test_batches=2")
    assert not (tmp_path / "part" / "scores.json").exists()


def test_predictions_of_pictures_that_folders_name(tmp_path):
    """Where stems repeat, a picture is named by its folders too; other files are of no matter."""
    files = ("a/1.png", "b/1.png", "b/2.png")
    pairs = [Pair(file.replace("/", "_")[:-4], Path("images") / file, None) for file in files]
    for file in (*files, "c/9.png", "d/9.png"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / file)
    assert list(predictions_of.find(pairs, tmp_path).values()) == [tmp_path / file for file in files]
    with pytest.raises(ValueError, match=r"d/9\.png: a prediction of picture '9', as \S+c/9\.png; keep one"):
        predictions_of.find([Pair("9", Path("9.png"), None)], tmp_path)


def test_ids_beyond_a_label_file_are_no_class(tmp_path):
    labels = label_set("odd", ["bg", "obj"], raw_ids={"bg": 0, "obj": 255}, ignore=())
    Image.fromarray(np.array([[0, 255, 300, 1000]], np.uint16)).save(tmp_path / "x.png")
    assert predictions_of.read_prediction(tmp_path / "x.png", labels, raw_ids=True).tolist() == [
        [0, 1, 255, 255]
    ]
    assert predictions_of.read_prediction(tmp_path / "x.png", labels).tolist() == [[0, 255, 255, 255]]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("boundary_width=abc", "boundary_width=abc: expected a share"),
        ("boundary_width=true", "boundary_width=True: expected a share"),
        ("pictures=1.5", r"pictures=1\.5: expected a number of pictures"),
        ("pictures=-1", "pictures=-1: expected a number of pictures"),
    ],
)
def test_wrong_options_are_told_before_any_work(home, tmp_path, option, message):
    for run in (evaluated, lambda *args: scored(args[0], tmp_path, *args[1:])):
        with pytest.raises(ValueError, match=message):
            run(home, tmp_path / "out", option)
    with pytest.raises(ValueError, match="raw_ids=maybe: expected true or false"):
        scored(home, tmp_path, tmp_path / "out", "raw_ids=maybe")


def test_costs_are_those_of_the_evaluation_as_it_ran(home, tmp_path):
    plain = evaluated(home, tmp_path / "plain")["costs"]
    twice = evaluated(home, tmp_path / "twice", "inference.flip=true")["costs"]
    assert twice["gmac"] == 2 * plain["gmac"]
    assert plain["device"].startswith("cpu (")
    weights = torch.load(home / "run/last.ckpt", weights_only=True)["state_dict"]
    learnt = sum(w.numel() for name, w in weights.items() if re.search(r"^net.*(weight|bias)$", name))
    assert plain["num_parameters"] == learnt
    assert plain["size"] == [48, 64]
    assert 0 < plain["seconds_per_picture"] < 10


def test_another_size_or_another_kind_of_file_is_refused_by_name(home, predictions, tmp_path):
    path = predictions / "bochum_000001_000019.png"
    Image.open(path).resize((32, 24)).save(path)
    with pytest.raises(
        ValueError, match=r"bochum_000001_000019\.png: a prediction of 32x24 pixels for labels of 64x48"
    ):
        scored(home, predictions, tmp_path / "out")
    Image.open(path).convert("RGB").save(path)
    with pytest.raises(
        ValueError, match=r"bochum_000001_000019\.png: a file of mode RGB; expected one channel"
    ):
        scored(home, predictions, tmp_path / "out")
    with pytest.raises(ValueError, match=r"predictions=\S*nowhere: no such folder"):
        scored(home, tmp_path / "nowhere", tmp_path / "out")


def test_two_processes_write_the_same_scores_predictions_and_counts(command, home):
    """The whole of scores.json, but for what it cost."""
    run = ("evaluate.py", f"checkpoint={home}/run/last.ckpt", "data.num_workers=0")
    command.succeed(*run, "trainer=cpu", "output=one")
    command.two(*run, "output=two")
    one, two = (json.loads((command.folder / name / "scores.json").read_text()) for name in ("one", "two"))
    for scores in (one, two):
        scores.pop("costs")
    assert one == two
    for path in (command.folder / "one" / "predictions").iterdir():
        assert path.read_bytes() == (command.folder / "two" / "predictions" / path.name).read_bytes()


def test_voc_palette(tmp_path):
    fabricate.voc2012(tmp_path / "voc")
    (tmp_path / "run").mkdir()
    train(compose_command("train", ["data=voc2012", f"paths.data={tmp_path}", *SMALL], tmp_path / "run"))
    evaluated(tmp_path, tmp_path / "out", "split=test", "export_format=voc")
    folder = tmp_path / "out/voc/results/VOC2012/Segmentation/comp6_test_cls"
    names = (tmp_path / "voc/VOCdevkit/VOC2012/ImageSets/Segmentation/test.txt").read_text().split()
    assert sorted(path.stem for path in folder.glob("*.png")) == sorted(names)
    image = Image.open(folder / f"{names[0]}.png")
    assert image.mode == "P"
    indices = np.array(Image.open(tmp_path / "out/predictions" / f"{names[0]}.png"))
    assert (np.array(image) == indices).all()
    truth = Image.open(next((tmp_path / "voc/VOCdevkit/VOC2012/SegmentationClass").glob("*.png")))
    assert image.getpalette()[: 3 * 21] == truth.getpalette()[: 3 * 21]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [pytest.param("whole, flipped too", marks=pytest.mark.faults), "slide"])
def test_a_large_picture_takes_little_memory(mode):
    """2048x1024, 19 classes, MobileNetV2."""
    script = CHECKOUT / "benchmarks" / "evaluation_ways.py"
    done = subprocess.run(
        [sys.executable, script, mode, "1024", "2048"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["mib"] < 2.3 * 1024


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ([], "evaluate-val-last"),
        (["split=test", "inference=slide"], "evaluate-test-last-slide"),
        (
            ["inference.flip=true", "inference.scales=[0.75,1.0]"],
            "evaluate-val-last-flip_true-scales_0.75_1.0",
        ),
    ],
)
def test_another_inference_has_another_folder(home, options, folder):
    register_resolvers()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        options = [f"checkpoint={home}/run/last.ckpt", *options]
        cfg = compose("evaluate", options, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    assert cfg.hydra.run.dir == f"{home}/run/{folder}"


def test_many_views_read_each_picture_once_and_a_cache_changes_nothing(home, tmp_path, monkeypatch):
    read, reads = reading.read_pair, []
    monkeypatch.setattr(
        reading, "read_pair", lambda pair, *rest: reads.append(pair.name) or read(pair, *rest)
    )
    options = ("inference.flip=true", "inference.scales=[0.5,1.0]", "pictures=0")
    plain = evaluated(home, tmp_path / "plain", *options)
    assert len(reads) == len(set(reads)) == plain["num_pictures"]
    options += ("data.cache=disk", f"data.cache_dir={tmp_path}/pixels")
    for name in ("filling", "filled"):
        kept = evaluated(home, tmp_path / name, *options)
        assert {**kept, "costs": None} == {**plain, "costs": None}
    assert len(reads) == plain["num_pictures"]
