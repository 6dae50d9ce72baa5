"""`atrous <command>`: finds the configs, runs the command under Hydra, and says in one sentence what is
wrong.

Nothing heavy is imported here, so that help, --cfg and a misspelt option answer at once.
"""

import difflib
import importlib
import logging
import os
import re
import string
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)

from atrous import launching

COMMANDS = {
    "train": "train a model:            atrous train model=deeplabv3plus data=camvid",
    "inspect": "look at a data set:       atrous inspect data=camvid",
    "cache": "decode a data set once:   atrous cache data=cityscapes paths.data=FOLDER",
    "evaluate": "score a checkpoint:       atrous evaluate checkpoint=runs/.../best.ckpt split=test",
    "export-weights": "weights for others:       atrous export-weights checkpoint=runs/.../best.ckpt",
    "score": "score any predictions:    atrous score predictions=FOLDER data=camvid split=test output=FOLDER",
    "compare": "compare evaluations:      atrous compare runs/a runs/b",
}
# Options of Hydra that take the argument behind them.
HYDRA_OPTIONS = ("--cfg", "-c", "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp")
ARGUMENTS = {"compare": "runs"}  # where a command's arguments without a key go
TRACEBACK = "ATROUS_TRACEBACK"
STOPPED = (130, 138, 143)  # exit statuses of a run that a signal has ended: SIGINT, SIGUSR1, SIGTERM


def main(command: str | None = None) -> None:
    """Run ``command``, or the one that the command line begins with."""
    argv = sys.argv[1:]
    if command is None:
        if not argv or argv[0] in ("-h", "--help"):
            print(_usage())
            return
        command, argv = argv[0], argv[1:]
    if command not in COMMANDS:
        _stop(f"no command '{command}'{_propose(command, list(COMMANDS))}\n\n{_usage()}")
    register_resolvers()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves errors to us
    launching.end_with_launcher()
    with _answering():
        run(command, keyed(argv, ARGUMENTS[command]) if command in ARGUMENTS else argv)


@contextmanager
def _answering() -> Iterator[None]:
    """Errors that a user can cause end in a sentence; others, and all if wanted, in a traceback."""
    try:
        yield
    except SystemExit as error:
        if error.code in STOPPED:
            launching.is_first_to_fail()  # what the others then say is because of it
        raise
    except Exception as error:
        if not launching.is_first_to_fail():
            sys.exit(1)
        if not is_told(error) or os.environ.get(TRACEBACK) == "1":
            raise
        if logging.getLogger().hasHandlers():  # the run folder's log file, once there is one
            logging.getLogger(__name__).error(sentence(error))
        _stop(f"{sentence(error)}\n({TRACEBACK}=1 shows where this was raised)")


def is_told(error: BaseException) -> bool:
    """Whether it is what a user can cause, and ``sentence`` says it."""
    if isinstance(error, (ValueError, HydraException, OmegaConfBaseException)) or _is_hydras(error):
        return True
    if isinstance(error, OSError) and error.filename is not None:
        return True
    # By name: the class is Lightning's word for a user's error, and Lightning may not be imported yet.
    return type(error).__name__ == "MisconfigurationException"


def _is_hydras(error: BaseException) -> bool:
    """Whether Hydra stumbled itself, over an option of a kind that it does not look for."""
    if not isinstance(error, (TypeError, AssertionError, AttributeError, KeyError, IndexError)):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals.get("__name__", "").startswith(
        ("hydra._internal", "hydra.core")
    )


def run(command: str, argv: list[str]) -> None:
    """Compose the config of ``command`` with the overrides in ``argv`` and run it, once or as a sweep."""
    original = sys.argv
    failed: list[str] = []
    name = command.replace("-", "_")  # of its file, function and config

    def task(cfg: DictConfig) -> Any:
        sys.argv = original
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return _in_own_processes(command, argv, cfg, failed)
        with _answering():
            if not launching.is_launched() and (several := _num_processes(cfg)) > 1:
                outcome = launching.launch(_command_lines(command, argv, several))
                sys.exit(outcome.code)
            function = getattr(importlib.import_module(f"atrous.commands.{name}"), name)
            value = function(cfg)
            launching.hand_over(value)
            return value

    if _asks_for_help(argv):
        print(help_text(name, [arg for arg in argv if not arg.startswith("-")]))
        return
    sys.argv = [original[0], *argv]
    hydra.main(config_path=str(config_folder()), config_name=name, version_base="1.3")(task)()
    if failed:
        _stop(f"{len(failed)} of the sweep's runs failed: {', '.join(failed)}")


def _in_own_processes(command: str, argv: Sequence[str], cfg: DictConfig, failed: list[str]) -> float:
    """A run of a sweep, for itself: what happens to it ends it alone.  nan: it failed."""
    with _answering():
        outcome = launching.launch(_command_lines(command, argv, _num_processes(cfg)))
    if outcome.code in STOPPED:
        sys.exit(outcome.code)
    if outcome.code:
        failed.append(str(HydraConfig.get().job.num))
        print(f"atrous: run {failed[-1]} failed (exit status {outcome.code})", file=sys.stderr)
    return outcome.value


