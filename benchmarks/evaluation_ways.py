"""The ways that evaluation.py compares, and the process in which the memory of one is measured.

python benchmarks/evaluation_ways.py WAY HEIGHT WIDTH      prints JSON: processor seconds, and MiB at most
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torchmetrics.classification import MulticlassJaccardIndex

from atrous.coarse import Coarse
from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.inference import Inference
from atrous.inference.labelling import Prediction, of_logits
from atrous.metrics.confusion import confusion_matrix
from atrous.metrics.counting import Counting
from atrous.metrics.counts import BOUNDARY_WIDTH, count_picture

LABELS = LABEL_SETS[19]
C = LABELS.num_classes
WINDOWS = {"window": (512, 1024), "stride": (341, 683)}
LARGE = {"window": (1024, 2048), "stride": (768, 1536)}
MODES = {
    "imports alone": None,
    "whole": {},
    "whole, flipped too": {"flip": True},
    "slide, windows one at a time": WINDOWS | {"window_batch": 1},
    "slide": WINDOWS,
    "tta, its largest scale alone": {"scales": (1.75,), "flip": True, **LARGE},
    "the same without windows": {"scales": (1.75,), "flip": True},
}
PEER, OURS = "upsample, argmax, torchmetrics", "strips, one bincount"


def drawn(size: tuple[int, int], seed: int = 0, num_classes: int = C) -> tuple[Coarse, torch.Tensor]:
    """Coarse scores of two pictures, and their labels, uint8 (2, H, W): blocks, some of them unlabelled."""
    generator = torch.Generator().manual_seed(seed)
    values = 4 * torch.randn(2, num_classes, size[0] // 4, size[1] // 4, generator=generator)
    blocks = torch.randint(0, num_classes + 1, (2, size[0] // 32, size[1] // 32), generator=generator)
    blocks[blocks == num_classes] = LABELS.ignore_index
    labels = blocks.to(torch.uint8).repeat_interleave(32, 1).repeat_interleave(32, 2)
    return Coarse(values, size, size), labels


def peer(coarse: Coarse, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The labels, and the confusion matrix (C, C) of labelled pixels."""
    jaccard = MulticlassJaccardIndex(coarse.values.shape[1], ignore_index=LABELS.ignore_index)
    predicted = F.interpolate(coarse.values, size=coarse.size, mode="bilinear").argmax(1)
    jaccard.update(predicted, labels.long())
    return predicted, jaccard.confmat


def peer_on_logits(coarse: Coarse, labels: torch.Tensor) -> None:
    """The same with the argmax left to torchmetrics."""
    jaccard = MulticlassJaccardIndex(C, ignore_index=LABELS.ignore_index)
    jaccard.update(F.interpolate(coarse.values, size=coarse.size, mode="bilinear"), labels.long())


def predict(coarse: Coarse) -> Prediction:
    """As evaluation does."""
    num, channels = coarse.values.shape[:2]
    row_bytes = num * channels * coarse.size[1] * 4
    return of_logits(coarse.rows, (num, *coarse.size), row_bytes, coarse.values.device)


def ours(coarse: Coarse, labels: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
    """What the peer gives, with confidences besides."""
    predicted, num_classes = predict(coarse).labels, coarse.values.shape[1]
    pairs = zip(labels.numpy(), predicted.numpy(), strict=True)
    return predicted, sum(confusion_matrix(truth, guess, num_classes)[:-1, :-1] for truth, guess in pairs)


def everything(coarse: Coarse, labels: torch.Tensor) -> None:
    """Boundary and calibration besides."""
    for truth, guess, sure in zip(labels.numpy(), *(each.numpy() for each in predict(coarse)), strict=True):
        count_picture("", truth, guess, LABELS, confidence=sure)


WAYS: dict[str, Callable[..., object]] = {
    PEER: peer,
    "upsample, torchmetrics on logits": peer_on_logits,
    OURS: ours,
    "the same, boundary and calibration counted too": everything,
}


def differing(size: tuple[int, int], seed: int) -> float:
    """Pixels that the peer labels otherwise; all of them ties to rounding, and all other counts are equal."""
    coarse, labels = drawn(size, seed)
    (theirs, their_counts), (own, counts) = peer(coarse, labels), ours(coarse, labels)
    differ = theirs != own
    best = coarse._replace(values=coarse.values.double()).whole().topk(2, dim=1).values
    assert ((best[:, 0] - best[:, 1])[differ] < 1e-5).all()
    assert np.abs(their_counts.numpy() - counts).sum() <= 2 * int(differ.sum())
    return float(differ.sum())


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call, by the clock."""
    start = clock()
    with torch.inference_mode():
        work()
    return clock() - start


def network(options: dict) -> Callable[[torch.Tensor], Prediction]:
    """uint8 (N, 3, H, W) -> prediction, by DeepLabV3+ with random weights."""
    import segmentation_models_pytorch as smp

    from atrous.models.smp import deeplab
    from atrous.module import SegmentationModule

    torch.manual_seed(0)
    net = deeplab(smp.DeepLabV3Plus, 16, encoder="mobilenet_v2", encoder_weights=None, num_classes=C)
    module = SegmentationModule(net, LABELS, (0.5,) * 3, (0.2,) * 3, inference=Inference(**options))
    return module.eval().predict


def loop(predict_batch: Callable, size: tuple[int, int], num_pictures: int, beside: bool) -> None:
    """Predict and count pictures, one after the other or both at once."""
    images = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
    labels = drawn(size)[1][:1]
    counting = Counting(LABELS, BOUNDARY_WIDTH)
    for index in range(num_pictures):
        predicted = predict_batch(images)
        if beside:
            counting.add([str(index)], labels, *predicted, None)
        else:
            guess, sure = (each[0].numpy() for each in predicted)
            count_picture(str(index), labels[0].numpy(), guess, LABELS, confidence=sure)
    counting.finish()


def resident(field: str) -> float:
    """MiB of this process; field: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def here(name: str, size: tuple[int, int]) -> dict[str, float]:
    """In this process: seconds of processor time, and MiB at most; after the network, those that it adds."""
    if name in WAYS:
        coarse, labels = drawn(size)
        WAYS[name](*drawn((64, 128)))  # what is loaded at the first call is not the picture's
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts from now
        before = resident("VmRSS")
        spent = seconds(lambda: WAYS[name](coarse, labels), time.process_time)
        return {"seconds": spent, "mib": resident("VmHWM") - before}
    options = MODES[name]
    predict_batch = network(options or {})
    images = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
    spent = 0.0 if options is None else seconds(lambda: predict_batch(images), time.process_time)
    return {"seconds": spent, "mib": resident("VmHWM")}


def elsewhere(name: str, size: tuple[int, int]) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, name, *map(str, size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(here(sys.argv[1], (int(sys.argv[2]), int(sys.argv[3])))))
