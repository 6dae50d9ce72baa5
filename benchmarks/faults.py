"""Everything that can go wrong, on purpose: runs the tests of docs/reliability.md and writes its table.

`make faults` runs all of them, `make test` those that are quick.  Every row is a promise; a test of it fails
without what keeps it.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from measure import HERE, facts, with_section

ROOT = HERE.parent
PAGE = ROOT / "docs" / "reliability.md"
STORED = HERE / "faults.json"


@dataclass(frozen=True)
class Row:
    """A fault, what holds all the same, and the tests that show it: files, or files::beginnings of names."""

    fault: str
    promise: str
    tests: tuple[str, ...]


ROWS = (
    Row(
        "`kill -9`: in an epoch, at its first or last batch, in a validation, before the first "
        "checkpoint, twice in a row",
        "the run that goes on has the weights, optimizer, schedule, moving average, best score and "
        "logged values of the "
        "one that was never stopped, bit for bit; on one process and on two",
        ("tests/faults/test_kill.py", "tests/faults/test_exact_resume.py"),
    ),
    Row(
        "SIGTERM, SIGUSR1, Ctrl-C, on either process",
        "a checkpoint after the step, an end within 30 s with status 128 + signal, no process left, the "
        "same end after going on",
        (
            "tests/faults/test_preemption.py::test_one_process",
            "tests/faults/test_preemption.py::test_either_of_two_processes",
        ),
    ),
    Row(
        "SLURM takes the job away",
        "`resume=auto`: the job is put back, finds its folder and goes on by itself",
        ("tests/faults/test_preemption.py::test_slurm", "tests/faults/test_slurm_launcher.py"),
    ),
    Row(
        "a kill at five moments of a save; a full disk; a read-only folder",
        "the checkpoint before stays whole, nothing half-written is taken up, and the reason is one sentence",
        (
            "tests/faults/test_save.py::test_a_kill",
            "tests/faults/test_save.py::test_a_full_disk",
            "tests/faults/test_save.py::test_a_disk_that_fills",
            "tests/faults/test_save.py::test_a_folder",
        ),
    ),
    Row(
        "the newest checkpoint is damaged or gone",
        "`resume=auto` goes back to the one before, says so, and ends the same",
        ("tests/faults/test_save.py::test_a_damaged_newest",),
    ),
    Row(
        "a metric that falls, is not a number, or is equal; a run begun in another's folder",
        "last.ckpt is the last and best.ckpt the best, also over a resume; the folder of another run is "
        "refused",
        ("tests/faults/test_last_and_best.py",),
    ),
    Row(
        "one of several processes raises or is killed",
        "all are gone within 30 s; the first error is told once",
        ("tests/faults/test_ranks.py", "tests/test_launching.py"),
    ),
    Row(
        "a sweep (grid, Optuna without a seed) of two processes a run is killed; one of its runs fails",
        "every process has the same values, each run one folder; a failed run fails alone; the sweep "
        "goes on where it stopped",
        ("tests/faults/test_sweeps.py", "tests/sweeps/test_optuna_sweeper.py"),
    ),
    Row(
        "a run of `trainer=ddp` goes on as `trainer=fsdp`, or the other way",
        "checkpoints and logged values are those of either; every model takes, spread, the step that "
        "it takes whole",
        ("tests/test_sharding.py",),
    ),
    Row(
        "a loss or gradient that is not finite, an exploding rate, a batch without a labelled pixel, "
        "logits that are not a number",
        "the run ends naming step and files (or leaves the step out: `trainer.on_bad_step=skip`); the "
        "last good checkpoint "
        "stays; no score comes from logits that are not numbers",
        ("tests/callbacks/test_finite.py", "tests/inference/test_modes.py"),
    ),
    Row(
        "damaged input: checksums, cut files, 16 bits, palettes, JPEG labels, EXIF turns, CMYK, too many "
        "pixels, unknown values",
        "one sentence with file and reason; `data.on_bad_sample=skip` takes another sample by the seed "
        "and keeps account",
        ("tests/data/test_damage.py", "tests/data/test_replacing.py", "tests/callbacks/test_skipped.py"),
    ),
    Row(
        "`trainer.deterministic=true`",
        "every model and loss trains and evaluates, in less than twice the time ([measured](performance.md))",
        ("tests/test_deterministic.py",),
    ),
    Row(
        "a run that logs to W&B offline is killed",
        "values.jsonl is complete to the last logged step",
        ("tests/faults/test_values.py",),
    ),
    Row(
        "a checkpoint that would run code, directly or through an alias, an interpolation, a nested part",
        "it is data: read without code, and what its config may build is on an allow-list ([how](safety.md))",
        ("tests/test_trust.py", "tests/test_checkpoint.py", "tests/commands/test_export_weights.py"),
    ),
    Row(
        "a pickle of another program; a source line that would read one",
        "refused but for `trust_checkpoint=true`, which says what it risks",
        ("tests/models/test_pretrained.py", "tests/test_safe_source.py"),
    ),
    Row(
        "secrets in the environment or in the config",
        "they are in no checkpoint, log or report",
        ("tests/test_shown.py",),
    ),
    Row(
        "damaged checkpoints, labels and pictures, nonsense on the command line, by the thousand",
        "one sentence or the right result ([figures](fuzzing.json))",
        ("tests/fuzz",),
    ),
)


def main() -> int:
    """Run all, and write what came of them; the exit status is pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        files = sorted({name.partition("::")[0] for row in ROWS for name in row.tests})
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "--dist",
            "worksteal",
            f"--junitxml={report}",
            *files,
        ]
        start = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        minutes = (time.monotonic() - start) / 60
        cases = _cases(report)
    rows = [{"fault": row.fault, **_result(row.tests, cases)} for row in ROWS]
    stored = {"command": "make faults", **facts(), "minutes": round(minutes, 1), "rows": rows}
    STORED.write_text(json.dumps(stored, indent=1) + "\n")
    PAGE.write_text(with_section(PAGE, "faults", section(stored)))
    return status


