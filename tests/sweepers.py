"""Sweepers without Hydra around them: what a launcher gets, and what it gives back."""

import math
from types import SimpleNamespace

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from atrous.sweeps.folder import Outcome, write_outcome, write_pruned
from atrous.sweeps.runs import options as known_by


class Launcher:
    """Stands for Hydra's, with what Leaderboard does of each run: the objective is the last value itself.

    A run of stop_at is interrupted, one whose value is nan fails; one whose value is below prune_below is
    pruned, after half of it.
    """

    target = "some.Launcher"  # of its config

    def __init__(self, folder, stop_at=None, prune_below=-1.0):
        self.folder = folder
        self.values = []
        self.batches = []
        self.stop_at = stop_at
        self.prune_below = prune_below

    def launch(self, jobs, initial_job_idx):
        self.batches.append([int(job[-1].partition("=")[2]) for job in jobs])
        return [self._run(*job) for job in jobs]

    def _run(self, *options):
        *options, subdir = options
        assert subdir.startswith("hydra.sweep.subdir=")
        run = subdir.partition("=")[2]
        write_outcome(self.folder, Outcome(run, known_by(options)))
        if int(run) == self.stop_at:
            raise KeyboardInterrupt
        value = float(options[-1].partition("=")[2])
        self.values.append(value)
        if value < self.prune_below:
            write_pruned(self.folder / run, 5, value / 2)
        state = "failed" if math.isnan(value) else "pruned" if value < self.prune_below else "finished"
        write_outcome(self.folder, Outcome(run, known_by(options), state, value))
        done = JobReturn(status=JobStatus.COMPLETED)
        done.return_value = value
        return done


def swept(sweeper, launcher, *arguments, resume="auto", hydra=()):
    """What the sweeper has its launcher do, value by value."""
    about = {
        "sweep": {"dir": str(launcher.folder)},
        "launcher": {"_target_": launcher.target},
        "overrides": {"hydra": list(hydra)},
    }
    sweeper.config = OmegaConf.create({"hydra": about, "resume": resume})
    sweeper.launcher, sweeper.hydra_context = launcher, SimpleNamespace(config_loader=None)
    sweeper.validate_batch_is_legal = lambda batch: None
    sweeper.sweep(list(arguments))
    return launcher.values
