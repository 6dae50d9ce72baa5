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
    OmegaConfBaseException,
)

from atrous.configs import choices, propose


def is_told(error: BaseException) -> bool:
    """Whether it is what a user can cause, and ``sentence`` says it."""
    if isinstance(error, (ValueError, HydraException, OmegaConfBaseException)) or _is_hydras(error):
        return True
    if isinstance(error, OSError) and error.filename is not None:
        return True
    # By name: the class is Lightning's word for a user's error, and Lightning may not be imported yet.
    return type(error).__name__ == "MisconfigurationException"


def sentence(error: BaseException) -> str:
    """What is wrong, for the person at the command line: the cause, without the layers it came through."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        known = choices(group, error.options)
        return f"{group}={choice}: no such choice{propose(choice, known)}: choose one of {', '.join(known)}"
    if isinstance(error, ConfigCompositionException) and isinstance(
        cause, (ConfigAttributeError, ConfigKeyError)
    ):
        known = [str(key) for key in cause.parent_node or () if key not in ("_target_", "_partial_", "hydra")]
        proposal = propose(str(cause.key), known)
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
        return f"{asked[1]} is not given: {asked[1]}=NAME, with one of {', '.join(choices(asked[1]))}"
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


def _is_hydras(error: BaseException) -> bool:
    """Whether Hydra stumbled itself, over an option of a kind that it does not look for."""
    if not isinstance(error, (TypeError, AssertionError, AttributeError, KeyError, IndexError)):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals.get("__name__", "").startswith(
        ("hydra._internal", "hydra.core")
    )


def _grammar(said: str) -> str:
    """What Hydra's grammar missed in an override, without the lines around it."""
    lines = [line.strip() for line in said.splitlines()]
    known = [line for line in lines if re.match("missing|mismatched|extraneous|no viable|Unknown", line)]
    return known[0] if known else "a sign that has a meaning of its own"
