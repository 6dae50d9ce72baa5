"""Runs of a command, as Hydra calls them: one in this process, those of a sweep in processes of their own."""

import importlib
import os
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from atrous import launching
from atrous.answering import answering
from atrous.folders import register_resolvers
from atrous.spelling import hydra_options, quoted
from atrous.sweeps.failures import Failed

# Options of Hydra that are not for the runs of a sweep.
OF_THE_SWEEP = re.compile(r"[+~]*hydra[./](mode|run|sweep|sweeper|launcher|callbacks)\b")


@dataclass(frozen=True)
class Task:
    """A run of a command by its config: what Hydra calls, here or where a launcher has brought it.

    command: as it is typed.
    argv: its arguments, as Hydra reads them.
    original: the command line of this program, as it was typed.
    program: what starts the command once more, before its arguments.
    process: the number of the process that this is made in.
    """

    command: str
    argv: tuple[str, ...]
    original: tuple[str, ...]
    program: tuple[str, ...]
    process: int

    @classmethod
    def here(cls, command: str, argv: Sequence[str]) -> "Task":
        """That of the command line that this program was started by, with ``argv`` as what Hydra reads."""
        module = sys.modules["__main__"].__spec__
        begin = ["-m", module.name] if module else [os.path.abspath(sys.argv[0])]
        begin += [command] if sys.argv[1:2] == [command] else []
        return cls(command, tuple(argv), tuple(sys.argv), (sys.executable, *begin), os.getpid())

    def __reduce__(self) -> tuple[Any, ...]:
        """Where it arrives, a config's own functions must be there, and who sent it be watched."""
        return _arrived, (self.command, self.argv, self.original, self.program, self.process)

    def __call__(self, cfg: DictConfig) -> Any:
        """What the command returned; of a run of a sweep its objective, ``Failed`` if there is none."""
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return self._in_own_processes(cfg)
        sys.argv = list(self.original)
        with answering():
            if not launching.is_launched() and (several := _num_processes(cfg)) > 1:
                outcome = launching.launch(self.command_lines(several))
                sys.exit(outcome.code)
            name = self.command.replace("-", "_")
            function = getattr(importlib.import_module(f"atrous.commands.{name}"), name)
            value = function(cfg)
            launching.hand_over(value)
            return value

    def _in_own_processes(self, cfg: DictConfig) -> float:
        """A run of a sweep, for itself: what happens to it ends it alone."""
        os.environ[launching.SWEEP] = Path(HydraConfig.get().sweep.dir).absolute().name
        with answering():
            several = 1 if launching.is_one_of_several() else _num_processes(cfg)
            outcome = launching.launch(self.command_lines(several))
        if outcome.code in launching.STOPPED:
            sys.exit(outcome.code)
        if outcome.code:
            name = Path(HydraConfig.get().runtime.output_dir).name  # a launcher may count otherwise
            said = f"run {name} failed (exit status {outcome.code})"
            print(f"atrous: {said}", file=sys.stderr)
            return Failed()
        return outcome.value

    def command_lines(self, num_processes: int) -> list[list[str]]:
        """What starts each process of this run, which knows its values and its folder."""
        config = HydraConfig.get()
        argv: Sequence[str] = self.argv
        if config.mode == RunMode.MULTIRUN:
            own = [each for each in config.overrides.hydra if not OF_THE_SWEEP.match(each)]
            argv = [*hydra_options(argv), *own, *config.overrides.task, "hydra.mode=RUN"]
        begin = [*self.program, *argv, f"hydra.run.dir={quoted(config.runtime.output_dir)}"]
        names = [[], *([f"hydra.job.name={self.command}-{rank}"] for rank in range(1, num_processes))]
        return [begin + name for name in names]


def prepare() -> None:
    """What a process needs that reads configs."""
    register_resolvers()
    # Our defaults of a launcher have the name of its plug-in's own, against which Hydra checks them.
    same = r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema with the same name"
    warnings.filterwarnings("ignore", message=same)


def _arrived(command: str, *fields: Any) -> Task:
    prepare()
    task = Task(command, *fields)
    if task.process != os.getpid():
        launching.end_with_parent()
    return task


def _num_processes(cfg: DictConfig) -> int:
    from atrous.build import num_processes

    return num_processes(cfg)
