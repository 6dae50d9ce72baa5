"""What of a config is logged and written: no secret, and nothing that the environment holds."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from atrous.build.options import plain

REDACTED = "<redacted>"
ENDINGS = r"(password|passwd|passphrase|secrets?|credentials?|token|(api|access|private|secret)_?key)$"
LOGIN = r"://[^/@\s:]*:[^/@\s]+@"  # of an address
_MARKER = object()


def is_secret(key: object) -> bool:
    """Whether a value of this name is one that nobody else should read: api_key, WANDB_TOKEN, password."""
    return re.search(ENDINGS, str(key).rpartition(".")[2].replace("-", "_"), re.IGNORECASE) is not None


def redacted(value: Any, secret: bool = False) -> Any:
    """Plain data with its secrets as ``<redacted>``: known by their keys, and the logins of addresses.

    An interpolation stays: it says where a secret is found, not what it is.
    """
    if isinstance(value, Mapping):
        return {key: redacted(inner, secret or is_secret(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [redacted(inner, secret) for inner in value]
    free = value is None or isinstance(value, bool) or re.fullmatch(r"\$\{.*\}", str(value))
    if secret and not free:
        return REDACTED
    return re.sub(LOGIN, f"://{REDACTED}@", value) if isinstance(value, str) else value


def without_secrets(arguments: Iterable[str]) -> tuple[str, ...]:
    """A command line, in which the values of secrets are ``<redacted>``: whole, where one holds several."""
    return tuple(map(_argument, arguments))


def _argument(argument: str) -> str:
    key, given, value = argument.partition("=")
    inner = re.findall(r"([\w.-]+)['\"]?\s*:", value)
    secret = is_secret(key.partition("@")[0]) or any(map(is_secret, inner))
    return f"{key}={redacted(value, secret)}" if given else argument


def written(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain data for a file, with its interpolations and without secrets."""
    kept: dict[str, Any] = redacted(plain(cfg))
    return kept


def shown(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain data with the values of its interpolations, for a logger; without secrets.

    What comes from an environment variable, through however many references, is the text ``${oc.env:NAME}``;
    what can then not be computed is the text of its interpolation.
    """
    own = OmegaConf.create(plain(cfg))  # computed values are kept with a config: not with the run's
    with _environment_as_text():
        values: dict[str, Any] = redacted(_values(own))
    return values


def _values(node: DictConfig | ListConfig) -> Any:
    """Plain data; an interpolation that has no value is its text."""
    texts = OmegaConf.to_container(node)
    keys = list(node) if isinstance(node, DictConfig) else range(len(node))
    values = {key: _value(node, key, texts[key]) for key in keys}  # type: ignore[index]
    return values if isinstance(node, DictConfig) else list(values.values())


def _value(node: DictConfig | ListConfig, key: Any, text: Any) -> Any:
    try:
        value = node[key]
    except (OmegaConfBaseException, ValueError):
        return text
    return _values(value) if isinstance(value, DictConfig | ListConfig) else value


@contextmanager
def _environment_as_text() -> Iterator[None]:
    """The resolver of environment variables gives their names; a default counts where there is none."""
    from omegaconf.resolvers import oc

    def text(name: str, default: Any = _MARKER) -> Any:
        return f"${{oc.env:{name}}}" if name in os.environ or default is _MARKER else default

    OmegaConf.register_new_resolver("oc.env", text, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
