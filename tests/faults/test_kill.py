"""kill -9 at any moment: the run that goes on ends as the one that was never stopped."""

import signal

import pytest
from fault_runs import same_run
from injected import fault

MOMENTS = {
    "in the middle of an epoch": [fault("KILL", "batch_start", 4)],
    "at the first batch of an epoch": [fault("KILL", "batch_start", 3)],
    "at the last batch of an epoch": [fault("KILL", "batch_end", 6)],
    "during a validation": [fault("KILL", "validation_batch_end", 4)],
    "before a validation is saved": [fault("KILL", "validation_end", 4)],
    "during the last validation": [fault("KILL", "validation_batch_end", 8)],
    "before the first checkpoint": [fault("KILL", "batch_end", 1)],
    "twice in a row": [fault("KILL", "batch_start", 4), fault("KILL", "batch_end", 7)],
}


def killed(trainings, faults, *options):
    run = ("hydra.run.dir=run", "resume=auto", *options)
    for injected in faults:
        assert trainings(*run, injected).code == -signal.SIGKILL
    trainings.succeed(*run)
    return trainings.folder / "run"


OFTEN = ("in the middle of an epoch", "during a validation", "before the first checkpoint")


@pytest.mark.parametrize(
    "moment", [each if each in OFTEN else pytest.param(each, marks=pytest.mark.faults) for each in MOMENTS]
)
def test_kill(moment, trainings, unbroken):
    run = killed(trainings, MOMENTS[moment], "data.num_workers=2")
    same_run(unbroken(), run)


ONE, *OTHERS = MOMENTS


@pytest.mark.parametrize(
    "moment", [ONE, *(pytest.param(other, marks=pytest.mark.faults) for other in OTHERS)]
)
def test_kill_one_of_two_processes(moment, trainings, unbroken):
    """The other ends by itself, since it loses the connection."""
    run = ("hydra.run.dir=run", "resume=auto", "data.num_workers=1")
    for rank, injected in enumerate(MOMENTS[moment]):
        ended = trainings.two(*run, injected.replace("rank: 0", f"rank: {rank}"))
        assert ended[rank].code == -signal.SIGKILL
        assert ended[1 - rank].code == 1, ended[1 - rank].said
        assert max(done.seconds for done in ended) < 60
    assert [done.code for done in trainings.two(*run)] == [0, 0]
    same_run(unbroken(processes=2), trainings.folder / "run")
