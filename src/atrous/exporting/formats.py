"""What a format of files is: written from a graph, and run again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from atrous.exporting.graph import Graph

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]

# uint8 (N, H, W, 3) -> labels uint8 (N, H, W), logits float32 (N, C, H, W).
Run = Callable[[Pixels], tuple[Pixels, Logits]]
# So many training pictures, each uint8 (H, W, 3), or all that there are.
Calibration = Callable[[int], Sequence[Pixels]]


class Format(ABC):
    """A kind of file.

    suffix: of its name.
    """

    suffix: str

    @abstractmethod
    def write(self, graph: Graph, path: Path, metadata: Mapping[str, str], calibration: Calibration) -> None:
        """Write ``graph`` to ``path``, and what it says of itself.

        calibration: training pictures, for formats that measure values on them.
        Raises ValueError: a network that this kind of file cannot hold, or a library that is missing.
        """

    @abstractmethod
    def load(self, path: Path, num_threads: int) -> Run:
        """What runs the file on the processor."""


def require_library(name: str) -> None:
    """Raises ValueError: the library is not installed."""
    if find_spec(name) is None:
        raise ValueError(f"this format needs {name}: pip install 'atrous[export]'")


@contextmanager
def recording(what: str, net: nn.Module) -> Iterator[None]:
    """Errors of a recording, of which torch has a class for each reason, become one sentence."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(
            f"{_name(net)} cannot be written as {what} ({reason}); choose another format, or another model"
        ) from error


def _name(net: nn.Module) -> str:
    """Of the architecture, inside what fits it to any size."""
    inner = getattr(net, "net", None)
    return _name(inner) if isinstance(inner, nn.Module) else type(net).__name__
