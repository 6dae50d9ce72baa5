"""Files for PyTorch: programs of torch.export, and TorchScript."""

import copy
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from atrous.exporting.formats import Calibration, Format, Run, recording
from atrous.exporting.graph import Graph, example

METADATA = "metadata.json"


class TorchExport(Format):
    """NAME.pt2 of torch.export: ``torch.export.load(path).module()`` runs it."""

    suffix = ".pt2"

    def write(self, graph: Graph, path: Path, metadata: Mapping[str, str], calibration: Calibration) -> None:
        """As ``Format.write``; what it says of itself is the extra file metadata.json."""
        with recording("torch_export", graph):
            torch.export.save(recorded(graph), path, extra_files={METADATA: json.dumps(dict(metadata))})

    def load(self, path: Path, num_threads: int) -> Run:
        """As ``Format.load``; torch has one number of threads for all."""
        return run_by(torch.export.load(path).module())


class TorchScript(Format):
    """NAME.pt of torch.jit: ``torch.jit.load(path)`` runs it, also in C++."""

    suffix = ".pt"

    def write(self, graph: Graph, path: Path, metadata: Mapping[str, str], calibration: Calibration) -> None:
        """As ``Format.write``; what it says of itself is the extra file metadata.json."""
        with recording("torchscript", graph), torch.inference_mode(), _deprecated():
            # Checking would run it again on the very same pictures; the parity report has others.
            traced = torch.jit.trace(graph, (example(),), check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, str(path), _extra_files={METADATA: json.dumps(dict(metadata))})

    def load(self, path: Path, num_threads: int) -> Run:
        """As ``Format.load``; torch has one number of threads for all."""
        with _deprecated():
            return run_by(torch.jit.load(str(path)))  # type: ignore[no-untyped-call]


def recorded(graph: Graph) -> ExportedProgram:
    """The graph as a program for any number of pictures of any size."""
    dynamic = dict.fromkeys(range(3), Dim.DYNAMIC)
    graph = copy.deepcopy(graph).to(memory_format=torch.contiguous_format)  # as the file holds them
    with torch.no_grad():
        program = torch.export.export(
            graph, (example(),), dynamic_shapes=(dynamic,), prefer_deferred_runtime_asserts_over_guards=True
        )
    return _for_all_sizes(program)


def run_by(module: Callable[[Tensor], Any]) -> Run:
    """NumPy in, NumPy out."""

    def run(images: Any) -> Any:
        with torch.inference_mode():
            labels, logits = module(torch.from_numpy(images))
        return labels.numpy(), logits.numpy()

    return run


def _for_all_sizes(program: ExportedProgram) -> ExportedProgram:
    """Without torch's assertions that a size is as far from special as the example's was.

    They come from questions about memory layout (is padding there, do strides coincide), whose general answer
    holds for special sizes too; a size that is a multiple of the padding would be refused.
    """
    nodes = program.graph_module.graph
    for node in list(nodes.nodes):
        if node.target is torch.ops.aten._assert_scalar.default:
            nodes.erase_node(node)
    nodes.eliminate_dead_code()
    program.graph_module.recompile()
    return program


@contextmanager
def _deprecated() -> Iterator[None]:
    """Torch advises against TorchScript, which C++ and mobile programs still load; and against decisions that
    a recording keeps, as of sizes, which the parity report holds against the network.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*torch\.jit\..* is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        yield