def _num_processes(cfg: DictConfig) -> int:
    from atrous.build import num_processes

    return num_processes(cfg)


def _command_lines(command: str, argv: Sequence[str], num_processes: int) -> list[list[str]]:
    """What starts each process of this run, which knows its values and its folder."""
    config = HydraConfig.get()
    program = sys.modules["__main__"].__spec__
    begin = [sys.executable, *(["-m", program.name] if program else [os.path.abspath(sys.argv[0])])]
    begin += [command] if sys.argv[1:2] == [command] else []
    if config.mode == RunMode.MULTIRUN:
        argv = [*_hydra_options(argv), *config.overrides.task, "hydra.mode=RUN"]
    begin += [*argv, f"hydra.run.dir={_quoted(config.runtime.output_dir)}"]
    names = [[], *([f"hydra.job.name={command}-{rank}"] for rank in range(1, num_processes))]
    return [begin + name for name in names]


def _hydra_options(argv: Sequence[str]) -> list[str]:
    """The options of a command line that say where configs are found, with their arguments."""
    found: list[str] = []
    for option, behind in zip(argv, [*argv[1:], ""], strict=True):
        if option.partition("=")[0] in HYDRA_OPTIONS:
            found += [option] if "=" in option else [option, behind]
    return found


def _asks_for_help(argv: Sequence[str]) -> bool:
    """Without Hydra's other options, which bring choices of their own."""
    return {arg for arg in argv if arg.startswith("-")} in ({"--help"}, {"-h"})