@dataclass(frozen=True)
class Case:
    """A test that ran.  name: file::name.  outcome: passed, failed or skipped."""

    name: str
    outcome: str
    seconds_to_end: float


def _cases(report: Path) -> list[Case]:
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {"failure": "failed", "error": "failed", "skipped": "skipped"}
        outcome = next((outcomes[child.tag] for child in case if child.tag in outcomes), "passed")
        noted = [each.get("value") for each in case.iter("property") if each.get("name") == "seconds_to_end"]
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        found.append(Case(name, outcome, max([float(value or 0) for value in noted], default=0.0)))
    return found


def _result(tests: Sequence[str], cases: Sequence[Case]) -> dict[str, object]:
    mine = [case for case in cases if case.name.startswith(tests)]
    counted = {name: sum(case.outcome == name for case in mine) for name in ("passed", "failed", "skipped")}
    return {**counted, "seconds_to_end": max((case.seconds_to_end for case in mine), default=0.0)}


def section(stored: dict[str, object]) -> str:
    """The Markdown of what ``main`` stored."""
    results = stored["rows"]
    assert isinstance(results, list)
    lines = ["| fault | what holds | tests | last result |", "|---|---|---|---|"]
    for row, result in zip(ROWS, results, strict=True):
        tests = ", ".join(f"`{name}`" for name in row.tests)
        lines.append(f"| {row.fault} | {row.promise} | {tests} | {_words(result)} |")
    caption = (
        f"`{stored['command']}`, {stored['minutes']} min, commit {stored['commit']}, {stored['date']}, "
        f"{stored['machine']}."
    )
    return "\n".join([caption, "", *lines])


def _words(result: dict[str, object]) -> str:
    counts = [f"{result[name]} {name}" for name in ("passed", "failed", "skipped") if result[name]]
    seconds = result["seconds_to_end"]
    slowest = [f"{seconds:.0f} s from start to end at most"] if seconds else []
    return "; ".join([", ".join(counts), *slowest])


if __name__ == "__main__":
    sys.exit(main())
