"""Commands in processes of their own: small programs stand for trainings."""

import os
import signal
import subprocess
import sys
import time

import pytest

from atrous import launching

HEAD = (
    "import os, signal, sys, time; from atrous import launching; launching.end_with_launcher(); "
    "rank = os.environ.get('LOCAL_RANK', '0'); "
)


def program(text):
    return [sys.executable, "-c", HEAD + text]


def test_the_value_that_the_command_returned():
    assert launching.launch([program("launching.hand_over(0.25)")]) == launching.Outcome(0, 0.25)
    several = [program("launching.hand_over(float(rank))")] * 2
    assert launching.launch(several) == launching.Outcome(0, 0.0)


def test_each_process_knows_its_place(tmp_path):
    text = f"open({str(tmp_path)!r} + '/' + rank, 'w').write(os.environ['MASTER_PORT'])"
    launching.launch([program(text)] * 2)
    assert (tmp_path / "0").read_text() == (tmp_path / "1").read_text() != ""


@pytest.mark.parametrize("bad", ["0", "1"])
@pytest.mark.parametrize(
    ("end", "code"),
    [("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", 137)],
    ids=["exit", "killed"],
)
def test_one_that_fails_ends_the_others(bad, end, code, monkeypatch):
    """The other hangs, as one does that waits for the lost one."""
    monkeypatch.setattr(launching, "PATIENCE", 0.5)
    text = f"time.sleep(0.5); {end} if rank == {bad!r} else time.sleep(60)"
    start = time.monotonic()
    outcome = launching.launch([program(text)] * 2)
    assert outcome.code == code
    assert time.monotonic() - start < 30


def test_one_that_was_told_to_end_leaves_the_others_time(monkeypatch, tmp_path):
    """All were told; the first one still sends what its loggers have."""
    monkeypatch.setattr(launching, "PATIENCE", 0.3)
    text = f"time.sleep(1.5 * (rank == '0')); open({str(tmp_path)!r} + '/' + rank, 'w'); sys.exit(143)"
    assert launching.launch([program(text)] * 2).code == 143
    assert (tmp_path / "0").exists()


def test_the_first_error_is_told_once(capfd):
    text = (
        "time.sleep(float(rank)); print('told', rank) if launching.is_first_to_fail() else None; sys.exit(1)"
    )
    assert launching.launch([program(text)] * 3).code == 1
    assert capfd.readouterr().out == "told 0\n"


def test_the_first_stays_the_first(monkeypatch, tmp_path):
    """Its error passes several handlers, each of which asks."""
    monkeypatch.setenv(launching.FOLDER, str(tmp_path))
    assert launching.is_first_to_fail()
    assert launching.is_first_to_fail()
    other = program("sys.exit(launching.is_first_to_fail())")
    assert subprocess.run(other, check=False).returncode == 0


def launcher(text, tmp_path):
    """A process that launches, which can be sent signals."""
    code = f"from atrous import launching; print(launching.launch([{program(text)!r}] * 2).code)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while not all((tmp_path / rank).exists() for rank in "01"):
        time.sleep(0.05)
    return process


def test_signals_are_handed_on(tmp_path):
    text = (
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); "
        f"open({str(tmp_path)!r} + '/' + rank, 'w').close(); time.sleep(60)"
    )
    process = launcher(text, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "143\n"


def test_processes_end_when_their_launcher_is_killed(tmp_path):
    text = f"open({str(tmp_path)!r} + '/' + rank, 'w').write(str(os.getpid())); time.sleep(60)"
    process = launcher(text, tmp_path)
    time.sleep(0.5)
    process.kill()
    process.wait()
    process.stdout.close()
    pids = [int((tmp_path / rank).read_text()) for rank in "01"]
    for _ in range(100):
        if not any(_runs(pid) for pid in pids):
            return
        time.sleep(0.1)
    raise AssertionError(f"still running: {pids}")


def _runs(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
