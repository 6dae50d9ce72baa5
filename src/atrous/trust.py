"""What a config out of a checkpoint may build: an allow-list, so that a checkpoint stays data and never
becomes code.
"""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

# Our own rooms, not the whole package, so that no command can be called: their public classes and functions.
OWN = (
    "atrous.class_weights",
    "atrous.data",
    "atrous.inference",
    "atrous.labels",
    "atrous.losses",
    "atrous.models",
    "atrous.optim",
    "atrous.schedules",
)
# Libraries: the public classes that they define themselves.
LIBRARIES = ("albumentations", "segmentation_models_pytorch", "torch.optim")
# What going on with a training builds besides.
TRAINING = (
    "atrous.callbacks",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
    "lightning.pytorch.trainer",
)


def require_trusted(config: Mapping[str, Any], also: Sequence[str] = (), training: bool = False) -> None:
    """Look at everything in ``config`` that would be built.

    config: plain data with every interpolation resolved: one could else bring in what is not seen here.
    also: further packages whose classes and functions it may name: the user's own.
    training: it is the config of a training, which also builds a trainer, callbacks and loggers.
    Raises ValueError: it names something else.
    """
    allowed = (*OWN, *LIBRARIES, *(TRAINING if training else ()), *also)
    for target in _targets(config):
        found = _locate(target) if _inside(target, allowed) else None
        home = getattr(found, "__module__", None) or ""
        own_function = inspect.isfunction(found) and _inside(home, (*OWN, "atrous.callbacks", *also))
        if not _inside(home, allowed) or not (inspect.isclass(found) or own_function):
            raise ValueError(
                f"the checkpoint's config names '{target}', which is none of the parts that a checkpoint "
                f"may build; if it is your own, allow its package: allow=[{target.split('.')[0]}]"
            )


def _targets(node: Any) -> list[str]:
    """Every ``_target_`` in plain data, however deep."""
    if isinstance(node, Mapping):
        own = [str(node["_target_"])] if "_target_" in node else []
        return own + [target for value in node.values() for target in _targets(value)]
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [target for value in node for target in _targets(value)]
    return []


def _locate(target: str) -> Any:
    """The public attribute ``target`` of a module, or None: a method of a class is not one."""
    module, _, name = target.rpartition(".")
    try:
        return None if name.startswith("_") else getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None


def _inside(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
