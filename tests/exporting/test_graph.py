"""The graph is the network with all around it; its files run at sizes that they were not recorded with."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from atrous.checkpoint import Checkpoint
from atrous.exporting.formats import recording
from atrous.exporting.graph import graph_of, metadata
from atrous.exporting.to_onnx import write_onnx
from atrous.exporting.to_torch import TorchScript, run_by
from atrous.inference import Inference
from atrous.labels import label_set
from atrous.models.unet_paper import unet_paper
from atrous.module import SegmentationModule

SIZES = [(1, 64, 64), (2, 33, 50), (1, 16, 16), (3, 1, 1), (1, 80, 31)]


def module(**inference) -> SegmentationModule:
    torch.manual_seed(0)
    labels = label_set("three", ["sky", "road", "car"])
    net = unet_paper(3, width=2)
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
    return SegmentationModule(net, labels, mean, std, inference=Inference(**inference)).eval()


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_labels_are_those_of_prediction():
    made = module()
    images = pictures(2, 33, 50)
    labels, logits = run_by(graph_of(made))(images)
    assert not graph_of(made)(torch.from_numpy(images))[1].requires_grad  # called as users call a file
    with torch.inference_mode():
        seen = torch.from_numpy(images).permute(0, 3, 1, 2)
        expected, soft = made.soft(seen)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, expected.labels.numpy())
    assert logits.dtype == np.float32
    assert np.allclose(torch.from_numpy(logits).softmax(1), soft, atol=1e-5)


def test_torchscript_runs_at_any_size(tmp_path):
    graph, path = graph_of(module()), tmp_path / "net.pt"
    TorchScript().write(graph, path, {"classes": "[]"}, lambda number: [])
    run = TorchScript().load(path, 1)
    for size in SIZES:
        images = pictures(*size)
        (labels, logits), (found, other) = run_by(graph)(images), run(images)
        assert np.array_equal(labels, found)
        assert np.allclose(logits, other, atol=1e-5)


@pytest.mark.parametrize(
    "inference",
    [{"flip": True}, {"scales": [0.5, 1.0]}, {"scales": [0.5]}, {"window": [32, 32], "stride": [16, 16]}],
)
def test_what_sees_a_picture_otherwise_is_refused(inference):
    with pytest.raises(ValueError, match=r"whole and at its own size; choose inference=whole"):
        graph_of(module(**inference))


def test_metadata_is_of_the_checkpoint(tmp_path):
    file = tmp_path / "a.ckpt"
    file.write_bytes(b"abc")
    made = module()
    said = metadata(made, Checkpoint(file, {}, made.labels, {}, 7, 0.0, "ema"))
    assert all(isinstance(value, str) for value in said.values())
    assert json.loads(said["classes"]) == ["sky", "road", "car"]
    assert json.loads(said["palette"]) == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert json.loads(said["mean"]) == pytest.approx([127.5, 102, 76.5])
    assert json.loads(said["std"]) == pytest.approx([51, 76.5, 102])
    assert (said["ignore_index"], said["label_set"]) == ("255", "three")
    assert (said["checkpoint_step"], said["checkpoint_weights"]) == ("7", "ema")
    # sha256 of "abc", FIPS 180-2 appendix B.1
    assert said["checkpoint_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_network_that_cannot_be_recorded_is_one_sentence(tmp_path):
    class Strange(nn.Module):
        def forward(self, images):
            raise RuntimeError("no\nway")

    made = module()
    made.net = Strange()
    with pytest.raises(ValueError, match=r"Strange cannot be written as torchscript \(.*no way"):
        TorchScript().write(graph_of(made), tmp_path / "a.pt", {}, lambda number: [])
    with (
        pytest.raises(ValueError, match=r"Strange cannot be written as x \(KeyError\)"),
        recording("x", made.net),
    ):
        raise KeyError


def test_an_opset_that_torch_does_not_write_is_told(tmp_path):
    pytest.importorskip("onnxscript")
    with pytest.raises(ValueError, match=r"format\.opset=13: torch writes this network in opset 18"):
        write_onnx(graph_of(module()), tmp_path / "net.onnx", 13)
