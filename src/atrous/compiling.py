"""A network compiled for its training."""

import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from atrous.outputs import Supervised


def compiled(net: nn.Module, backend: str = "inductor") -> Callable[[Tensor], Tensor | Supervised]:
    """What calls ``net`` as a program of its own, for pictures of the size it first sees.

    ``net`` stays as it is, with its parameters and their names: pictures of other sizes are its own.
    backend: of torch.compile.
    Raises ValueError: there is no C++ compiler.
    """
    if backend == "inductor":
        require_compiler()

    def forward(images: Tensor) -> Tensor | Supervised:
        outputs: Tensor | Supervised = net(images)
        return outputs

    return torch.compile(forward, backend=backend, dynamic=False)


def compiler() -> str | None:
    """The path of the C++ compiler that torch.compile would take; None: there is none."""
    return next(filter(None, map(shutil.which, _names())), None)


def _names() -> list[str]:
    from torch._inductor import config

    return [name for name in config.cpp.cxx if name]


def require_compiler() -> None:
    """Raises ValueError: there is no C++ compiler."""
    if compiler() is None:
        raise ValueError(
            f"torch.compile needs a C++ compiler, and there is no {' or '.join(_names())} on the PATH; "
            "install one, name yours in the environment variable CXX, or leave compile=true out"
        )