def help_text(command: str, overrides: list[str]) -> str:
    """The help of conf/<command>.yaml; Hydra's --help takes twice the time, reading each group anew."""
    with hydra.initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = hydra.compose(command, overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    folders = sorted(path for path in config_folder().rglob("*") if path.is_dir())
    groups = [path.relative_to(config_folder()).as_posix() for path in folders]
    choices = "\n".join(f"{group}: {', '.join(_choices(group))}" for group in groups if _choices(group))
    template = string.Template(cfg.hydra.help.template)
    return template.substitute(APP_CONFIG_GROUPS=choices, CONFIG=OmegaConf.to_yaml(own))


def keyed(argv: Sequence[str], key: str) -> list[str]:
    """The command line with its arguments that are paths as one override, key=[...], as Hydra wants it.

    A path is what lies on disk, or has neither a key nor a dash before it and belongs to no option.
    Raises ValueError: the key is given besides.
    """
    paths: list[str] = []
    others: list[str] = []
    for before, arg in zip(["", *argv], argv, strict=False):
        bare = not arg.startswith("-") and "=" not in arg and before not in HYDRA_OPTIONS
        (paths if bare or ("=" in arg and Path(arg).exists()) else others).append(arg)
    if paths and any(arg.startswith(f"{key}=") for arg in others):
        raise ValueError(f"{key}= is given beside {paths[0]}; name all as arguments, or all in {key}=[...]")
    return [*others, f"{key}=[{','.join(map(_quoted, paths))}]"] if paths else others


def _quoted(path: str) -> str:
    """A string in Hydra's grammar: backslashes count only before a quote."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), path) + "'"


def config_folder() -> Path:
    """The configs: inside an installed package, or at the top of the checkout."""
    here = Path(__file__).resolve()
    installed = here.parent / "conf"
    return installed if installed.is_dir() else here.parents[2] / "conf"


def register_resolvers() -> None:
    """What the configs compute: the folders that commands write to."""
    OmegaConf.register_new_resolver("train_folder", _train_folder, replace=True)
    OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
    OmegaConf.register_new_resolver("evaluate_folder", _evaluate_folder, replace=True)
    OmegaConf.register_new_resolver("score_folder", _score_folder, replace=True)
    OmegaConf.register_new_resolver("inspect_folder", _inspect_folder, replace=True)


def _train_folder(resume: str | None, new: str, runs: str) -> str:
    """A resumed run goes on in its own folder; one that SLURM puts back has the job's number."""
    if resume == "auto":
        job = os.environ.get("SLURM_ARRAY_JOB_ID", os.environ.get("SLURM_JOB_ID"))
        if job is None:
            raise ValueError("resume=auto goes on in a folder that you name: hydra.run.dir=runs/NAME")
        task = os.environ.get("SLURM_ARRAY_TASK_ID")
        return f"{runs}/slurm-{job}" + (f"-{task}" if task else "")
    if resume is None:
        return new
    path = _existing(resume, "resume")
    if path.suffix == ".safetensors":
        raise ValueError(
            f"resume={resume}: weights alone, without the optimizer; a training goes on from a .ckpt"
        )
    return str(path.parent)


def _sweep_folder(resume: str | None, new: str) -> str:
    """Of a sweep that goes on by itself the folder is named."""
    if resume == "auto":
        raise ValueError("resume=auto goes on in a folder that you name: hydra.sweep.dir=runs/NAME")
    return new


def _evaluate_folder(
    checkpoint: str | None, split: str, output: str | None, inference: str, overrides: Sequence[str]
) -> str:
    """Beside the checkpoint, unless another folder is given; another inference has another folder."""
    if checkpoint is None:
        raise ValueError("checkpoint is not given: checkpoint=runs/.../best.ckpt")
    path = _existing(checkpoint, "checkpoint")
    parts = ["evaluate", split, path.stem, *([] if inference.startswith("_") else [inference])]
    for override in (each.lstrip("+~") for each in overrides):
        if override.startswith(("inference.", "boundary_width=")):
            parts.append(re.sub(r"[^\w.-]+", "_", override.removeprefix("inference.")).strip("_"))
    return output or str(path.parent / "-".join(parts))


def _score_folder(predictions: str | None, output: str | None) -> str:
    """The output, which must be given: the predictions' folder is another program's."""
    if predictions is None:
        raise ValueError("predictions is not given: predictions=FOLDER, of index PNGs")
    if output is None:
        raise ValueError("output is not given: output=FOLDER, for scores and report")
    return output


def _inspect_folder(output: str | None, runs: str, data: str) -> str:
    return output or f"{runs}/inspect-{data}"


def _existing(path: str, key: str) -> Path:
    from atrous.build import require_local

    require_local(path, key)
    if Path(path).is_dir():
        raise ValueError(f"{key}={path}: a folder; give a checkpoint in it, such as {path}/last.ckpt")
    if not Path(path).is_file():
        raise ValueError(f"{key}={path}: no such file; expected a checkpoint such as runs/.../best.ckpt")
    return Path(path)


def sentence(error: BaseException) -> str:
    """What is wrong, for the person at the command line: the cause, without the layers it came through."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        known = _choices(group, error.options)
        return f"{group}={choice}: no such choice{_propose(choice, known)}: choose one of {', '.join(known)}"
    if isinstance(error, ConfigCompositionException) and isinstance(
        cause, (ConfigAttributeError, ConfigKeyError)
    ):
        known = [str(key) for key in cause.parent_node or () if key not in ("_target_", "_partial_", "hydra")]
        proposal = _propose(str(cause.key), known)
        return f"{cause.full_key}: no such option{proposal}; known here: {', '.join(known)}"
    if isinstance(error, OverrideParseException):
        wrong = " ".join(error.override.split())
        return (
            f"'{wrong}': not an option ({_grammar(str(cause or error))}); expected KEY=VALUE, such as "
            "optimizer.lr=0.01, with quotes around a value that has signs: 'key=\"a (b)\"'"
        )
    if cause is not None and isinstance(error, (HydraException, OmegaConfBaseException)):
        return sentence(cause)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    text = " ".join(str(error).split())
    if _is_hydras(error):
        return (
            f"these options make no config ({text or type(error).__name__}): one of them is of a wrong kind"
        )
    if asked := re.match(r"You must specify '([\w/]+)'", text):
        return f"{asked[1]} is not given: {asked[1]}=NAME, with one of {', '.join(_choices(asked[1]))}"
    if asked := re.match(r"Could not override '([\w/]+)'. No match", text):
        return f"{asked[1]}: no such choice for this command; --help lists those that it has"
    if isinstance(error, InterpolationResolutionError):  # of a resolver of ours: what it said
        return (
            str(error)
            .strip()
            .splitlines()[0]
            .removeprefix("ValueError raised while resolving interpolation: ")
        )
    if "Original Traceback" in text:  # a worker process of the data loader: its last line
        return str(error).strip().splitlines()[-1].partition(": ")[2]
    return " ".join([text, *(f"({note})" for note in getattr(error, "__notes__", ()))])  # of which picture


def _grammar(said: str) -> str:
    """What Hydra's grammar missed in an override, without the lines around it."""
    lines = [line.strip() for line in said.splitlines()]
    known = [line for line in lines if re.match("missing|mismatched|extraneous|no viable|Unknown", line)]
    return known[0] if known else "a sign that has a meaning of its own"


def _choices(group: str, options: Sequence[str] | None = None) -> list[str]:
    """The choices of a config group, without those that are parts of others."""
    options = options or sorted(path.stem for path in (config_folder() / group).glob("*.yaml"))
    return [option for option in options if not option.startswith("_")]


def _propose(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f", did you mean {close[0]}" if close else ""


def _usage() -> str:
    lines = [f"  {name:15s} {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        ["atrous <command> [option=value ...]", "", *lines, "", "atrous <command> --help lists its options."]
    )


def _stop(text: str) -> None:
    print(f"atrous: {text}", file=sys.stderr)
    sys.exit(1)
