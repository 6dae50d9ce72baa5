import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT, compose_command
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from atrous import build
from atrous.cli import help_text, keyed, main
from atrous.configs import choices, config_folder, described, description, groups
from atrous.folders import register_resolvers
from atrous.sentences import is_told, sentence
from atrous.spelling import require_readable

AWKWARD = st.text("ab/ =,'\"\\[]{}().:*-", min_size=1).filter(lambda path: not path.startswith("-"))


def read(argument):
    (override,) = OverridesParser.create().parse_overrides([argument])
    assert override.key_or_group == "runs"
    return override.value()


def test_arguments_without_a_key_are_collected():
    argv = ["runs/a", "output=x", "--cfg", "job", "-m", "runs/b", "--config-dir=c"]
    *others, ours = keyed(argv, "runs")
    assert others == ["output=x", "--cfg", "job", "-m", "--config-dir=c"]
    assert read(ours) == ["runs/a", "runs/b"]
    assert keyed(["output=x"], "runs") == ["output=x"]


def test_what_lies_on_disk_is_a_path_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model=unet,lr=0.1").mkdir()
    assert read(keyed(["model=unet,lr=0.1", "model=fpn"], "runs")[-1]) == ["model=unet,lr=0.1"]


@given(st.lists(AWKWARD.filter(lambda path: "=" not in path), min_size=1, max_size=3))
def test_hydra_reads_every_path_as_it_was_written(paths):
    assert read(keyed(paths, "runs")[-1]) == paths


def test_paths_and_their_key_together_are_refused():
    with pytest.raises(
        ValueError, match=r"runs= is given beside a; name all as arguments, or all in runs=\[\.\.\.\]"
    ):
        keyed(["a", "runs=[b,c]"], "runs")


