"""Every model of conf/model in every format of conf/format, at sizes that it was not recorded with.

`pytest -m faults -rP tests/exporting/test_models.py` tells the figures of docs/export.md.
"""

import numpy as np
import pytest
import torch
from conftest import compose_command
from torch import nn

from atrous import build
from atrous.configs import choices
from atrous.exporting.graph import Graph
from atrous.exporting.to_torch import run_by

SMALL = {
    "dpt": ["model.encoder=tu-vit_tiny_patch16_224"],
    "eomt": ["model.encoder=vit_tiny_patch16_224"],
    "unet_paper": ["model.net.width=4"],
}
QUICK = ("eomt", "pspnet")  # a transformer, pooled to bins; test_graph.py has one that is padded


def graph_of_choice(model, tmp_path):
    torch.manual_seed(0)
    cfg = compose_command("train", [f"model={model}", *SMALL.get(model, [])], tmp_path)
    net = build.make(cfg.model.net, num_classes=5)
    for layer in net.modules():  # as after a training, where batch norm changes what it sees
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    mean, std = (255 * torch.tensor(cfg.model[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return Graph(net, mean, std).eval()


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def holds(model, form, tmp_path):
    graph = graph_of_choice(model, tmp_path)
    chosen = build.make(compose_command("export", [f"format={form}"], tmp_path).format)
    path = tmp_path / f"net{chosen.suffix}"
    chosen.write(graph, path, {}, lambda number: [pictures(64, 96, 3)] * 2)
    run = chosen.load(path, 1)
    # In 8 bits random weights decide between classes that are nearly equal: far from chance is all to ask.
    far, most = (np.inf, 0.5) if form == "onnx_int8" else (1e-2, 1e-3)
    differences, shares = [], []
    for size in ((1, 64, 128, 3), (2, 100, 75, 3)):
        (labels, logits), (found, other) = run_by(graph)(pictures(*size)), run(pictures(*size))
        assert found.shape == labels.shape
        shares.append((found != labels).mean())
        differences.append(np.abs(logits - other).max())
    print(f"{model} {form}: logits differ by {max(differences):.1e}, labels of {max(shares):.2%}")
    assert max(shares) <= most
    assert max(differences) <= far


@pytest.mark.parametrize("model", QUICK)
def test_a_model_is_recorded_for_any_size(model, tmp_path):
    holds(model, "torchscript", tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("form", choices("format"))
@pytest.mark.parametrize("model", choices("model"))
def test_every_model_in_every_format(model, form, tmp_path):
    holds(model, form, tmp_path)
