"""Files for ONNX Runtime, which needs no PyTorch: in float32, or in 8 bits."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from atrous.exporting.formats import Calibration, Format, Pixels, Run, recording, require_library
from atrous.exporting.graph import INPUT, OUTPUTS, Graph
from atrous.exporting.to_torch import recorded

# What is computed in 8 bits: layers with weights, and what lies between them and only passes values on.
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
BETWEEN = ("Add", "Concat", "MaxPool", "Relu", "Clip")


class Onnx(Format):
    """NAME.onnx in float32.

    opset: version of ONNX's operators.
    """

    suffix = ".onnx"

    def __init__(self, opset: int = 18) -> None:
        self.opset = opset

    def write(self, graph: Graph, path: Path, metadata: Mapping[str, str], calibration: Calibration) -> None:
        """As ``Format.write``; what it says of itself is in metadata_props."""
        write_onnx(graph, path, self.opset)
        _describe(path, metadata)

    def load(self, path: Path, num_threads: int) -> Run:
        """As ``Format.load``."""
        return session(path, num_threads)


class Int8(Format):
    """NAME.onnx whose layers compute in 8 bits, with weights scaled by channel.

    The first layer and the last one stay in float32, as is usual: they are a small part of the work.
    num_pictures: training pictures on which the range of every value is measured.
    opset: version of ONNX's operators.
    """

    suffix = ".onnx"

    def __init__(self, num_pictures: int = 64, opset: int = 18) -> None:
        if type(num_pictures) is not int or num_pictures < 1:
            raise ValueError(f"format.num_pictures={num_pictures}: expected a number of pictures, 1 or more")
        self.num_pictures = num_pictures
        self.opset = opset

    def write(self, graph: Graph, path: Path, metadata: Mapping[str, str], calibration: Calibration) -> None:
        """As ``Format.write``."""
        pictures = calibration(self.num_pictures)
        with TemporaryDirectory() as folder:
            whole = Path(folder) / "float32.onnx"
            write_onnx(graph, whole, self.opset)
            with recording("onnx_int8", graph), _quiet():
                quantize(whole, path, pictures)
        _describe(path, {**metadata, "calibration_pictures": str(len(pictures))})

    def load(self, path: Path, num_threads: int) -> Run:
        """As ``Format.load``."""
        return session(path, num_threads)


def write_onnx(graph: Graph, path: Path, opset: int) -> None:
    """Write it in float32, without what it says of itself.  Raises ValueError: as ``Format.write``."""
    require_library("onnxscript")
    import onnx
    import torch

    with recording("onnx", graph), _quiet():
        program = torch.onnx.export(
            recorded(graph),
            dynamo=True,
            opset_version=opset,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            external_data=False,
            verbose=False,
        )
        assert program is not None
        program.save(path)
        onnx.checker.check_model(path, full_check=True)
    (written,) = (each.version for each in onnx.load(path).opset_import if not each.domain)
    if written != opset:
        raise ValueError(f"format.opset={opset}: torch writes this network in opset {written}; give this one")


def session(path: Path, num_threads: int) -> Run:
    """What runs a file in ONNX Runtime on the processor.  Raises ValueError: it is not installed."""
    require_library("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    opened = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(images: Pixels) -> Any:
        return tuple(opened.run(list(OUTPUTS), {INPUT: images}))

    return run


def quantize(source: Path, target: Path, pictures: Sequence[Pixels]) -> None:
    """Write ``source`` in 8 bits, by the values that it has on the pictures."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_name("prepared.onnx")
    # Symbolic shapes are not needed, and the tool for them fails on some networks.
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    weighted = [node.name for node in onnx.load(prepared).graph.node if node.op_type in WEIGHTED]
    quantization.quantize_static(
        prepared,
        target,
        _reader(pictures),
        op_types_to_quantize=[*WEIGHTED, *BETWEEN],
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=[weighted[0], weighted[-1]],
    )


def _reader(pictures: Sequence[Pixels]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(pictures)

        def get_next(self) -> dict[str, Pixels] | None:
            picture = next(self.left, None)
            return None if picture is None else {INPUT: picture[np.newaxis]}

    return Pictures()


def _describe(path: Path, metadata: Mapping[str, str]) -> None:
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' log: what matters of it is in the parity report, or an error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
