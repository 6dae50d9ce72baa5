"""atrous doctor: what is told of a machine, and its self-test."""

import resource
import sys

import pytest
from conftest import compose_command
from hydra import initialize_config_dir

from atrous import doctor as facts
from atrous.commands import doctor as command_module
from atrous.configs import config_folder


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """An installed package with needs of its own."""
    folder = tmp_path / "site" / "eyes-1.0.dist-info"
    folder.mkdir(parents=True)
    lines = [
        "Metadata-Version: 2.1", "Name: eyes", "Version: 1.0", "Requires-Dist: numpy>=1",
        "Requires-Dist: torch>=999", "Requires-Dist: no-such-thing>=2",
        "Requires-Dist: no-such-plot>=1; extra == 'plots'", "Requires-Dist: pillow>=1; extra == 'pictures'",
        "Requires-Dist: ruff; extra == 'dev'",
    ]  # fmt: skip
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return "eyes"


def test_packages_that_are_missing_or_too_old_are_told_with_the_way_out(distribution):
    told = {fact.name: fact for fact in facts.packages(distribution)}
    assert list(told) == ["eyes", "numpy", "torch", "no-such-thing", "[plots]", "[pictures]"]
    assert told["eyes"].value == "1.0"
    assert told["numpy"].trouble == ""
    assert "expected >=999" in told["torch"].trouble
    assert told["no-such-thing"].trouble == "no-such-thing is missing: pip install 'no-such-thing>=2'"
    assert told["[plots]"].value == "not there: pip install 'eyes[plots]'"
    assert told["[pictures]"].value.startswith("pillow ")


def test_our_own_packages_are_all_there_and_new_enough():
    assert [fact for fact in facts.packages() if fact.trouble] == []


def test_few_open_files_are_told():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        told = {fact.name: fact for fact in facts.machine()}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert told["open files"].value == "256"
    assert "ulimit -n" in told["open files"].trouble
    assert told["python"].value == sys.version.split()[0]


def test_folders_say_where_they_are_and_what_is_free(tmp_path):
    data, runs = facts.folders(data=tmp_path, runs=tmp_path / "a" / "b")
    assert data.value.startswith(f"{tmp_path}, ")
    assert "not there yet" in runs.value
    assert not (tmp_path / "a").exists()


def test_another_score_is_an_error_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(command_module, "train", lambda cfg: 0.5)
    monkeypatch.setattr(command_module, "evaluate", lambda cfg: 0.25)
    monkeypatch.setattr(facts, "print_facts", lambda told: None)
    output = tmp_path / "tried"
    cfg = compose_command("doctor", [], output)
    output.mkdir()
    with (
        initialize_config_dir(str(config_folder()), version_base="1.3"),
        pytest.raises(ValueError, match=r"mIoU 0\.5 in training, but 0\.25 of its checkpoint"),
    ):
        command_module.doctor(cfg)
    assert not output.exists()


@pytest.mark.slow
def test_end_to_end(command, tmp_path):
    command.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    said = command.succeed("-m", "atrous", "doctor")
    assert "self-test passed: 4 steps on 1 device(s)" in said
    assert "torch" in said
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    assert list((tmp_path / "tmp").glob("atrous-doctor*")) == []
    assert "no such choice" in command.fail("-m", "atrous", "doctor", "model=unett")
