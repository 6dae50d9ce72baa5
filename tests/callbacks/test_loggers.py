"""One offline training that goes on, and what each logger then holds of it; a logger that fails."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Command
from PIL import Image

from atrous.callbacks.loggers.identity import identity
from atrous.callbacks.loggers.recorder import Recorder
from atrous.callbacks.loggers.sink import Run, Sample, Sink, Validation, flat
from atrous.callbacks.loggers.tensorboard import TensorBoard
from atrous.callbacks.loggers.wandb import Wandb
from atrous.data.layouts.synthetic import LABELS
from atrous.labels import LabelSet
from atrous.metrics.counts import PictureCounts
from atrous.metrics.evaluation import Evaluation
from atrous.run_folder import read_values

CLASSES = ["ground", "disk", "square", "triangle", "ring"]
STEPS = [1, 2, 3, 4, 5]


@pytest.fixture(scope="module")
def run(tmp_path_factory, scenes):
    """The folder of a training of three steps that then goes on to five."""
    command = Command(tmp_path_factory.mktemp("loggers"), scenes)
    options = (
        "trainer.max_steps=3",
        "data.schedule.validate_every=2",
        "trainer.log_every_n_steps=1",
        "model=unet",
        "optimizer.encoder_lr_factor=0.1",
        "logger=[wandb,tensorboard,mlflow,csv]",
        "logger.wandb.artifact=true",
        "logger.wandb.tags=[mine]",
        "logger.wandb.notes=a note",
        "logger.wandb.group=several",
        "+mine.api_key=hunter2",
    )
    command.succeed("train.py", *TINY, *options, "hydra.run.dir=runs/one")
    command.succeed("train.py", "resume=runs/one/last.ckpt", "trainer.max_steps=5")
    return command.folder / "runs" / "one"


@pytest.fixture(scope="module")
def records(run):
    """What W&B keeps of both parts, in order: of each its records, as (kind, content)."""
    program = Path(sys.executable).with_name("wandb")
    parts = []
    for folder in sorted((run / "wandb").glob("offline-run-*")):
        done = subprocess.run(
            [program, "leet", "inspect", "--json", folder], capture_output=True, text=True, check=True
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        parts.append([(line["type"], line.get(line["type"])) for line in lines])
    return parts


def of_kind(part, kind):
    return [content for name, content in part if name == kind]


def histories(records):
    return [content["item"] for part in records for content in of_kind(part, "history")]


def test_wandb_goes_on_in_the_same_run(run, records):
    first, second = (of_kind(part, "run")[0] for part in records)
    kept = json.loads((run / "identity.json").read_text())
    for part in (first, second):
        assert part["run_id"] == kept["id"]
        assert part["display_name"] == "runs/one"
        assert part["run_group"] == "several"
        assert part["job_type"] == "train"
        assert part["notes"] == "a note"
        assert part["tags"] == ["mine", "unet", "synthetic"]
        assert part["resume"] is True
    for name in ("train/loss", "train/gradient_norm", "train/lr/head", "train/lr/encoder"):
        own = [(row["trainer/global_step"], row[name]) for row in histories(records) if name in row]
        assert own == [(line["step"], line[name]) for line in read_values(run) if name in line]
        assert [step for step, _ in own] == STEPS
    scored = [row for row in histories(records) if "val/miou" in row]
    assert [row["trainer/global_step"] for row in scored] == [2, 3, 4, 5]
    assert all(f"val/iou/{name}" in row for row in scored for name in CLASSES)
    assert [of_kind(part, "exit")[0]["exit_code"] for part in records] == [0, 0]


def test_wandb_holds_the_config_and_no_secret(records):
    for part in records:
        config = of_kind(part, "config")[0]["update"]
        assert config["mine"] == {"api_key": "<redacted>"}
        assert config["optimizer"]["encoder_lr_factor"] == 0.1
        assert config["code"]["atrous"]
    arguments = of_kind(records[0], "environment")[0]["args"]
    assert "+mine.api_key=<redacted>" in arguments
    assert "model=unet" in arguments


def test_wandb_shows_pictures_with_truth_and_prediction_by_class(run, records):
    pictures = [row for row in histories(records) if "val/pictures._type" in row]
    assert [row["trainer/global_step"] for row in pictures] == [2, 3, 4, 5]
    captions = [row["val/pictures.captions"] for row in pictures]
    assert len(captions[0]) == 4
    assert all(each == captions[0] for each in captions)  # the same samples
    folder = min(run.glob("wandb/offline-run-*/files"))  # of the first part
    masks = pictures[0]["val/pictures.all_masks"][0]
    for name in ("prediction", "truth"):
        pixels = np.asarray(Image.open(folder / masks[name]["path"]))
        assert set(np.unique(pixels)) <= {0, 1, 2, 3, 4, 255}
    labels = of_kind(records[0], "config")[-1]["update"]["_wandb"]["mask/class_labels"]
    named = {key.rpartition("_")[2]: list(each["value"].values()) for key, each in labels.items()}
    assert sorted(named["prediction"]) == sorted(CLASSES)
    assert sorted(named["truth"]) == sorted([*CLASSES, "ignored"])


def test_wandb_holds_scores_by_class_and_the_confusion_matrix(run, records):
    scored = json.loads((run / "validation" / "scores.json").read_text())
    tables = sorted(run.glob("wandb/offline-run-*/files/media/table/val/classes_*.json"))
    assert len(tables) == 4  # one a validation
    row = [row for row in histories(records) if "val/classes.path" in row][-1]
    (last,) = run.glob(f"wandb/offline-run-*/files/{row['val/classes.path']}")
    table = json.loads(last.read_text())
    iou = {each[0]: each[table["columns"].index("iou")] for each in table["data"]}
    assert iou == pytest.approx(scored["iou"])
    (plot,) = run.glob(f"wandb/offline-run-*/files/{row['val/confusion.path']}")
    assert np.asarray(Image.open(plot)).std() > 10


def test_wandb_keeps_the_checkpoints_as_one_artifact(run, records):
    models = [each for part in records for each in of_kind(part, "artifact") if each["type"] == "model"]
    aliases = [set(each["aliases"]) - {"latest"} for each in models]
    assert [names & {"last", "best"} for names in aliases] == [{"last"}, {"best"}] * 2
    assert "step-3" in aliases[0]
    assert "step-5" in aliases[2]
    assert {each["name"] for each in models} == {f"model-{models[0]['run_id']}"}
    for each in models:  # also those of the first part are what they were
        (file,) = each["manifest"]["contents"]
        path = Path(file["local_path"])
        assert path.stat().st_size == int(file["size"])
        assert path.is_relative_to(run)


def test_tensorboard_holds_the_same(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/gradient_norm", "train/lr/encoder", "val/iou/ring"} <= set(tags["scalars"])
    assert [each.step for each in events.Scalars("train/loss")] == STEPS
    assert [each.step for each in events.Images("val/confusion")] == [2, 3, 4, 5]
    assert len([tag for tag in tags["images"] if tag.startswith("val/pictures/")]) == 4
    assert "hparams" in events.summary_metadata["_hparams_/experiment"].plugin_data.plugin_name


def test_mlflow_holds_the_same(run, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient((run.parent / "mlruns").as_uri())
    (found,) = client.search_runs([client.get_experiment_by_name("atrous").experiment_id])
    assert found.info.run_name == "runs/one"
    assert found.info.status == "FINISHED"
    assert found.data.tags["labels"] == "unet, synthetic"
    assert found.data.params["optimizer.encoder_lr_factor"] == "0.1"
    assert found.data.params["mine.api_key"] == "<redacted>"
    history = client.get_metric_history(found.info.run_id, "train/loss")
    assert [each.step for each in history] == STEPS
    assert "val/iou/ring" in found.data.metrics
    files = {each.path for each in client.list_artifacts(found.info.run_id, "images")}
    assert len([path for path in files if "confusion" in path and path.endswith(".png")]) == 4
    table = Path(client.download_artifacts(found.info.run_id, "val/classes.json"))
    assert [each["class"] for each in json.loads(table.read_text())["classes"]] == CLASSES


def test_the_table_has_a_row_a_step(run):
    with (run / "values.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == STEPS
    assert [row["step"] for row in rows if row["val/miou"]] == ["2", "3", "4", "5"]


class Failing(Sink):
    """A disk that is full from the second value on."""

    def __init__(self, begins=True):
        self.begins, self.taken = begins, []

    def begin(self, run, step):
        if not self.begins:
            raise OSError("no server")

    def values(self, values, step):
        self.taken.append(step)
        if step > 1:
            raise OSError("disk full")

    def samples(self, samples, step): ...
    def validation(self, validation, step): ...
    def checkpoints(self, kept): ...
    def end(self, code):
        self.taken.append(f"ended {code}")


RUN = Run(Path(), "a", "b", None, (), {}, (), {})


def test_a_logger_that_fails_is_told_once_and_ends_nothing():
    sink = Failing()
    recorder = Recorder(sink)
    recorder.log_metrics({"a": 1.0}, step=0)  # not begun: of another process
    recorder.begin(RUN, 0)
    recorder.log_metrics({"a": 1.0}, step=0)
    with pytest.warns(UserWarning, match=r"logger Failing: OSError: disk full; the training goes on"):
        recorder.log_metrics({"a": 1.0}, step=1)
    recorder.log_metrics({"a": 1.0}, step=2)
    recorder.code = 143
    recorder.finalize("failed")
    recorder.finalize("failed")
    assert sink.taken == [1, 2, 3, "ended 143"]


def test_a_logger_that_cannot_begin_is_left_out():
    sink = Failing(begins=False)
    recorder = Recorder(sink)
    with pytest.warns(UserWarning, match="no server"):
        recorder.begin(RUN, 0)
    recorder.log_metrics({"a": 1.0}, step=0)
    recorder.finalize("success")
    assert sink.taken == []


def test_an_identity_stays(tmp_path):
    first = identity(tmp_path / "sweep" / "0", "sweep", ("unet",))
    assert first.name == "sweep/0"
    assert first.id.isalnum()
    shutil.move(tmp_path / "sweep" / "0", tmp_path / "moved")
    assert identity(tmp_path / "moved", None, ("fpn",)) == first
    assert identity(tmp_path / "other", None, ()).id != first.id
    (tmp_path / "moved" / "identity.json").write_text("{")
    with pytest.raises(ValueError, match=r"identity\.json: damaged .* take it away"):
        identity(tmp_path / "moved", None, ())


def test_tags_are_a_list(tmp_path):
    for tags in ("mine", [""], ["x" * 65], [3]):
        with pytest.raises(ValueError, match=r"logger\.wandb\.tags=.*expected a list of texts"):
            Wandb("p", tmp_path, tags=tags)


def test_pictures_are_made_smaller_without_new_labels():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (100, 300, 3), np.uint8)
    truth = random.choice(np.array([0, 4, 255], np.uint8), (100, 300))
    sample = Sample("a", image, truth, truth, LABELS)
    small = sample.smaller(150)
    assert small.image.shape == (50, 150, 3)
    assert set(np.unique(small.truth)) == {0, 4, 255}
    assert sample.smaller(300) is sample


def test_the_confusion_matrix_of_many_classes_is_a_picture_of_bounded_size():
    classes = tuple(f"class {index}" for index in range(150))
    labels = LabelSet("many", classes, ((1, 2, 3),) * 150, {index: index for index in range(150)})
    cells = np.arange(151**2)
    counts = PictureCounts(
        "a",
        (10, 10),
        cells,
        np.ones_like(cells),
        np.ones((150, 2), np.int64),
        np.zeros((0, 3)),
        np.zeros((0, 2)),
    )
    validation = Validation(Evaluation.of([counts], labels))
    assert len(validation.rows) == 150
    height, width, _ = validation.confusion.shape
    assert 500 < height < 1300
    assert 500 < width < 1300


def test_nested_values_are_flattened():
    assert flat({"a": {"b": [1, {"c": None}], "d": {}}, "e": []}) == {
        "a.b.0": 1,
        "a.b.1.c": None,
        "a.d": {},
        "e": [],
    }


def test_files_are_whole_and_readable_by_others(tmp_path):
    from atrous.whole import write_whole

    path = tmp_path / "new" / "file"
    write_whole(path, "one")
    write_whole(path, b"two", to_disk=True)
    assert path.read_text() == "two"
    assert os.listdir(path.parent) == ["file"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_tensorboard_forgets_a_run_that_begins_once_more(tmp_path):
    """As resume=auto does before the first checkpoint."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for offset in (0, 10):
        logger = TensorBoard(tmp_path)
        logger.begin(Run(tmp_path, "id", "name", None, (), {}, (), {}), 0)
        for step in (1, 2, 3):
            logger.values({"loss": step + offset}, step)
        logger.end(0)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(each.step, each.value) for each in events.Scalars("loss")] == [(1, 11), (2, 12), (3, 13)]