def test_help_lists_what_can_be_chosen_and_what_was():
    register_resolvers()
    text = help_text("train", ["model=unet"])
    groups = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0].islower())
    assert groups["optimizer"] == "adadelta, adam, adamw, sgd"  # _base is a part of others
    assert "segmentation_models_pytorch.Unet" in text
    assert "  compile: false" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["model"], "'model': not an option (missing EQUAL at '<EOF>'); expected KEY=VALUE"),
        (["seed=a (b)"], "'seed=a (b)': its value cannot be read (Unknown function 'a'); text with spaces"),
        (["inference=[1,[2,{a: b}]]"], "these options make no config ("),
        (["+="], "these options make no config ("),
        (["+data.root=x"], "+data.root=x: data.root is there already; to change it write data.root=x,"),
        (["+model=unet"], "+model=unet: model is chosen already; to change it write model=unet,"),
        (["~foo"], "~foo: there is no foo to take away"),
        (
            ["model=unet,fpn"],
            "model=unet,fpn: several values are a sweep, for -m; a list is 'model=[unet,fpn]'",
        ),
        (["data.crop_size=[1,2"], "'data.crop_size=[1,2': its value cannot be read (no viable alternative"),
        (
            ["data.crop_size=(1,2)"],
            "'data.crop_size=(1,2)': its value cannot be read (extraneous input '('); a",
        ),
        (["paths.data=/a (b)"], "'paths.data=/a (b)': its value cannot be read (mismatched input"),
        (["seed=1 model=unet"], "'seed=1 model=unet': its value cannot be read"),
        (
            ["checkpoint=x"],
            "checkpoint: no such option; it belongs to demo, evaluate, export, export-weights, predict; ",
        ),
        (
            ["data/sorce=csv"],
            "data/sorce: no such option, did you mean data/source; a group of choices is one",
        ),
        (["experimnt=camvid_cpu"], "experimnt: no such option, did you mean experiment; known here: seed"),
        (["export_format=voc"], "export_format: no such choice for this command; --help lists"),
    ],
)
def test_what_hydra_cannot_read_is_one_sentence(options, said):
    register_resolvers()
    with pytest.raises(Exception, match=r"\S") as raised:
        help_text("train", options)
    assert is_told(raised.value)
    assert sentence(raised.value).startswith(said)
    assert "\n" not in sentence(raised.value)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("seed=${foo}", "${foo}: there is no foo in this config"),
        ("seed=${foo:1}", "${foo:...}: nothing of this name computes a value"),
        ("seed=${oc.env:NOPE_NOPE}", "Environment variable 'NOPE_NOPE' not found"),
        ("data=folder", "data.layout.label_set.name is not given: data.layout.label_set.name=VALUE"),
        ("seed=abc", "seed=abc: expected a whole number, 0 or more"),
        ("data.batch_size=abc", "data.batch_size=abc: expected a whole number, 1 or more"),
        ("~model", "model is needed, and this config has none; was it taken away by ~model?"),
    ],
)
def test_a_value_that_cannot_be_had_is_one_sentence(option, said, tmp_path):
    cfg = compose_command("train", [option], tmp_path)
    with pytest.raises(Exception, match=r"\S") as raised:
        build.require_files(cfg), OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert is_told(raised.value)
    assert sentence(raised.value) == said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["seed", "=", "1"], "'seed = 1': no spaces around =: seed=1"),
        (["seed=", "1"], "'seed= 1': no spaces around =: seed=1"),
        (["seed", "=1"], "'seed =1': no spaces around =: seed=1"),
        (["=1"], "'=1': not an option; expected KEY=VALUE"),
        (["unet"], "'unet': not an option, did you mean model=unet"),
        (["optimizer"], "'optimizer': not an option; it is a choice to be made: optimizer=adadelta|adam|"),
        (["runs/x/best.ckpt"], "'runs/x/best.ckpt': not an option, did you mean checkpoint=runs/x/best.ckpt"),
        (["--model", "unet"], "--model: no such flag; options are written without dashes, as model=unet"),
        (["--optimizer.lr=0.1"], "--optimizer.lr: no such flag; options are written without dashes, as opt"),
        (["--multirn"], "--multirn: no such flag, did you mean --multirun"),
        (["--multirun=1"], "--multirun=1: --multirun takes no value"),
        (["--cfg", "jobs"], "--cfg jobs: expected one of job, hydra, all"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["optimizer=0.1"], "optimizer=0.1: no such choice; choose one of adadelta, adam, adamw, sgd; what"),
    ],
)
def test_slips_are_told_before_hydra_reads_them(argv, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        require_readable(["data=camvid", *argv] if argv != ["=1"] else argv)


def test_what_hydra_reads_is_let_through(tmp_path):
    flags = ["--cfg", "job", "--resolve", "-m", "--info", "-i", "defaults", "--config-dir", str(tmp_path)]
    require_readable(
        [*flags, "-sc", "query=bash", "-cn", "x", "+a=1", "~model", "a=", "debug=null", "x=[1, 2]"]
    )


def test_every_choice_says_what_it_is():
    for group in groups():
        for name in choices(group):
            assert description(config_folder() / group / f"{name}.yaml"), (
                f"{group}/{name}.yaml opens with no line"
            )


def test_choices_are_printed_with_what_they_are(capsys, tmp_path, monkeypatch):
    own = tmp_path / "model"
    own.mkdir()
    (own / "mine.yaml").write_text("# One of my own.\nx: 1\n")
    monkeypatch.setattr("sys.argv", ["atrous", "train", "--choices", "model", f"--config-dir={tmp_path}"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model="
    assert "  mine               One of my own." in lines
    assert [line.split()[0] for line in lines if line.startswith("  fpn")] == ["fpn"]
    with pytest.raises(
        ValueError, match="modl: no such group of choices, did you mean model; there are augment"
    ):
        described(["modl"])


def test_a_shell_completes_commands_and_choices(tmp_path):
    """In a real bash, with programs that are called as a user calls them."""
    program = tmp_path / "atrous"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m atrous "$@"\n')
    program.chmod(0o755)
    asked = """
        ask() { COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; read -ra COMP_WORDS <<< "$*"; shift $(($# - 1))
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _atrous_complete 2> /dev/null; echo "${COMPREPLY[@]}"; }
        eval "$(atrous -sc install=bash)"
        ask atrous exp; ask atrous train model=d; ask python train.py optimizer.l
        ask $1/train_env/atrous train model=fp
    """
    (tmp_path / "train_env").mkdir()  # the command's name in the program's own path
    shutil.copy(program, tmp_path / "train_env")
    done = subprocess.run(
        ["bash", "-c", asked, "bash", tmp_path],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "export export-weights",
        "model=deeplabv3 model=deeplabv3_mobilenet_v3 model=deeplabv3plus model=dilated_unet model=dpt",
        "optimizer.lr=",
        "model=fpn",
    ]


def test_another_shell_is_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["atrous", "-sc", "install=fish"])
    with pytest.raises(SystemExit):
        main()
    assert "install=fish: options are completed in bash and zsh" in capsys.readouterr().err


def test_a_mistake_of_ours_is_no_sentence():
    with pytest.raises(TypeError) as raised:
        keyed(None, "runs")
    assert not is_told(raised.value)
