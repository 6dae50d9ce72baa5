"""`atrous <command>`: finds the configs, runs the command under Hydra, and says in one sentence what is
wrong.

Nothing heavy is imported here, so that help, --cfg and a misspelt option answer at once.
"""

import importlib
import logging
import os
import re
import string
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from atrous import completion, launching
from atrous.configs import choices, config_folder, described, groups, propose
from atrous.folders import register_resolvers
from atrous.sentences import is_told, sentence
from atrous.spelling import require_readable

COMMANDS = {
    "train": "train a model:            atrous train model=deeplabv3plus data=camvid",
    "inspect": "look at a data set:       atrous inspect data=camvid",
    "cache": "decode a data set once:   atrous cache data=cityscapes paths.data=FOLDER",
    "evaluate": "score a checkpoint:       atrous evaluate checkpoint=runs/.../best.ckpt split=test",
    "predict": "pictures and videos:      atrous predict checkpoint=runs/.../best.ckpt input=A output=B",
    "demo": "try it in a browser:      atrous demo checkpoint=runs/.../best.ckpt",
    "export": "for use without Atrous:  atrous export checkpoint=runs/.../best.ckpt output=NAME.onnx",
    "export-weights": "weights for others:       atrous export-weights checkpoint=runs/.../best.ckpt",
    "score": "score any predictions:    atrous score predictions=FOLDER data=camvid split=test output=FOLDER",
    "compare": "compare evaluations:      atrous compare runs/a runs/b",
}
# Options of Hydra that take the argument behind them.
HYDRA_OPTIONS = ("--cfg", "-c", "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp")
ARGUMENTS = {"compare": "runs"}  # where a command's arguments without a key go
CHOICES = "--choices"  # a line a choice, with what it is
TRACEBACK = "ATROUS_TRACEBACK"


def main(command: str | None = None) -> None:
    """Run ``command``, or the one that the command line begins with."""
    argv = sys.argv[1:]
    with _answering():
        if script := completion.asked_for(argv, list(COMMANDS)):
            print(script)
            return
    if command is None:
        if not argv or argv[0] in ("-h", "--help"):
            print(_usage())
            return
        command, argv = argv[0], argv[1:]
    if command not in COMMANDS:
        _stop(f"no command '{command}'{propose(command, list(COMMANDS))}\n\n{_usage()}")
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
        if error.code in launching.STOPPED:
            launching.is_first_to_fail()  # what the others then say is because of it
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not is_told(error):
            launching.let_others_tell()
        if not launching.is_first_to_fail():
            sys.exit(1)
        if not is_told(error) or os.environ.get(TRACEBACK) == "1":
            raise
        handlers = logging.getLogger().handlers
        if any(
            isinstance(each, logging.FileHandler) for each in handlers
        ):  # the run folder's log, once it is
            logging.getLogger(__name__).error(sentence(error))
        _stop(f"{sentence(error)}\n({TRACEBACK}=1 shows where this was raised)")


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

    if CHOICES in argv:
        print(described(*_wanted(argv)))
        return
    require_readable(argv)
    if _asks_for_help(argv):
        print(help_text(name, [arg for arg in argv if not arg.startswith("-")]))
        return
    sys.argv = [original[0], *argv]
    hydra.main(config_path=str(config_folder()), config_name=name, version_base="1.3")(task)()
    if failed:
        _stop(f"{len(failed)} of the sweep's runs failed: {', '.join(failed)}")


def _in_own_processes(command: str, argv: Sequence[str], cfg: DictConfig, failed: list[str]) -> float:
    """A run of a sweep, for itself: what happens to it ends it alone.  nan: it failed."""
    os.environ[launching.SWEEP] = Path(HydraConfig.get().sweep.dir).absolute().name
    with _answering():
        outcome = launching.launch(_command_lines(command, argv, _num_processes(cfg)))
    if outcome.code in launching.STOPPED:
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
    for option, behind in zip(argv, [*argv[1:], ""], strict=False):
        if option.partition("=")[0] in HYDRA_OPTIONS:
            found += [option] if "=" in option else [option, behind]
    return found


def _asks_for_help(argv: Sequence[str]) -> bool:
    """Without Hydra's other options, which bring choices of their own."""
    return {arg for arg in argv if arg.startswith("-")} in ({"--help"}, {"-h"})


def _wanted(argv: Sequence[str]) -> tuple[list[str], Path | None]:
    """The groups that --choices names, and the folder of --config-dir."""
    options = _hydra_options([arg for arg in argv if arg != CHOICES])
    folder = next((Path(path) for flag, path in _pairs(options) if flag in ("--config-dir", "-cd")), None)
    return [arg.rstrip("=") for arg in argv if arg[0] != "-" and arg not in options], folder


def _pairs(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    for option, behind in zip(options, [*options[1:], ""], strict=False):
        flag, equals, value = option.partition("=")
        yield flag, value if equals else behind


def help_text(command: str, overrides: list[str]) -> str:
    """The help of conf/<command>.yaml; Hydra's --help takes twice the time, reading each group anew."""
    with hydra.initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = hydra.compose(command, overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    listed = "\n".join(f"{group}: {', '.join(choices(group))}" for group in groups() if choices(group))
    template = string.Template(cfg.hydra.help.template)
    return template.substitute(APP_CONFIG_GROUPS=listed, CONFIG=OmegaConf.to_yaml(own))


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


def _usage() -> str:
    lines = [f"  {name:15s} {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "atrous <command> [option=value ...]",
            "",
            *lines,
            "",
            "atrous <command> --help lists its options, atrous <command> --choices says what each choice is.",
        ]
    )


def _stop(text: str) -> None:
    print(f"atrous: {text}", file=sys.stderr)
    sys.exit(1)
