"""What the pages tell people to type composes, and every recipe says what it is."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import CHECKOUT, compose_command
from test_conf import EXPERIMENTS

from atrous.configs import config_folder

PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
OTHER = ("-m", "--", "resume=", "...", "<")  # sweeps, options of Hydra, checkpoints, placeholders
COMMANDS = sorted(
    {
        command.strip()
        for page in PAGES
        for command in re.findall(r"python train\.py ([^`\n#|]+)", page.read_text())
        if not any(word in command for word in OTHER)
    }
)
CELLS = sorted(
    {
        cell
        for page in PAGES
        for cell in re.findall(r"`((?:model|data|augment|inference)=[^`]*)`", page.read_text())
        if not cell.endswith("=") and "..." not in cell
    }
)


@pytest.mark.parametrize("command", [*COMMANDS, *CELLS])
def test_what_the_pages_say_composes(command, tmp_path):
    options = shlex.split(re.sub(r" {2,}.*", "", command))
    compose_command("train", options, tmp_path)


def test_there_are_commands_to_try():
    assert len(COMMANDS) > 5
    assert len(CELLS) > 5


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_recipe_opens_like_a_lab_note(experiment):
    lines = Path(config_folder() / "experiment" / f"{experiment}.yaml").read_text().splitlines()
    header = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    assert lines[1].startswith(f"# python train.py experiment={experiment}")
    measured = re.search(r"Measured: 0\.\d{3} .*, commit [0-9a-f]{7}", header)
    assert bool(measured) != ("Not run here" in header)
    assert "Follows: " in header or experiment == "camvid_cpu"
    if "docs/results.md" in header:
        assert f"experiment={experiment} " in (CHECKOUT / "docs" / "results.md").read_text()
