"""The commands as people run them, in processes of their own."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
import torch
import yaml
from conftest import CHECKOUT, TINY

from atrous import checkpoint
from atrous.run_folder import read_values

CPU = ("trainer.accelerator=cpu", "data.num_workers=0")
NET = ("model=unet_paper", "model.net.width=4", "model.net.batch_norm=true")  # small checkpoints


def confusion(folder):
    with (folder / "confusion.csv").open() as file:
        rows = list(csv.reader(file))
    return np.array([[int(count) for count in row[1:]] for row in rows[1:]])


def trained(command, *options, run="run"):
    command.succeed("train.py", *TINY, f"hydra.run.dir={run}", *options)
    return command.folder / run


def test_evaluation_equals_the_validation_in_training_to_the_last_count(command):
    run = trained(command, *NET, "trainer.max_steps=6", "trainer.precision=bf16-mixed", "data.num_workers=2")
    printed = command.succeed("evaluate.py", f"checkpoint={run}/last.ckpt", *CPU)
    scored = run / "evaluate-val-last"
    assert (confusion(scored) == confusion(run / "validation")).all()
    scores = json.loads((scored / "scores.json").read_text())
    assert scores["split"] == "val"
    assert scores["num_pictures"] == 5
    assert json.loads((run / "validation" / "scores.json").read_text())["num_pictures"] == 5
    assert "val/miou" in (run / "train.log").read_text()
    assert scores["inference"]["_target_"] == "atrous.inference.Inference"
    assert scores["num_pixels"] == confusion(scored).sum()
    assert set(scores["iou"]) == {"ground", "disk", "square", "triangle", "ring"}
    assert f"{100 * scores['miou']:.2f}" in printed
    logged = [line["val/miou"] for line in read_values(run) if "val/miou" in line]
    assert logged[-1] == pytest.approx(scores["miou"], abs=1e-6)
    assert len(list((scored / "predictions").glob("*.png"))) == 5
    assert "</html>" in (scored / "report.html").read_text()

    # The number of workers changes nothing; the batch size flips ties at most.
    command.succeed(
        "evaluate.py", f"checkpoint={run}/last.ckpt", "output=workers", "data.num_workers=2", CPU[0]
    )
    assert (confusion(command.folder / "workers") == confusion(scored)).all()
    command.succeed(
        "evaluate.py", f"checkpoint={run}/last.ckpt", "output=batch", "data.eval_batch_size=5", *CPU
    )
    moved = np.abs(confusion(command.folder / "batch") - confusion(scored)).sum() / 2
    assert moved <= 1e-5 * scores["num_pixels"]

    # Windows of the pictures' own size are the whole picture; smaller ones are another prediction.
    slide = ("evaluate.py", f"checkpoint={run}/last.ckpt", "inference=slide", *CPU)
    command.succeed(*slide, "output=one", "inference.window=[64,64]", "inference.stride=[64,64]")
    assert (
        np.abs(confusion(command.folder / "one") - confusion(scored)).sum() / 2 <= 1e-5 * scores["num_pixels"]
    )
    command.succeed(*slide, "output=many", "inference.window=[32,32]", "inference.stride=[16,16]")
    assert confusion(command.folder / "many").sum() == scores["num_pixels"]
    assert (confusion(command.folder / "many") != confusion(scored)).any()


def test_two_processes_train_and_score_as_one(command):
    """An odd number of pictures, unequal numbers of batches (5 on two ranks: 3 and 2), and batch norm."""
    run = trained(
        command,
        *NET,
        "trainer=ddp",
        "trainer.devices=2",
        "data.batch_size=2",
        "trainer.max_steps=4",
        "trainer.val_check_interval=2",
    )
    in_training = confusion(run / "validation")
    one = ("evaluate.py", f"checkpoint={run}/last.ckpt", "data.num_workers=0")
    command.succeed(*one, "output=one", "trainer.accelerator=cpu")
    command.two(*one, "output=two")
    assert (confusion(command.folder / "one") == in_training).all()
    assert (confusion(command.folder / "two") == in_training).all()
    assert json.loads((command.folder / "two" / "scores.json").read_text())["num_pictures"] == 5


def test_resume_goes_on_in_the_folder_and_with_the_config_of_the_run(command):
    run = trained(command, *NET, "optimizer=sgd", "trainer.max_steps=3")
    before = checkpoint.load(run / "last.ckpt")
    printed = command.succeed("train.py", f"resume={run}/last.ckpt", "trainer.max_steps=5")
    after = checkpoint.load(run / "last.ckpt")
    assert str(run) in printed
    assert (before["global_step"], after["global_step"]) == (3, 5)
    assert after["atrous"]["config"]["optimizer"]["algorithm"]["_target_"] == "torch.optim.SGD"
    assert [line["step"] for line in read_values(run) if "val/miou" in line] == [3, 5]
    refused = command.fail("train.py", f"resume={run}/last.ckpt", "model=fpn")
    assert "model=fpn cannot be changed" in refused
    assert "optimizer.lr=1 cannot be changed" in command.fail(
        "train.py", f"resume={run}/last.ckpt", "optimizer.lr=1"
    )
    finished = command.fail("train.py", f"resume={run}/last.ckpt", "trainer.max_steps=5")
    assert "its training is finished after 5 steps; to go on raise trainer.max_steps" in finished


def test_class_weights_are_counted_once_and_kept_with_the_run(command):
    weighted = ("class_weights=median_frequency", "paths.cache=cache", *NET)
    printed = command.succeed("train.py", *TINY, *weighted, "hydra.run.dir=run")
    assert printed.count("counting the classes in 12 label files") == 1
    assert "counting" not in command.succeed("train.py", *TINY, *weighted, "hydra.run.dir=again")
    run = command.folder / "run"
    weights = checkpoint.read(run / "last.ckpt").config["class_weights"]["values"]
    assert len(weights) == 5
    assert yaml.safe_load((run / "config.yaml").read_text())["class_weights"]["values"] == weights

    shutil.rmtree(command.folder / "cache")
    resumed = command.succeed(
        "train.py", f"resume={run}/last.ckpt", "trainer.max_steps=4", "data.limits.train=8"
    )
    assert "counting" not in resumed
    assert checkpoint.read(run / "last.ckpt").config["class_weights"]["values"] == weights


def test_two_processes_draw_by_class_and_mix(command):
    options = ("data.batch_size=2", "class_weights=inverse_log", "sampling=class_uniform", "mix=classmix")
    command.two("train.py", *TINY, *NET, *options, "hydra.run.dir=run")
    stored = checkpoint.read(command.folder / "run" / "last.ckpt")
    assert len(stored.config["class_weights"]["values"]) == 5


def test_a_checkpoint_stands_alone_and_is_plain_data(command):
    run = trained(command, "model=unet", "model.encoder=mobilenet_v2")
    assert {path.name for path in run.iterdir()} >= {
        "best.ckpt",
        "last.ckpt",
        "config.yaml",
        "pictures",
        "train.log",
    }
    stored = torch.load(run / "best.ckpt", weights_only=True)
    assert stored["atrous"]["labels"]["classes"] == ["ground", "disk", "square", "triangle", "ring"]
    assert stored["optimizer_states"]
    assert stored["loops"]
    moved = command.folder / "elsewhere.ckpt"
    (run / "best.ckpt").rename(moved)
    command.succeed(
        "evaluate.py", f"checkpoint={moved}", f"paths.data={command.folder / 'data'}", "split=test", *CPU
    )
    assert (command.folder / "evaluate-test-elsewhere" / "scores.json").is_file()
    assert (command.folder / "data" / "synthetic").is_dir()


def test_a_checkpoint_of_more_classes_than_its_label_set_or_the_data_have(command):
    run = trained(command, *NET)
    stored = torch.load(run / "last.ckpt", weights_only=True)
    for name in ("classes", "colors"):
        stored["atrous"]["labels"][name].pop()
    del stored["atrous"]["labels"]["raw_ids"][4]
    torch.save(stored, run / "fewer.ckpt")
    said = command.fail("evaluate.py", f"checkpoint={run}/fewer.ckpt", *CPU)
    assert "trained with label set 'synthetic_5' of 4 classes, but the data have 'synthetic_5' of 5" in said


def leaderboard(command):
    with (command.folder / "sweep" / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_sweep_ends_with_a_table_ordered_by_the_objective(command):
    varied = ("model=linknet,unet", "hydra.sweep.dir=sweep", "logger=wandb")
    printed = command.succeed("train.py", "-m", *TINY, *varied)
    rows = leaderboard(command)
    assert {row["model"] for row in rows} == {"linknet", "unet"}
    objectives = [float(row["objective"]) for row in rows]
    assert objectives == sorted(objectives, reverse=True)
    for row in rows:
        run = command.folder / "sweep" / row["run"]
        scored = json.loads((run / "validation" / "scores.json").read_text())
        assert float(row["objective"]) == pytest.approx(scored["miou"], abs=1e-6)
        assert row["model"] in printed
        assert len(list((run / "wandb").glob("offline-run-*"))) == 1  # a run a job
        identity = json.loads((run / "identity.json").read_text())
        assert identity["group"] == "sweep"
        assert identity["name"] == f"sweep/{row['run']}"
        assert identity["tags"] == [row["model"], "synthetic"]


def test_a_job_that_fails_does_not_lose_the_sweep(command):
    sweep = ("train.py", "-m", *TINY, *NET, "data.splits.val=nowhere,val", "hydra.sweep.dir=sweep")
    done = command(*sweep)
    assert done.returncode == 1
    assert "atrous: split 'nowhere': the synthetic data set has no such split" in done.stderr
    assert "atrous: run 0 failed (exit status 1)" in done.stderr
    assert "1 of the sweep's runs failed: 0" in done.stderr
    assert "largest first" in done.stdout
    done, failed = leaderboard(command)
    assert (done["data.splits.val"], failed["data.splits.val"]) == ("val", "nowhere")
    assert float(done["objective"]) >= 0
    assert failed["objective"] == "nan"


def test_own_configs_join(command):
    import fabricate

    root = command.folder / "data" / "pets"
    fabricate.folder(root)
    for label in sorted((root / "labels").rglob("*.png")):
        label.rename(label.with_name(f"{label.stem}_mask.png"))
    own = CHECKOUT / "tests" / "conf"
    command.succeed(
        "train.py",
        f"--config-dir={own}",
        "data=pets",
        "paths.data=data",
        "data.batch_size=2",
        *CPU,
        "trainer.max_steps=2",
        "hydra.run.dir=run",
    )
    stored = checkpoint.read(command.folder / "run" / "last.ckpt")
    assert stored.labels.classes == ("ground", "cat", "dog")
    assert stored.labels.colors[1] == (220, 20, 60)


def test_help_shows_choices_and_values(command):
    printed = command.succeed("train.py", "--help")
    assert re.search(r"model: .*deeplabv3plus.*unet", printed)
    assert "max_steps" in printed
    assert "-m" in printed
    assert "split: val" in command.succeed("evaluate.py", "--help")
    assert "lr: 0.001" in command.succeed("train.py", "--cfg", "job")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["train.py", "model=deeplabv3pluss"],
            "model=deeplabv3pluss: no such choice, did you mean deeplabv3plus; choose",
        ),
        (
            ["train.py", "optimizer.lrr=1"],
            "optimizer.lrr: no such option, did you mean lr; known here: lr, weight_decay",
        ),
        (["train.py", "modl=unet"], "modl: no such option, did you mean model; known here: seed, resume"),
        (["train.py", "model"], "not an option; it is a choice to be made: model=deeplabv3|"),
        (["train.py", "data=camvid"], "/camvid: no such folder; CamVid is expected there"),
        (["train.py", "data=folder"], "data.layout.label_set.name"),
        (["train.py", "data.splits.val=dev"], "split 'dev': the synthetic data set has no such split"),
        (["train.py", "resume=nowhere.ckpt"], "resume=nowhere.ckpt: no such file"),
        (["train.py", "model.encoder_weights=a/b.pth"], "model.encoder_weights=a/b.pth: no such file"),
        (["evaluate.py"], "checkpoint is not given: checkpoint=runs/.../best.ckpt"),
        (
            ["evaluate.py", "checkpoint=x.ckpt", "data=camvid"],
            "data: no such choice for this command; --help",
        ),
        (["-m", "atrous", "score"], "data is not given: data=NAME, with one of ade20k, camvid, camvid_full"),
        (
            ["-m", "atrous", "score", "data=camvid"],
            "predictions is not given: predictions=FOLDER, of index PNGs",
        ),
        (["-m", "atrous", "score", "data=camvid", "predictions=x"], "output is not given: output=FOLDER"),
        (["evaluate.py", "checkpoint=nowhere.ckpt"], "checkpoint=nowhere.ckpt: no such file"),
        (["evaluate.py", f"checkpoint={CHECKOUT}/README.md", "output=here"], "not a checkpoint of Atrous"),
        (["train.py", "loss=[]"], "no loss is chosen"),
        (
            ["train.py", "loss=[crossentropy]"],
            "loss=crossentropy: no such choice, did you mean cross_entropy; choose one of",
        ),
        (["train.py", "data.crop_size=33"], "data.crop_size=33: expected [height, width]"),
        (["train.py", "data.batch_size=0"], "data.batch_size=0: expected a whole number, 1 or more"),
        (["evaluate.py", "checkpoint=."], "checkpoint=.: a folder; give a checkpoint in it"),
        (["train.py", "model.encoder=resnet17"], "model.encoder=resnet17: no such encoder"),
        (["train.py", "--config-dir=nowhere"], "nowhere: no such folder"),
        (["train.py", "mix=copy_paste"], "mix.classes=[]: expected a list of class names"),
        (
            ["train.py", "mix=copy_paste", "mix.classes=[rng]"],
            "has no class 'rng'; its classes: ground, disk",
        ),
        (["train.py", "sampling.share=1"], "sampling.share: no such option"),
        (
            ["train.py", "class_weights=inverse_log", "loss=dice"],
            "class_weights are chosen, but no loss takes them",
        ),
        (["train.py", "loss=boundary", "loss.boundary.loss.radius=0"], "radius=0, strength=4.0: expected a"),
    ],
)
def test_wrong_input_is_told_in_a_sentence(command, args, message):
    said = command.fail(*args)
    assert said.startswith("atrous: ")
    assert message in said


def test_a_damaged_file_in_training_is_named_through_worker_processes(command):
    import fabricate

    fabricate.camvid(command.folder / "camvid")
    for label in (command.folder / "camvid" / "trainannot").iterdir():
        label.write_bytes(label.read_bytes()[:60])
    said = command.fail(
        "train.py",
        "data=camvid",
        "paths.data=.",
        "data.num_workers=2",
        "data.batch_size=2",
        "data.crop_size=[32,32]",
        "trainer.max_steps=2",
        "trainer.accelerator=cpu",
        *NET,
    )
    assert re.search(r"atrous: \S*trainannot/0001TP_\d+.png: cannot be read as a picture", said)


def test_an_empty_split_is_told(command):
    for folder in ("train", "trainannot", "val", "valannot"):
        (command.folder / "camvid" / folder).mkdir(parents=True)
    said = command.fail("train.py", "data=camvid", "paths.data=.")
    assert "split 'train' is empty" in said


def test_a_split_without_labels_cannot_be_scored(command):
    import fabricate

    fabricate.cityscapes(command.folder / "cityscapes")
    said = command.fail("train.py", "data=cityscapes", "paths.data=.", "data.splits.val=test")
    assert "split 'test' has no labels" in said
