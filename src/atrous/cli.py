"""`atrous <command>`: finds the configs, runs the command under Hydra, and says in one sentence what is
wrong.

Nothing heavy is imported here, so that help, --cfg and a misspelt option answer at once.
"""

import os
import string
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from atrous import completion, launching
from atrous.answering import answering, stop
from atrous.configs import choices, config_folder, described, groups, propose
from atrous.running import Task, prepare
from atrous.spelling import HYDRA_OPTIONS, hydra_options, option_pairs, quoted, require_readable

COMMANDS = {
    "train": "train a model:            atrous train model=deeplabv3plus data=camvid",
    "inspect": "look at a data set:       atrous inspect data=camvid",
    "cache": "decode a data set once:   atrous cache data=cityscapes paths.data=FOLDER",
    "tune": "find a learning rate:     atrous tune find=lr model=unet data=camvid",
    "evaluate": "score a checkpoint:       atrous evaluate checkpoint=runs/.../best.ckpt split=test",
    "predict": "pictures and videos:      atrous predict checkpoint=runs/.../best.ckpt input=A output=B",
    "demo": "try it in a browser:      atrous demo checkpoint=runs/.../best.ckpt",
    "export": "for other programs:       atrous export checkpoint=runs/.../best.ckpt output=NAME.onnx",
    "export-weights": "weights for others:       atrous export-weights checkpoint=runs/.../best.ckpt",
    "score": "score any predictions:    atrous score predictions=FOLDER data=camvid split=test output=FOLDER",
    "compare": "compare evaluations:      atrous compare runs/a runs/b",
    "doctor": "is this machine well?     atrous doctor",
}
ARGUMENTS = {"compare": "runs"}  # where a command's arguments without a key go
CHOICES = "--choices"  # a line a choice, with what it is


def main(command: str | None = None) -> None:
    """Run ``command``, or the one that the command line begins with."""
    argv = sys.argv[1:]
    with answering():
        if script := completion.asked_for(argv, list(COMMANDS)):
            print(script)
            return
    if command is None:
        if not argv or argv[0] in ("-h", "--help"):
            print(_usage())
            return
        command, argv = argv[0], argv[1:]
    if command not in COMMANDS:
        stop(f"no command '{command}'{propose(command, list(COMMANDS))}\n\n{_usage()}")
    prepare()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves errors to us
    launching.end_with_launcher()
    with answering():
        run(command, keyed(argv, ARGUMENTS[command]) if command in ARGUMENTS else argv)


def run(command: str, argv: list[str]) -> None:
    """Compose the config of ``command`` with the overrides in ``argv`` and run it, once or as a sweep."""
    if CHOICES in argv:
        print(described(*_wanted(argv)))
        return
    require_readable(argv)
    name = command.replace("-", "_")  # of its file, function and config
    if _asks_for_help(argv):
        print(help_text(name, [arg for arg in argv if not arg.startswith("-")]))
        return
    task = Task.here(command, argv)
    sys.argv = [sys.argv[0], *argv]
    hydra.main(config_path=str(config_folder()), config_name=name, version_base="1.3")(task)()


def _asks_for_help(argv: Sequence[str]) -> bool:
    """Without Hydra's other options, which bring choices of their own."""
    return {arg for arg in argv if arg.startswith("-")} in ({"--help"}, {"-h"})


def _wanted(argv: Sequence[str]) -> tuple[list[str], Path | None]:
    """The groups that --choices names, and the folder of --config-dir."""
    options = hydra_options([arg for arg in argv if arg != CHOICES])
    folder = next(
        (Path(path) for flag, path in option_pairs(options) if flag in ("--config-dir", "-cd")), None
    )
    return [arg.rstrip("=") for arg in argv if arg[0] != "-" and arg not in options], folder


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
    return [*others, f"{key}=[{','.join(map(quoted, paths))}]"] if paths else others


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
