"""What is wrong, in one sentence for the person at the command line."""

import re
import traceback

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from atrous.configs import choices, commands_with, groups, propose

# What Hydra says in several lines, or in words of its own making.
REWRITTEN = {
    r"Ambiguous value for argument '([^=]+)=(.*?)' 1\.": r"\1=\2: several values are a sweep, for "
    r"""-m; a list is '\1=[\2]', and text with commas '\1="\2"'""",
    r"Multiple values for ([\w/]+)\..*'override [^:]+: (.*)'": r"+\1=\2: \1 is chosen already; to change it "
    r"write \1=\2, without the +",
    r"Could not append to config. An item is already at '([^']+)'\..*?prefix: '([^']*)'": r"+\2: \1 is there "
    r"already; to change it write \2, without the +",
    r"Could not delete from config. '([^']+)' does not exist": r"~\1: there is no \1 to take away",
    r"Could not override '([^'@]+)@([^']+)'. Did you mean": r"\1@\2: no such choice; \1 is chosen as \1=NAME",
    r"Unknown plugin class : 'hydra_plugins.hydra_(joblib|submitit)_launcher.*'": r"hydra/launcher=\1 needs "
    "a plug-in of Hydra: pip install atrous[clusters]",
    r"BasicSweeper does not support sweep type : (\w+)": "an interval is for sweepers that choose their "
    "values, as hydra/sweeper=optuna; without one, name them: optimizer.lr=0.01,0.003",
    r"Key '[^']+' is not in struct full_key: (\S+)": r"\1 is needed, and this config has none; was it "
    r"taken away by ~\1?",
    r"Interpolation key '([^']+)' not found": r"${\1}: there is no \1 in this config",
    r"Unsupported interpolation type (\w+)": r"${\1:...}: nothing of this name computes a value",
    r"""KeyError raised while resolving interpolation: "(.*?)"( |$)""": r"\1",
}

LAUNCHERS = ("submitit", "joblib")  # whose errors are of the cluster or the machine, and say what happened


def is_told(error: BaseException) -> bool:
    """Whether it is what a user can cause, and ``sentence`` says it."""
    if isinstance(error, (ValueError, HydraException, OmegaConfBaseException)) or _is_hydras(error):
        return True
    if isinstance(error, OSError) and error.filename is not None:
        return True
    if isinstance(error, RuntimeError) and _raised_in(error, "hydra.core.plugins", *LAUNCHERS):
        return True
    # By name: the class is Lightning's word for a user's error, and Lightning may not be imported yet.
    return type(error).__name__ == "MisconfigurationException"


def sentence(error: BaseException) -> str:
    """What is wrong, for the person at the command line: the cause, without the layers it came through."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        known = choices(group, error.options)
        return f"{group}={choice}: no such choice{propose(choice, known)}; choose one of {', '.join(known)}"
    if isinstance(error, ConfigCompositionException) and isinstance(
        cause, (ConfigAttributeError, ConfigKeyError)
    ):
        known = [str(key) for key in cause.parent_node or () if key not in ("_target_", "_partial_", "hydra")]
        return f"{cause.full_key}: no such option{_nearest(str(cause.full_key), str(cause.key), known)}"
    if isinstance(error, OverrideParseException):
        return _unreadable(" ".join(error.override.split()), _grammar(str(cause or error)))
    if cause is not None and isinstance(error, (HydraException, OmegaConfBaseException)):
        return sentence(cause)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MissingMandatoryValue) and getattr(error, "full_key", None):
        return f"{error.full_key} is not given: {error.full_key}=VALUE"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return f"--config-name {error.missing_cfg_file}: no such config; each command finds its own"
    text = " ".join(str(error).split())
    if _is_hydras(error):
        return (
            f"these options make no config ({text or type(error).__name__}): one of them is of a wrong kind"
        )
    if asked := re.match(r"You must specify '([\w/]+)'", text):
        return f"{asked[1]} is not given: {asked[1]}=NAME, with one of {', '.join(choices(asked[1]))}"
    for pattern, said in REWRITTEN.items():
        if asked := re.match(pattern, text):
            return asked.expand(said)
    if asked := re.match(r"Could not override '([\w/]+)'. No match", text):
        here = f"no such choice for this command; --help lists those that it has{_elsewhere(asked[1])}"
        return f"{asked[1]}: {here}"
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


def _is_hydras(error: BaseException) -> bool:
    """Whether Hydra stumbled itself, over an option of a kind that it does not look for."""
    kinds = (TypeError, AssertionError, AttributeError, KeyError, IndexError)
    return isinstance(error, kinds) and _raised_in(error, "hydra._internal", "hydra.core")


def _raised_in(error: BaseException, *modules: str) -> bool:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals.get("__name__", "").startswith(modules)


def _nearest(full_key: str, key: str, known: list[str]) -> str:
    """The end of a sentence about a key that there is not."""
    if "/" in full_key:
        return f"{propose(full_key, groups())}; a group of choices is one of {', '.join(groups())}"
    chosen = groups() if key == full_key else []  # some are chosen without a key of theirs, as experiment=
    return f"{_elsewhere(full_key) or propose(key, [*known, *chosen])}; known here: {', '.join(known)}"


def _elsewhere(key: str) -> str:
    commands = commands_with(key)
    return f"; it belongs to {', '.join(commands)}" if commands else ""


def _unreadable(wrong: str, grammar: str) -> str:
    """An override that Hydra's grammar does not take, and how it may have been meant."""
    key, equals, value = wrong.partition("=")
    if not equals:
        begin = f"'{wrong}': not an option ({grammar}); expected KEY=VALUE, such as optimizer.lr=0.01"
        return begin + ", with quotes around a value that has signs: 'key=\"a (b)\"'"
    begin = f"'{wrong}': its value cannot be read ({grammar})"
    if "=" in value and " " in value:
        return f"{begin}; several options stand apart, each for itself, without quotes around all"
    for opening, closing in ("[]", "{}"):
        if value.count(opening) != value.count(closing):
            return f"{begin}; a {opening} needs its {closing}, and quotes: '{key}={opening}...{closing}'"
    if value.startswith("(") and value.endswith(")"):
        return f"{begin}; a list is written '{key}=[{value[1:-1]}]'"
    return f"{begin}; text with spaces or signs has quotes in quotes: '{key}=\"{value.strip(chr(34))}\"'"


def _grammar(said: str) -> str:
    """What Hydra's grammar missed in an override, without the lines around it."""
    lines = [line.strip() for line in said.splitlines()]
    known = [line for line in lines if re.match("missing|mismatched|extraneous|no viable|Unknown", line)]
    return known[0].partition(" expecting {")[0] if known else "a sign that has a meaning of its own"
