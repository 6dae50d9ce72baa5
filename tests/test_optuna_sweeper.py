"""The search space in Hydra's grammar, as Optuna's distributions."""

from types import SimpleNamespace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hydra_plugins.atrous_optuna import OptunaSweeper, _distribution


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("a=interval(0,1)", FloatDistribution(0, 1)),
        ("a=tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("a=int(interval(1,8))", IntDistribution(1, 8)),
        ("a=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
        ("a=range(1,10,2)", IntDistribution(1, 9, step=2)),
        ("a=range(0,3)", IntDistribution(0, 2)),
        ("a=range(0.0,1.0,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("a=choice(x,y)", CategoricalDistribution(["x", "y"])),
        ("a=1,2", CategoricalDistribution(["1", "2"])),
    ],
)
def test_search_space(override, expected):
    assert _distribution(OverridesParser.create().parse_override(override)) == expected


class Launcher:
    """Stands for Hydra's: the objective is the value itself."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.values: list[float] = []
        self.stop_at = stop_at

    def launch(self, jobs, initial_job_idx):
        ((override,),) = jobs
        if initial_job_idx == self.stop_at:
            raise KeyboardInterrupt
        self.values.append(float(override.partition("=")[2]))
        done = JobReturn(status=JobStatus.COMPLETED)
        done.return_value = self.values[-1]
        return [done]


def swept(folder, launcher, num_jobs):
    sweeper = OptunaSweeper(num_jobs, seed=0)
    sweeper.config = OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}}, "resume": "auto"})
    sweeper.launcher, sweeper.hydra_context = launcher, SimpleNamespace(config_loader=None)
    sweeper.validate_batch_is_legal = lambda batch: None
    sweeper.sweep(["lr=interval(0,1)"])
    return launcher.values


def test_a_sweep_that_goes_on_tries_what_it_would_have_tried(tmp_path):
    whole = swept(tmp_path / "whole", Launcher(), 6)
    assert len(set(whole)) == 6
    stopped = Launcher(stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path / "stopped", stopped, 6)
    assert stopped.values + swept(tmp_path / "stopped", Launcher(), 6) == whole
