"""An audit that could not look is none, and says so."""

import subprocess
import sys

import pytest
from conftest import CHECKOUT

sys.path.insert(0, str(CHECKOUT / "tools"))
import audit

CLEAN = {"name": "a", "version": "1", "vulns": []}
BAD = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}, {"id": "X", "fix_versions": []}],
}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([CLEAN], 0, "audit: 0 advisories against 1 packages"),
        ([CLEAN, UNKNOWN], 0, "not looked at, as the source does not know them: c\naudit: 0 advisories"),
        ([CLEAN, BAD, UNKNOWN], 1, "b 2: PYSEC-1, mended in 3\nb 2: X, mended in no version yet\n"),
        (
            [UNKNOWN],
            3,
            "audit: not done, so nothing is known of these versions: the source of advisories knows",
        ),
        ([], 3, "audit: not done"),
    ],
)
def test_verdict(packages, status, said):
    code, text = audit.verdict({"dependencies": packages})
    assert code == status
    assert said in text


def answering(monkeypatch, tmp_path, stdout, stderr="", code=0):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip-audit").write_text("")
    monkeypatch.setattr(audit, "HOME", tmp_path)
    done = subprocess.CompletedProcess([], code, stdout, stderr)
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: done)
    return audit.audit()


def test_a_source_that_cannot_be_reached_is_told(monkeypatch, tmp_path):
    status, said = answering(monkeypatch, tmp_path, "", "Traceback\nConnectionError: no route", 1)
    assert status == 3
    assert said.startswith(
        "audit: not done, so nothing is known of these versions: ConnectionError: no route;"
    )


def test_a_report_is_read(monkeypatch, tmp_path):
    assert (
        answering(monkeypatch, tmp_path, '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}')[0]
        == 0
    )


def test_every_constraint_is_one_version():
    for line in (CHECKOUT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        assert name, line
        assert version[:1].isdigit(), f"{line}: pip-audit reads pinned versions alone"
