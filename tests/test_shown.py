"""What is logged and stored holds no secret, and nothing out of the environment."""

from types import SimpleNamespace

import pytest
import yaml
from conftest import TINY
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobStatus
from hydra.types import RunMode
from omegaconf import OmegaConf

from atrous import build, checkpoint
from atrous.sweeps.leaderboard import Leaderboard

VALUE = "qzv8-from-the-environment"


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("ATROUS_TEST_VALUE", VALUE)
    monkeypatch.delenv("ATROUS_TEST_UNSET", raising=False)


def test_values_of_the_environment_are_shown_as_their_names(environment):
    cfg = OmegaConf.create(
        {
            "folder": "${oc.env:ATROUS_TEST_VALUE}",
            "root": "${folder}/camvid",
            "layout": {"root": "${root}", "list": ["${layout.root}", 1]},
            "same": "${layout}",
            "made": "${oc.create:{inner: '${root}'}}",
            "decoded": "${oc.decode:${folder}}",
            "default": "${oc.env:ATROUS_TEST_UNSET,elsewhere}",
            "unset": "${oc.env:ATROUS_TEST_UNSET}",
            "lost": "${nowhere}",
            "nothing": None,
            "missing": "???",
            "number": "${layout.list[1]}",
        }
    )
    before = cfg.root
    name = "${oc.env:ATROUS_TEST_VALUE}"
    layout = {"root": f"{name}/camvid", "list": [f"{name}/camvid", 1]}
    assert build.shown(cfg) == {
        "folder": name,
        "root": f"{name}/camvid",
        "layout": layout,
        "same": layout,
        "made": {"inner": f"{name}/camvid"},
        "decoded": name,
        "default": "elsewhere",
        "unset": "${oc.env:ATROUS_TEST_UNSET}",
        "lost": "${nowhere}",
        "nothing": None,
        "missing": "???",
        "number": 1,
    }
    assert before == cfg.root == cfg.layout.root == f"{VALUE}/camvid"  # the run itself sees the value


def test_what_cannot_be_computed_without_the_value_is_its_text(environment):
    OmegaConf.register_new_resolver("half_of_test", lambda text: text[: text.index("-")], replace=True)
    cfg = OmegaConf.create({"half": "${half_of_test:${oc.env:ATROUS_TEST_VALUE}}"})
    assert cfg.half == "qzv8"
    assert build.shown(cfg) == {"half": "${half_of_test:${oc.env:ATROUS_TEST_VALUE}}"}
    OmegaConf.clear_resolver("half_of_test")


@pytest.mark.parametrize(
    "key",
    ["api_key", "WANDB_API_KEY", "apiKey", "token", "hf_token", "password", "secret", "client-secret"],
)
def test_secrets_are_known_by_their_keys(key):
    cfg = OmegaConf.create({"logger": {"wandb": {key: "hunter2", "project": "mine"}}})
    for made in (build.shown(cfg), build.written(cfg)):
        assert made == {"logger": {"wandb": {key: "<redacted>", "project": "mine"}}}


def test_what_only_sounds_like_a_secret_stays():
    plain = {"num_tokens": 3, "class_token": True, "key": "a", "token": None, "keys": ["b"], "tokenizer": "c"}
    assert build.redacted(plain) == plain
    assert build.redacted({"secrets": {"a": 1, "b": ["x"]}}) == {
        "secrets": {"a": "<redacted>", "b": ["<redacted>"]}
    }
    address = {"uri": "https://me:hunter2@there:80/a@b", "plain": "https://there:80/a@b"}
    assert build.redacted(address) == address | {"uri": "https://<redacted>@there:80/a@b"}
    assert build.redacted({"token": "${oc.env:TOKEN}"}) == {"token": "${oc.env:TOKEN}"}


def test_no_file_of_a_run_or_its_evaluation_holds_the_environment(tmp_path, command):
    """A real training with every logger, and its evaluation with a report."""
    command.env |= {"ATROUS_DATA": str(tmp_path / VALUE), "ATROUS_TEST_VALUE": VALUE}
    extra = (
        "+more={inner: {hf_token: hunter2}}",
        "+group=${oc.env:ATROUS_TEST_VALUE}",
        "+deep.list=[a,'${group}']",
        "+deep.api_key=hunter2",
        "model=unet_paper",
        "model.net.width=1",
        "callbacks=fixed_schedule",
        "logger=[csv,wandb,tensorboard,mlflow]",
        "paths.runs=run",
        "logger.wandb.group=${oc.env:ATROUS_TEST_UNSET,none}",
    )
    command.succeed("train.py", *TINY, *extra, "hydra.run.dir=run")
    cpu = ("trainer.accelerator=cpu", "data.num_workers=0", "data.root=${oc.env:ATROUS_DATA}/synthetic")
    command.succeed("evaluate.py", "checkpoint=run/last.ckpt", *cpu)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".ckpt", ".yaml", ".wandb", ".html", ".json"}
    named = 0
    for path in files:
        content = path.read_bytes()
        assert VALUE.encode() not in content, path
        assert b"hunter2" not in content, path  # W&B itself notes the command line
        named += b"${oc.env:ATROUS_TEST_VALUE}" in content
    assert named > 3
    stored = checkpoint.read(tmp_path / "run" / "last.ckpt").config
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    for each in (stored, config):
        assert each["deep"] == {"list": ["a", "${group}"], "api_key": "<redacted>"}
        assert each["paths"]["data"] == "${oc.env:ATROUS_DATA,data}"


def test_a_command_line_is_shown_without_secrets():
    given = {
        "model=unet": "model=unet",
        "+logger.mine.api_key=hunter2": "+logger.mine.api_key=<redacted>",
        "++token@here=hunter2": "++token@here=<redacted>",
        "+mine={a: 1, 'hf_token': hunter2}": "+mine=<redacted>",
        "token=${oc.env:TOKEN}": "token=${oc.env:TOKEN}",
        "data.limits={train: 3}": "data.limits={train: 3}",
        "--config-dir": "--config-dir",
    }
    assert build.without_secrets(given) == tuple(given.values())


def test_a_leaderboard_holds_no_secret(tmp_path, monkeypatch):
    config = OmegaConf.create(
        {
            "hydra": {
                "mode": "MULTIRUN",
                "sweep": {"dir": str(tmp_path)},
                "sweeper": {"direction": "maximize"},
                "runtime": {"output_dir": str(tmp_path / "0")},
            }
        }
    )
    hydra = config.hydra
    hydra.mode = RunMode.MULTIRUN
    monkeypatch.setattr(HydraConfig, "get", lambda: hydra)
    done = SimpleNamespace(
        status=JobStatus.COMPLETED,
        return_value=0.5,
        overrides=["optimizer.lr=0.1", "+logger.mine.token=hunter2"],
    )
    Leaderboard().on_job_end(config, done)
    table = (tmp_path / "leaderboard.csv").read_text()
    assert "hunter2" not in table
    assert table.splitlines()[1].startswith("0.5,finished,0.1,<redacted>,")
