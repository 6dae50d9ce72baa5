"""What a config out of a checkpoint may build: an allow-list, so that a checkpoint stays data and never
becomes code.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

# Classes and functions that these packages define themselves.  Our own list names rooms, not the package, so
# that no command can be called.
TRUSTED = (
    "albumentations",
    "atrous.callbacks",
    "atrous.data",
    "atrous.inference",
    "atrous.labels",
    "atrous.losses",
    "atrous.models",
    "atrous.optim",
    "atrous.schedules",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
    "lightning.pytorch.trainer",
    "segmentation_models_pytorch",
    "torch.optim",
)


def require_trusted(config: Mapping[str, Any], also: Sequence[str] = ()) -> None:
    """Look at everything in ``config`` that would be built.

    config: plain data with every interpolation resolved: one could else bring in what is not seen here.
    also: further packages whose classes and functions it may name: the user's own.
    Raises ValueError: it names something else.
    """
    for target in _targets(config):
        _require_trusted(target, (*TRUSTED, *also))


def _targets(node: Any) -> list[str]:
    """Every ``_target_`` in plain data, however deep."""
    if isinstance(node, Mapping):
        own = [str(node["_target_"])] if "_target_" in node else []
        return own + [target for value in node.values() for target in _targets(value)]
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [target for value in node for target in _targets(value)]
    return []


def _require_trusted(target: str, allowed: Sequence[str]) -> None:
    """The name must lie in an allowed package, and so must the place where the object is defined:
    albumentations.os is not ours.
    """
    refusal = ValueError(
        f"the checkpoint's config names '{target}', which is none of the parts that a checkpoint may build; "
        f"if it is your own, allow its package: allow=[{target.split('.')[0]}]"
    )
    if not _inside(target, allowed):
        raise refusal
    parts = target.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name, None)
        if not callable(found) or not _inside(getattr(found, "__module__", ""), allowed):
            raise refusal
        return
    raise refusal


def _inside(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
