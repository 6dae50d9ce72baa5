"""What is exported: a network from the pixels of a picture to its labels, for any number and size."""

import copy
import hashlib
import json
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from atrous.checkpoint import Checkpoint
from atrous.inference import Inference
from atrous.module import SegmentationModule, normalized

INPUT, OUTPUTS = "images", ("labels", "logits")
# Of what the network sees while it is recorded: no side is 1, equal to another, or a multiple of anything.
EXAMPLE = (2, 97, 131, 3)


class Graph(nn.Module):
    """Normalises, runs the network and chooses the classes, at the pictures' own size."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images: uint8 (N, H, W, 3), RGB -> labels uint8 (N, H, W), and logits float32 (N, C, H, W)."""
        pictures = normalized(images.permute(0, 3, 1, 2), self.mean, self.std)
        logits = self.net(pictures)
        return logits.argmax(1).to(torch.uint8), logits


def graph_of(module: SegmentationModule) -> Graph:
    """The graph of a network on the processor; the module keeps its own weights.

    Raises ValueError: as ``require_whole``.
    """
    require_whole(module.inference)
    graph = Graph(copy.deepcopy(module.net), module.mean.clone(), module.std.clone())
    return graph.eval().requires_grad_(False)  # a file is run without torch.no_grad() too


def require_whole(inference: Inference) -> None:
    """Raises ValueError: windows, a mirrored view, or other scales than the picture's own."""
    if inference.window is not None or inference.flip or list(inference.scales) != [1.0]:
        raise ValueError(
            f"inference.window={inference.window}, flip={inference.flip}, scales={list(inference.scales)}: "
            "an exported file sees each picture once, whole and at its own size; choose "
            "inference=whole, and scale, cut windows or average views in the program that runs it"
        )


def example() -> Tensor:
    """Pictures to record the graph with."""
    return torch.randint(0, 256, EXAMPLE, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def metadata(module: SegmentationModule, checkpoint: Checkpoint) -> dict[str, str]:
    """What the file says of itself, each entry a text; lists are JSON.

    module: as the checkpoint says, with its weights.
    """
    labels = module.labels
    values: dict[str, Any] = {
        "atrous_version": version("atrous"),
        "checkpoint_sha256": hashlib.sha256(checkpoint.path.read_bytes()).hexdigest(),
        "checkpoint_step": checkpoint.step,
        "checkpoint_weights": checkpoint.weights,
        "label_set": labels.name,
        "classes": list(labels.classes),
        "palette": [list(color) for color in labels.colors],
        "ignore_index": labels.ignore_index,
        "mean": module.mean.flatten().tolist(),
        "std": module.std.flatten().tolist(),
        "input": f"{INPUT}: uint8 (N, H, W, 3), RGB",
        "outputs": f"{OUTPUTS[0]}: uint8 (N, H, W), class indices; {OUTPUTS[1]}: float32 (N, C, H, W)",
    }
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
