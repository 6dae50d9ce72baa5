"""What a training of a config would do with its data, for `atrous inspect`."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from atrous.build.loaders import augment, jitter, mix
from atrous.build.options import is_whole, make, whole
from atrous.data.layouts.pairs import Layout, Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from atrous.data.batch import Sample
    from atrous.data.datamodule import BatchJitter
    from atrous.data.inspection.finding import Plan
    from atrous.inspection import Draw, Drawn


def plan(cfg: DictConfig) -> "Plan":
    """What a training of this config would do with the data.  Raises ValueError: a number that is none."""
    from atrous.data.inspection.finding import Plan

    chosen = cfg.augment or {}
    crop = cfg.data.crop_size
    if chosen and not (
        OmegaConf.is_list(crop) and len(crop) == 2 and all(is_whole(side, 1) for side in crop)
    ):
        raise ValueError(f"data.crop_size={crop}: expected two whole numbers, [height,width] in pixels")
    return Plan(
        batch_size=whole(cfg, "data.batch_size", 1),
        eval_batch_size=whole(cfg, "data.eval_batch_size", 1),
        crop_size=(crop[0], crop[1]) if chosen else None,
        flips=chosen.get("flip_probability", 0) > 0,
        own_labels="label_format" in cfg.data,
    )


def samples(cfg: DictConfig, where: Layout) -> "Draw":
    """Draws the first cfg.samples that a training on these pairs would get: sampled, augmented and mixed.

    Raises ValueError: a number that is none.
    """
    num, seed = whole(cfg, "samples", 0), whole(cfg, "seed", 0)
    if not num:
        return lambda pairs, counts: []
    from atrous.data.dataset import SegmentationDataset
    from atrous.data.reading import Files
    from atrous.data.sampler import Order, Shuffled

    labels = where.labels
    augmentation, colors = augment(cfg, labels), jitter(cfg, labels)

    def draw(pairs: Sequence[Pair], counts: "NDArray[np.int64]") -> "list[Drawn]":
        mixed = mix(cfg, labels, lambda: counts)
        order: Order = make(cfg.sampling, counts=lambda: counts) if cfg.get("sampling") else Shuffled()
        read = Files(labels, where.label_format)
        dataset = SegmentationDataset(pairs, read, augmentation, seed, mixed, colors)
        drawn = [dataset[key] for key in islice(order(len(pairs), seed, 0), num)]
        images = [each.image for each in drawn]
        if colors is not None:
            images = [_jittered(colors, each) for each in drawn]
        return [
            (each.name, image.permute(1, 2, 0).numpy(), each.labels.numpy())
            for each, image in zip(drawn, images, strict=True)
        ]

    return draw


def _jittered(jitter: "BatchJitter", sample: "Sample") -> "Tensor":
    """The picture of a sample as the device would get it, uint8 (3, H, W)."""
    assert sample.colors is not None
    changed = jitter(sample.image[None], sample.labels[None], sample.colors[None])
    return changed[0].round().byte()
