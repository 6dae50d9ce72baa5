"""A command line looked at before Hydra reads it: slips that its grammar would answer in words of its own.

And what is written so that Hydra reads it.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from atrous.configs import choices, groups, propose

# Hydra's flags, and what their argument may be: (), none; a tuple of words; None: anything.
FLAGS: dict[str, Sequence[str] | None] = {
    **dict.fromkeys(("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r"), ()),
    **dict.fromkeys(("--multirun", "-m"), ()),
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(
        ("--info", "-i"), ("", "all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
    ),
    **dict.fromkeys(("--shell-completion", "-sc"), ()),
    **dict.fromkeys(("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"), None),
    **dict.fromkeys(("--package", "-p", "--experimental-rerun"), None),
}  # fmt: skip
# Options of Hydra that take the argument behind them.
HYDRA_OPTIONS = ("--cfg", "-c", "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|true|false|null", re.IGNORECASE)


def require_readable(argv: Sequence[str]) -> None:
    """Raises ValueError: a flag that there is not, a space beside a =, a word that is no option."""
    for before, arg, behind in _options(argv):
        if arg.startswith("-"):
            _require_flag(arg, behind)
        elif arg.startswith("=") and not before:
            raise ValueError(f"'{arg}': not an option; expected KEY=VALUE, such as optimizer.lr=0.01")
        elif arg.startswith("=") or (arg.endswith("=") and _is_bare(behind)):
            words = [before, arg, behind] if arg == "=" else [before, arg] if arg[0] == "=" else [arg, behind]
            raise ValueError(f"'{' '.join(filter(None, words))}': no spaces around =: {''.join(words)}")
        elif _is_bare(arg) and behind[:1] != "=":
            raise ValueError(f"'{arg}': not an option{_meant(arg)}")
        _require_group_value(arg)


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Each option with its neighbours, but for the arguments of flags."""
    argument = False
    for before, arg, behind in zip(["", *argv], argv, [*argv[1:], ""], strict=False):
        if not argument:
            yield before, arg, behind
        argument = not argument and _takes_argument(arg, behind)


def _takes_argument(arg: str, behind: str) -> bool:
    allowed = FLAGS.get(arg, ())
    return arg in ("-sc", "--shell-completion") or allowed is None or (bool(allowed) and behind in allowed)


def _is_bare(arg: str) -> bool:
    return bool(arg) and "=" not in arg and arg[0] not in "-~+{:"


def _require_flag(arg: str, behind: str) -> None:
    flag, equals, value = arg.partition("=")
    if flag not in FLAGS:
        key = flag.lstrip("-")
        meant = propose(flag, list(FLAGS)) if not equals and len(flag) > 2 and not _is_bare(behind) else ""
        option = f"{key}={value or (behind if _is_bare(behind) else 'VALUE')}"
        raise ValueError(f"{flag}: no such flag{meant}; options are written without dashes, as {option}")
    allowed = FLAGS[flag]
    if equals and allowed == () and flag not in ("-sc", "--shell-completion"):
        raise ValueError(f"{arg}: {flag} takes no value")
    value = value if equals else behind
    if flag in ("--config-dir", "-cd") and not Path(value).is_dir():
        raise ValueError(
            f"{flag} {value}: no such folder; expected one with configs of yours, as data/NAME.yaml"
        )
    if allowed and value not in allowed and "" not in allowed:
        raise ValueError(f"{flag} {value}: expected one of {', '.join(allowed)}, as {flag} {allowed[0]}")


def _meant(word: str) -> str:
    """The rest of a sentence about a word that is no KEY=VALUE."""
    if word in groups():
        return f"; it is a choice to be made: {word}={'|'.join(choices(word))}"
    having = [f"{group}={word}" for group in groups() if word in choices(group)]
    if having:
        return f", did you mean {' or '.join(having)}"
    if word.endswith((".ckpt", ".safetensors")):
        return f", did you mean checkpoint={word}"
    return "; expected KEY=VALUE, such as optimizer.lr=0.01 or model=unet; --help lists what there is"


def _require_group_value(arg: str) -> None:
    """A choice is a name: optimizer=0.1 is none."""
    key, _, value = arg.partition("=")
    if key in groups() and choices(key) and NUMBER.fullmatch(value) and value not in ("null", *choices(key)):
        raise ValueError(
            f"{arg}: no such choice; choose one of {', '.join(choices(key))}; what belongs to it is set as "
            f"{key}.KEY={value}"
        )


def hydra_options(argv: Sequence[str]) -> list[str]:
    """The options of a command line that say where configs are found, with their arguments."""
    found: list[str] = []
    for option, behind in zip(argv, [*argv[1:], ""], strict=False):
        if option.partition("=")[0] in HYDRA_OPTIONS:
            found += [option] if "=" in option else [option, behind]
    return found


def option_pairs(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Flags with their arguments, which stand behind them or after a =."""
    for option, behind in zip(options, [*options[1:], ""], strict=False):
        flag, equals, value = option.partition("=")
        yield flag, value if equals else behind


def quoted(path: str) -> str:
    """A string in Hydra's grammar: backslashes count only before a quote."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), path) + "'"
