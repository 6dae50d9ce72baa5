"""CPU time a training picture costs, through a DataLoader, against the pipeline of albumentations' own
examples.

python benchmarks/input_pipeline.py      prints a table of medians and writes benchmarks/input_pipeline.json

The pictures are 2048x1024 PNGs made here: smooth noise, which costs about what a photograph does to decode.
Both sides decode picture and labels, scale by 0.5 to 2, crop 512x1024, flip and jitter; the peer also
normalises to float32, as its examples do.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from torch.utils.data import DataLoader, Dataset

from atrous.data.augment import CropAugment
from atrous.data.datamodule import SegmentationData
from atrous.data.layouts.cityscapes import LABEL_SETS, Cityscapes

HERE = Path(__file__).resolve().parent
NUM_PICTURES, REPETITIONS, CROP = 16, 5, (512, 1024)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
JITTER = {"brightness": (0.7, 1.3), "contrast": (0.7, 1.3), "saturation": (0.7, 1.3), "hue": (-0.05, 0.05)}


class Albumentations(Dataset):
    """As in the examples of albumentations and smp."""

    def __init__(self, pairs):
        self.pairs = pairs
        self.table = LABEL_SETS[19].raw_table.astype(np.uint8)
        self.transform = A.Compose(
            [
                A.RandomScale((-0.5, 1.0), p=1.0),
                A.PadIfNeeded(*CROP),
                A.RandomCrop(*CROP),
                A.HorizontalFlip(),
                A.ColorJitter(**JITTER, p=0.8),
                A.Normalize(MEAN, STD),
                ToTensorV2(),
            ]
        )

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        pair = self.pairs[index]
        image = cv2.cvtColor(cv2.imread(str(pair.image)), cv2.COLOR_BGR2RGB)
        mask = self.table[cv2.imread(str(pair.label), cv2.IMREAD_GRAYSCALE)]
        out = self.transform(image=image, mask=mask)
        return out["image"], out["mask"]


def write_pictures(root: Path) -> None:
    """A Cityscapes tree of ``NUM_PICTURES`` training pairs."""
    rng = np.random.default_rng(0)
    for index in range(NUM_PICTURES):
        coarse = rng.uniform(0, 255, (64, 128, 3)).astype(np.float32)
        smooth = cv2.resize(coarse, (2048, 1024), interpolation=cv2.INTER_CUBIC)
        image = np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
        labels = rng.integers(0, 34, (16, 32)).astype(np.uint8).repeat(64, 0).repeat(64, 1)
        stem = f"city_{index:06d}_000019"
        for name, pixels in (
            (f"leftImg8bit/train/city/{stem}_leftImg8bit.png", image),
            (f"gtFine/train/city/{stem}_gtFine_labelIds.png", labels),
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / name), pixels)


def cpu_milliseconds(loader: Callable[[], DataLoader]) -> float:
    """CPU milliseconds a picture, in this process (no workers), over one epoch."""
    start = time.process_time()
    for _ in loader():
        pass
    return 1000 * (time.process_time() - start) / NUM_PICTURES


def main() -> None:
    """Measure both in turn, so that a slow moment of the machine touches each."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    labels = LABEL_SETS[19]
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder))
        pairs = Cityscapes(folder).pairs("train")
        jitter = A.Compose([A.ColorJitter(**JITTER, p=0.8)])
        augment = CropAugment(CROP, labels.mirror_table, labels.ignore_index, MEAN, photometric=jitter)
        ours = SegmentationData({"train": pairs}, labels, augment, seed=0, batch_size=4, num_workers=0)
        peer = Albumentations(pairs)
        loaders: dict[str, Callable[[], DataLoader]] = {
            "atrous": ours.train_dataloader,
            "albumentations": lambda: DataLoader(peer, batch_size=4, shuffle=True),
        }
        rounds = [
            {name: cpu_milliseconds(loader) for name, loader in loaders.items()}
            for _ in range(REPETITIONS + 1)
        ][1:]
    medians = {name: statistics.median(measured[name] for measured in rounds) for name in loaders}
    ratio = statistics.median(measured["albumentations"] / measured["atrous"] for measured in rounds)
    for name, median in medians.items():
        print(f"{name:16s} {median:7.1f} CPU ms a picture")
    print(f"albumentations / atrous: {ratio:.2f} (median of {REPETITIONS} rounds)")
    (HERE / "input_pipeline.json").write_text(json.dumps({**medians, "ratio": ratio}, indent=2) + "\n")


if __name__ == "__main__":
    main()
