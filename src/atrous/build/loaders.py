"""From the config to pairs, their pixels and the loaders."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from atrous.build.options import make, plain, skips, switch, whole
from atrous.data.layouts.packed import PackedPairs
from atrous.data.layouts.pairs import Layout, Pair
from atrous.labels import LabelSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atrous.data.datamodule import BatchJitter, SegmentationData
    from atrous.data.dataset import Augment, Read
    from atrous.data.inspection.listing import Listing
    from atrous.data.mix import Mix

# What the augment group says of the device, and no augmentation in the workers takes.
DEVICE_AUGMENT = ("device", "colors", "jitter")


def layout(cfg: DictConfig) -> Layout:
    """The data set's layout and label set.  Raises ValueError: its root is missing."""
    made: Layout = make(cfg.data.layout)
    return made


def pairs(
    cfg: DictConfig, where: Layout, stages: Sequence[str], may_lack_labels: bool = False
) -> dict[str, Sequence[Pair]]:
    """The pairs of each stage's split.

    may_lack_labels: a split without any labels will do.
    Raises ValueError: an empty split, or what the layout finds wrong.
    """
    found: dict[str, Sequence[Pair]] = {}
    for stage in stages:
        split = cfg.data.splits[stage]
        listed = where.pairs(split)
        if not listed:
            raise ValueError(f"data.root={cfg.data.root}: split '{split}' is empty; expected pictures there")
        unlabelled = [pair for pair in listed if pair.label is None]
        if len(unlabelled) == len(listed) and not may_lack_labels:
            raise ValueError(
                f"split '{split}' has no labels: it cannot be trained on or scored; to write predictions for "
                "a server, evaluate with export_format=cityscapes or voc"
            )
        if 0 < len(unlabelled) < len(listed):
            raise ValueError(
                f"{unlabelled[0].image}: no labels, though others of split '{split}' have some; correct the "
                "list"
            )
        found[stage] = PackedPairs(listed[: cfg.data.limits[stage]])
    return found


def listings(cfg: DictConfig, where: Layout) -> "list[Listing]":
    """What stands on disk for each split that a stage reads, with what is wrong instead of an error.

    Raises ValueError: a limit that is no number.
    """
    from atrous.data.inspection.listing import list_split

    stages: dict[str, list[str]] = {}
    for stage, split in cfg.data.splits.items():
        stages.setdefault(split, []).append(stage)
    limits = {
        stage: None if limit is None else whole(cfg, f"data.limits.{stage}", 1)
        for stage, limit in cfg.data.limits.items()
    }
    return [
        list_split(where, split, of, _widest([limits[stage] for stage in of])) for split, of in stages.items()
    ]


def _widest(limits: Sequence[int | None]) -> int | None:
    """The limit that holds for all of several stages; None: there is none."""
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def num_workers(cfg: DictConfig) -> int | None:
    """Processes that read; None: a core each.  Raises ValueError: a number that is none."""
    return None if cfg.data.num_workers is None else whole(cfg, "data.num_workers", 0)


def data(cfg: DictConfig, found: Mapping[str, Sequence[Pair]], where: Layout) -> "SegmentationData":
    """The loaders of the pairs that were found in the layout ``where``."""
    from atrous.data.datamodule import SegmentationData

    return SegmentationData(
        found,
        reader(cfg, where),
        seed=cfg.seed,
        batch_size=cfg.data.batch_size,
        eval_batch_size=cfg.data.eval_batch_size,
        num_workers=num_workers(cfg),
        **(_training_samples(cfg, found["train"], where) if "train" in found else {}),
    )


def reader(cfg: DictConfig, where: Layout) -> "Read":
    """From a pair to its pixels, as data.cache keeps them.  Raises ValueError: an unknown kind of cache."""
    from lightning.pytorch.utilities import rank_zero_warn

    from atrous.data.cache import PixelCache, disk_room
    from atrous.data.cached import Cached, memory_folder, memory_room
    from atrous.data.reading import Files

    files = Files(where.labels, where.label_format)
    kind = cfg.data.get("cache")
    if kind in (None, "none"):
        return files
    if kind not in ("ram", "disk"):
        raise ValueError(f"data.cache={kind}: expected none, ram or disk")
    folder = memory_folder() if kind == "ram" else cache_folder(cfg)
    room = memory_room if kind == "ram" else disk_room
    return Cached(files, PixelCache(folder, tell=rank_zero_warn, room=room))


