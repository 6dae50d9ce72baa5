"""Processor time that a training picture costs, through a DataLoader of one worker, against public recipes.

python benchmarks/input.py [--quick]

The pictures are 2048x1024 PNGs made of two photographs (of scikit-learn): parts of them, enlarged, with the
noise of a sensor, and blocks of labels.  All sides decode picture and labels, scale by 0.5 to 2, crop
512x1024, flip and jitter; the peers also normalise to float32, as their examples do.  Counted is the
processor time of the worker and of the main process, an epoch a round; what the device does with device
jitter is not in it.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from measure import Table, arguments, in_turn, publish
from sklearn.datasets import load_sample_images
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.io import decode_image
from torchvision.transforms import v2

from atrous.data import decoders
from atrous.data.augment import CropAugment
from atrous.data.batch import Sample, collate
from atrous.data.cache import PixelCache
from atrous.data.cached import Cached
from atrous.data.datamodule import SegmentationData
from atrous.data.jitter import ColorJitter
from atrous.data.layouts.cityscapes import LABEL_SETS, Cityscapes
from atrous.data.layouts.pairs import Pair
from atrous.data.reading import Files
from atrous.data.ring import Ring, RingLoader

NUM_PICTURES, REPEATS, CROP = 16, 4, (512, 1024)
LABELS = LABEL_SETS[19]
TABLE = LABELS.raw_table.astype(np.uint8)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
JITTER = {"brightness": (0.7, 1.3), "contrast": (0.7, 1.3), "saturation": (0.7, 1.3), "hue": (-0.05, 0.05)}


class AlbumentationsExample(Dataset):
    """As in the examples of albumentations and smp."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs
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

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        pair = self.pairs[index]
        image = cv2.cvtColor(cv2.imread(str(pair.image)), cv2.COLOR_BGR2RGB)
        mask = TABLE[cv2.imread(str(pair.label), cv2.IMREAD_GRAYSCALE)]
        out = self.transform(image=image, mask=mask)
        return out["image"], out["mask"]


class TorchvisionReference(Dataset):
    """As in torchvision's segmentation reference, with its v2 transforms."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs
        self.table = torch.from_numpy(TABLE)
        self.transform = v2.Compose(
            [
                v2.ScaleJitter(target_size=(1024, 2048), scale_range=(0.5, 2.0)),
                v2.RandomCrop(CROP, pad_if_needed=True, fill={tv_tensors.Image: 0, tv_tensors.Mask: 255}),
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.ColorJitter(*JITTER.values())], p=0.8),
                v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        pair = self.pairs[index]
        image = tv_tensors.Image(decode_image(str(pair.image)))
        mask = tv_tensors.Mask(self.table[decode_image(str(pair.label))[0].long()])
        return self.transform(image, mask)


def write_pictures(root: Path, num_pictures: int, size: tuple[int, int] = (1024, 2048)) -> None:
    """A Cityscapes tree of training pairs; a picture has 2.5 MB, Cityscapes' own have 2.3 on average."""
    rng = np.random.default_rng(0)
    photographs = load_sample_images().images
    for index in range(num_pictures):
        photograph = photographs[index % 2]
        top, left = rng.integers(0, 107), rng.integers(0, 1)
        part = photograph[top : top + 320, left : left + 640, ::-1]
        enlarged = cv2.resize(part, size[::-1], interpolation=cv2.INTER_CUBIC)
        image = np.clip(enlarged + rng.normal(0, 0.5, enlarged.shape), 0, 255).astype(np.uint8)
        blocks = rng.integers(0, 34, (16, 32)).astype(np.uint8)
        labels = cv2.resize(blocks, size[::-1], interpolation=cv2.INTER_NEAREST)
        stem = f"city_{index:06d}_000019"
        for name, pixels in (
            (f"leftImg8bit/train/city/{stem}_leftImg8bit.png", image),
            (f"gtFine/train/city/{stem}_gtFine_labelIds.png", labels),
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / name), pixels)


