"""What a config out of a checkpoint may build: an allow-list, so that a checkpoint stays data and never
becomes code.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
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
    "atrous.strategies",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
    "lightning.pytorch.trainer",
)
# What no allow= opens: with these a config would be a program.  The standard library, ourselves, and the
# libraries that come along with us.
NEVER = frozenset(sys.stdlib_module_names) | {
    "PIL", "albucore", "albumentations", "antlr4", "atrous", "cloudpickle", "cv2", "fsspec", "functorch",
    "google", "grpc", "httpx", "huggingface_hub", "hydra", "hydra_plugins", "hypothesis", "jinja2",
    "joblib", "kornia_rs", "lightning", "lightning_fabric", "lightning_utilities", "markupsafe",
    "matplotlib", "mlflow", "mpl_toolkits", "numpy", "omegaconf", "packaging", "pip", "pkg_resources",
    "playwright", "psutil", "pydantic", "pydevd_plugins", "pylab", "pytest", "pytorch_lightning", "requests",
    "rich", "safetensors", "scipy", "segmentation_models_pytorch", "sentry_sdk", "setuptools", "simplejpeg",
    "sklearn", "sympy", "tensorboard", "timm", "torch", "torchgen", "torchmetrics", "torchvision", "tqdm",
    "triton", "urllib3", "wandb", "wheel", "yaml",
}  # fmt: skip


def require_trusted(
    config: Mapping[str, Any],
    also: Sequence[str] = (),
    training: bool = False,
    holder: str = "the checkpoint's config",
    libraries: Sequence[str] = (),
) -> None:
    """Look at everything in ``config`` that would be built.

    config: plain data with every interpolation resolved: one could else bring in what is not seen here.  A
        text that is an interpolation all the same, as an escaped one gives, is refused: Hydra resolves again.
    also: further packages whose classes and functions it may name: the user's own.
    training: it is the config of a training, which also builds a trainer, callbacks and loggers.
    holder: what the config is called.  libraries: whose public classes it may name besides.
    Raises ValueError: it names something else, or ``also`` names what nobody may open.
    """
    _require_own_packages(also)
    functions = (*OWN, *(["atrous.callbacks"] if training else []), *also)
    allowed = (*OWN, *LIBRARIES, *libraries, *(TRAINING if training else ()), *also)
    for text in _texts(config):
        if "${" in text:
            raise ValueError(
                f"{holder} holds '{text[:200]}', an interpolation behind another, which may "
                "hide what it builds; no option allows it: do not use this file"
            )
    for target in _targets(config):
        if not isinstance(target, str) or not _may_be_built(target, allowed, functions):
            raise ValueError(
                f"{holder} names '{str(target)[:200]}', which is none of the parts that "
                f"it may build; {_way_out(target, also)}"
            )


def _may_be_built(target: str, allowed: Sequence[str], functions: Sequence[str]) -> bool:
    found = _locate(target) if _inside(target, allowed) else None
    home = getattr(found, "__module__", None)
    if not isinstance(home, str) or not _inside(home, allowed):
        return False
    makes_classes = inspect.isclass(found) and issubclass(found, type)
    own_function = inspect.isfunction(found) and _inside(home, functions)
    return (inspect.isclass(found) and not makes_classes) or own_function


def _way_out(target: object, also: Sequence[str]) -> str:
    top = str(target).split(".")[0]
    if top in also or any(package.startswith(f"{top}.") for package in also):
        return f"allow={list(also)} takes classes and functions that are defined there, by their own names"
    if top in NEVER or not top.isidentifier():
        return "no option allows it: the file may mean harm, or its config was changed by hand; do not use it"
    return f"if it is your own, allow its package: allow=[{top}]"


def _require_own_packages(also: object) -> None:
    """Raises ValueError: no list of packages, or one that would make a program of a config."""
    if isinstance(also, str) or not isinstance(also, Sequence):
        raise ValueError(f"allow={also}: expected a list of packages of your own, such as allow=[mine]")
    for package in also:
        if not isinstance(package, str) or not all(part.isidentifier() for part in package.split(".")):
            raise ValueError(f"allow={list(also)}: '{package}' is no package; expected such as allow=[mine]")
        if package.split(".")[0] in NEVER:
            raise ValueError(
                f"allow={list(also)}: {package} is never allowed, for a checkpoint could then run any code; "
                "put a class or function of what it needs into a package of your own, and allow that"
            )


def _targets(config: Any) -> Iterator[Any]:
    """Every ``_target_`` in plain data, however deep."""
    return (node["_target_"] for node in _nodes(config) if isinstance(node, Mapping) and "_target_" in node)


def _texts(config: Any) -> Iterator[str]:
    """Every text in plain data, however deep."""
    return (node for node in _nodes(config) if isinstance(node, str))


def _nodes(config: Any) -> Iterator[Any]:
    nodes = [config]
    while nodes:
        yield (node := nodes.pop())
        if isinstance(node, Mapping):
            nodes.extend(node.values())
        elif isinstance(node, Sequence) and not isinstance(node, str):
            nodes.extend(node)


def _locate(target: str) -> Any:
    """The public attribute ``target`` of a module, found as Hydra finds it, or None.

    A method of a class is not one, and neither is what a module has imported under a name of its own.
    """
    top, *parts = target.split(".")
    if not all(part.isidentifier() and not part.startswith("_") for part in (top, *parts)):
        return None
    found: Any = _imported(top)
    for index, part in enumerate(parts):
        name = ".".join((top, *parts[:index]))
        if not isinstance(found, ModuleType) or found.__name__ != name:
            return None
        found = getattr(found, part) if hasattr(found, part) else _imported(f"{name}.{part}")
    return found


def _imported(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def _inside(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