def cache_folder(cfg: DictConfig) -> Path:
    """Where decoded pixels are kept on disk.  Raises ValueError: no folder is named, as in older runs."""
    folder = cfg.data.get("cache_dir")
    if not isinstance(folder, str):
        raise ValueError(f"data.cache_dir={folder}: name a folder for decoded pixels, on a fast disk")
    return Path(folder).expanduser()


def _training_samples(cfg: DictConfig, pairs: Sequence[Pair], where: Layout) -> dict[str, Any]:
    """How the training samples are drawn, augmented and mixed."""
    counts = cache(lambda: _class_counts(cfg, pairs, where))
    made: dict[str, Any] = {"augment": augment(cfg, where.labels), "mix": mix(cfg, where.labels, counts)}
    made["jitter"] = jitter(cfg, where.labels)
    made["replace"] = skips(cfg, "data.on_bad_sample")
    if cfg.get("sampling"):
        made["order"] = make(cfg.sampling, counts=counts)
    return made


def augment(cfg: DictConfig, labels: LabelSet) -> "Augment | None":
    """What becomes of a training sample in the workers; None: nothing."""
    if cfg.augment is None:
        return None
    parts = OmegaConf.to_container(cfg.augment, resolve=True)
    assert isinstance(parts, dict)
    if switch(cfg, "augment.device") and "photometric" in parts:
        parts["photometric"] = None
    made: Augment = make(
        OmegaConf.create({key: value for key, value in parts.items() if key not in DEVICE_AUGMENT}),
        crop_size=cfg.data.crop_size,
        mirror_table=labels.mirror_table,
        ignore_index=labels.ignore_index,
        mean=list(cfg.model.mean),
    )
    if photometric := getattr(made, "photometric", None):
        _require_in_place(photometric)
    return made


def _require_in_place(transform: Any) -> None:
    """Raises ValueError: a transform that would move the picture, and not its labels."""
    from albumentations import DualTransform

    if isinstance(transform, DualTransform):
        raise ValueError(
            f"augment.photometric: {type(transform).__name__} moves pixels, and the labels would stay; "
            "expected transforms of colours alone"
        )
    for part in getattr(transform, "transforms", ()):
        _require_in_place(part)


def jitter(cfg: DictConfig, labels: LabelSet) -> "BatchJitter | None":
    """What changes colours on the device, in the place of augment.photometric.

    Raises ValueError: the augment has no such part.
    """
    if cfg.augment is None or not switch(cfg, "augment.device"):
        return None
    if "jitter" not in cfg.augment:
        raise ValueError(
            "augment.device=true: this augment has no jitter, which changes colours on the device; choose "
            "augment=default, or leave it out"
        )
    if "photometric" in cfg.augment and cfg.augment.photometric is None:
        return None
    made: BatchJitter = make(cfg.augment.jitter, ignore_index=labels.ignore_index, fill=list(cfg.model.mean))
    return made


def mix(cfg: DictConfig, labels: LabelSet, counts: "Callable[[], NDArray[np.int64]]") -> "Mix | None":
    """What is pasted from another training sample; None: nothing.  Raises ValueError: crops are not cut."""
    if not cfg.get("mix"):
        return None
    if cfg.augment is None:
        raise ValueError("mix pastes between crops of one size: choose an augment, or mix=none")
    made: Mix = make(cfg.mix)(labels=labels, counts=counts)
    return made


def set_class_weights(cfg: DictConfig, pairs: Sequence[Pair], where: Layout) -> None:
    """Compute class_weights.values by the chosen formula; a resumed run has them already.

    Raises ValueError: no chosen loss takes them.
    """
    chosen = cfg.get("class_weights")
    if not chosen or (chosen["formula"] is None and chosen["values"] is None):
        return
    if "${class_weights.values}" not in str(plain(cfg).get("loss")):
        raise ValueError(
            "class_weights are chosen, but no loss takes them; choose cross_entropy, ohem, "
            "focal or boundary without weights of its own, or class_weights=none"
        )
    if chosen["values"] is not None:
        return
    weights = make(chosen["formula"])(_class_counts(cfg, pairs, where))
    chosen["values"] = [float(f"{weight:.6g}") for weight in weights]


def _class_counts(cfg: DictConfig, pairs: Sequence[Pair], where: Layout) -> "NDArray[np.int64]":
    from lightning.pytorch.utilities import rank_zero_only

    from atrous.data.statistics import class_counts

    folder = Path(cfg.paths.cache).expanduser()
    return class_counts(
        pairs,
        where.labels,
        where.label_format,
        folder,
        tell=rank_zero_only(print),
        skip=skips(cfg, "data.on_bad_sample"),
    )