def atrous(
    pairs: list[Pair], cache: Path | None = None, device_jitter: bool = False, num_workers: int = 1
) -> Generator[int]:
    """What train.py reads with data.cache and augment.device, epoch after epoch."""
    files = Files(LABELS)
    jitter = A.Compose([A.ColorJitter(**JITTER, p=0.8)])
    augment = CropAugment(
        CROP, LABELS.mirror_table, LABELS.ignore_index, MEAN, photometric=None if device_jitter else jitter
    )
    drawn = ColorJitter(**JITTER, probability=0.8, ignore_index=LABELS.ignore_index, fill=MEAN)
    data = SegmentationData(
        {"train": pairs},
        files if cache is None else Cached(files, PixelCache(cache)),
        seed=0,
        batch_size=8,
        num_workers=num_workers,
        augment=augment,
        jitter=drawn if device_jitter else None,
    )
    loader = data.train_dataloader()
    epoch = 0
    while True:
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        yield sum(len(batch["names"]) for batch in loader)
        epoch += 1


def peer(pairs: list[Pair], kind: Callable[[list[Pair]], Dataset]) -> Generator[int]:
    """A public recipe, epoch after epoch."""
    loader = DataLoader(
        kind(pairs),
        batch_size=8,
        shuffle=True,
        num_workers=1,
        persistent_workers=True,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )
    while True:
        yield sum(len(images) for images, _ in loader)


class Ready(Dataset):
    """Crops that are there already."""

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples
        image = torch.randint(0, 256, (*CROP, 3), dtype=torch.uint8).permute(2, 0, 1)
        self.sample = Sample(image, torch.zeros(CROP, dtype=torch.uint8), "crop")

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, index: int) -> Sample:
        return self.sample


def handed_over(kind: type[DataLoader], collate_fn: Callable, num_samples: int) -> Generator[int]:
    """What a worker and the main process do to get a batch from one to the other, epoch after epoch."""
    loader = kind(
        Ready(num_samples),
        batch_size=8,
        num_workers=1,
        persistent_workers=True,
        collate_fn=collate_fn,
        multiprocessing_context="fork",
    )
    while True:
        yield sum(len(batch["names"]) for batch in loader)


def cpu_milliseconds(epochs: Iterator[int]) -> float:
    """Processor time of an epoch, in this process and its workers, a picture."""
    start = _cpu_seconds()
    num_pictures = next(epochs)
    return 1000 * (_cpu_seconds() - start) / num_pictures


def _cpu_seconds() -> float:
    """Of this process and those that it has started, all their threads; Linux."""
    nanoseconds = 0
    for child in multiprocessing.active_children():
        for thread in Path(f"/proc/{child.pid}/task").iterdir():
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return time.process_time() + nanoseconds / 1e9


def main() -> None:
    """Measure all in turn."""
    args = arguments(__doc__)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), NUM_PICTURES)
        pairs = Cityscapes(folder).pairs("train") * (1 if args.quick else REPEATS)
        cache = Path(folder) / "pixels"
        epochs = {
            "albumentations example": peer(pairs, AlbumentationsExample),
            "torchvision v2 reference": peer(pairs, TorchvisionReference),
            "atrous": atrous(pairs),
            "atrous, device jitter": atrous(pairs, device_jitter=True),
            "atrous, cache": atrous(pairs, cache),
            "atrous, cache and device jitter": atrous(pairs, cache, device_jitter=True),
        }
        ways: dict[str, Callable[[], float]] = {
            name: partial(cpu_milliseconds, way) for name, way in epochs.items()
        }
        rounds = in_turn(ways, args.repetitions, warm_up=2)
    title = f"A training picture (PNG decoded by {decoders.versions()[1]})"
    table = Table(title, "CPU ms a picture", rounds, "albumentations example")
    num_samples = 64 if args.quick else 256
    hands = {
        "torch's loader": handed_over(DataLoader, collate, num_samples),
        "memory used again": handed_over(RingLoader, Ring(1, 8), num_samples),
    }
    rounds = in_turn({name: partial(cpu_milliseconds, way) for name, way in hands.items()}, args.repetitions)
    title = f"Handing a crop of {CROP[1]}x{CROP[0]} over from a worker, uint8"
    handing = Table(title, "CPU ms a picture", rounds, "torch's loader")
    publish(__file__, [table, handing], args.quick)


if __name__ == "__main__":
    main()
