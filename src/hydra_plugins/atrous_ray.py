"""The runs of a sweep as tasks of Ray, each with processors and GPUs of its own, on one machine or a cluster.

Hydra's own plug-in for Ray wants the libraries of years ago (cloudpickle below 3) and brings a cloud's.
Hydra takes a launcher from the package hydra_plugins alone.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from atrous.sweeps.failures import Failed


class RayLauncher(Launcher):
    """Runs the jobs of a sweep as Ray has room for them.

    num_cpus: of a run, and its threads.
    num_gpus: of a run, which sees no others; None: one a device, where the cluster has any.
    max_retries: how often a run is begun anew whose machine was lost.
    init: what ray.init takes, such as address.
    """

    def __init__(
        self, num_cpus: float, num_gpus: float | None, max_retries: int, init: Mapping[str, Any]
    ) -> None:
        self.num_cpus = num_cpus
        self.num_gpus = num_gpus
        self.max_retries = max_retries
        self.init = dict(init)
        self.config: DictConfig | None = None
        self.task: TaskFunction | None = None
        self.context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs, all before this returns; an interrupt ends them."""
        ray = _ray(self.init)
        configs = [self._config(each, number) for number, each in enumerate(job_overrides, initial_job_idx)]
        state = ray.put(Singleton.get_state())
        run = ray.remote(_run)
        jobs = [
            run.options(**self._needs(ray, config), name=str(config.hydra.job.num)).remote(
                self.context, self.task, config, state, os.getcwd()
            )
            for config in configs
        ]
        try:
            return [self._result(ray, job, config) for job, config in zip(jobs, configs, strict=True)]
        except BaseException:
            for job in jobs:
                ray.cancel(job, force=True)
            raise

    def _config(self, overrides: Sequence[str], number: int) -> DictConfig:
        assert self.context is not None
        assert self.config is not None
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.num = number
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
        return config

    def _needs(self, ray: Any, config: DictConfig) -> dict[str, Any]:
        """What Ray must have free for a run of this config.  Raises ValueError: it never will."""
        from atrous.build import num_processes

        there = ray.cluster_resources()
        gpus = self.num_gpus
        if gpus is None:
            uses = config.get("trainer", {}).get("accelerator") != "cpu"
            gpus = num_processes(config) if uses and there.get("GPU") else 0
        for kind, number in (("CPU", self.num_cpus), ("GPU", gpus)):
            # A cluster may grow; of one that was begun here Ray would wait for ever.
            if self.init.get("address") is None and number > there.get(kind, 0):
                raise ValueError(
                    f"a run needs {number:g} {kind}s, and Ray has {there.get(kind, 0):g} here: lower "
                    "hydra.launcher.num_cpus or num_gpus, or join a cluster by hydra.launcher.init.address"
                )
        return {"num_cpus": self.num_cpus, "num_gpus": gpus, "max_retries": self.max_retries}

    def _result(self, ray: Any, job: Any, config: DictConfig) -> JobReturn:
        """What a job returned; one whose process or machine was lost has failed, and ends no other."""
        assert self.context is not None
        try:
            done: JobReturn = ray.get(job)
        except ray.exceptions.RayError as error:
            done = _job(self.context, lambda cfg: Failed(), config, configure_logging=False)
            name = Path(config.hydra.runtime.output_dir).name
            print(f"atrous: run {name} failed ({error})", file=sys.stderr)
        return done


def _ray(init: Mapping[str, Any]) -> Any:
    """Ray, begun or joined.

    Raises ValueError: it is not installed, or not there.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent anywhere
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ValueError("hydra/launcher=ray needs Ray: pip install atrous[clusters]") from error
    before = signal.getsignal(signal.SIGTERM)
    try:
        if not ray.is_initialized():
            ray.init(**init)
            signal.signal(signal.SIGTERM, before)  # Ray's own says where it was hit, and aborts
    except ConnectionError as error:
        raise ValueError(
            f"hydra.launcher.init.address={init.get('address')}: no Ray answers there; `ray start --head` "
            "begins one"
        ) from error
    return ray


def _run(
    context: HydraContext, task: TaskFunction, config: DictConfig, state: Mapping[Any, Any], folder: str
) -> JobReturn:
    """In Ray's process: a job as Hydra runs it."""
    os.chdir(folder)
    setup_globals()
    Singleton.set_state(dict(state))
    return _job(context, task, config)


def _job(
    context: HydraContext, task: TaskFunction, config: DictConfig, configure_logging: bool = True
) -> JobReturn:
    return run_job(
        hydra_context=context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        configure_logging=configure_logging,
    )
