"""The only place where a config becomes objects.

Heavy imports stay inside the functions: a wrong path in a config is told before torch is imported.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError

from atrous.data.layouts.packed import PackedPairs
from atrous.data.layouts.pairs import Layout, Pair
from atrous.labels import LabelSet
from atrous.models.weights import weights_file
from atrous.trust import require_trusted

if TYPE_CHECKING:
    import lightning as L
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from atrous.checkpoint import Checkpoint
    from atrous.data.batch import Sample
    from atrous.data.datamodule import BatchJitter, SegmentationData
    from atrous.data.dataset import Augment, Read
    from atrous.data.inspection.finding import Plan
    from atrous.data.inspection.listing import Listing
    from atrous.data.mix import Mix
    from atrous.inspection import Draw, Drawn
    from atrous.module import Forward, SegmentationModule
    from atrous.report.exports import Export


# The data options that cannot change what a score means.
EVALUATION_DATA = ("root", "eval_batch_size", "num_workers", "cache", "cache_dir")
# What the augment group says of the device, and no augmentation in the workers takes.
DEVICE_AUGMENT = ("device", "colors", "jitter")
# Options of conf/trainer that Lightning's trainer does not take, or takes for evaluations too.
NOT_LIGHTNINGS = ("benchmark", "checkpoint_activations", "compile")
# What a resumed run takes though it is older than the option: none of them is part of what it trains.
NEWER = (*(f"data.{key}" for key in EVALUATION_DATA), *(f"trainer.{key}" for key in NOT_LIGHTNINGS))


def layout(cfg: DictConfig) -> Layout:
    """The data set's layout and label set.  Raises ValueError: its root is missing."""
    made: Layout = _make(cfg.data.layout)
    return made


def require_options(cfg: DictConfig) -> None:
    """Raises ValueError: an option of evaluate or score that is of the wrong kind; told before any work."""
    width, pictures = cfg.boundary_width, cfg.pictures
    if isinstance(width, bool) or not isinstance(width, int | float) or width <= 0:
        raise ValueError(
            f"boundary_width={width}: expected a share of the diagonal, such as 0.02, or whole pixels, such "
            "as 3"
        )
    if type(pictures) is not int or pictures < 0:
        raise ValueError(f"pictures={pictures}: expected a number of pictures, 0 or more")
    precision = str(cfg.get("trainer", {}).get("precision", "32-true"))
    if precision.endswith("-true") and precision != "32-true":
        raise ValueError(f"trainer.precision={precision}: an evaluation is in float32; leave this out")
    for key in ("raw_ids", "allow_missing"):
        if not isinstance(cfg.get(key, False), bool):
            raise ValueError(f"{key}={cfg[key]}: expected true or false")
    if not isinstance(cfg.get("ending", ""), str):
        raise ValueError(f"ending={cfg.ending}: expected what follows the pictures' names, such as _pred")


def require_whole_split(cfg: DictConfig) -> None:
    """Raises ValueError: the config would score another split than it says, or a part of it."""
    limit, split = cfg.data.limits.test, cfg.data.splits.test
    if limit is not None or split != cfg.split:
        raise ValueError(
            f"data.limits.test={limit}, data.splits.test={split}: a score is of "
            f"the whole split that split={cfg.split} names; leave these out"
        )


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
        stage: None if limit is None else _whole(cfg, f"data.limits.{stage}", 1)
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
    return None if cfg.data.num_workers is None else _whole(cfg, "data.num_workers", 0)


def _whole(cfg: DictConfig, key: str, least: int) -> int:
    """A number of the config.  Raises ValueError: it is none, or lower."""
    value = OmegaConf.select(cfg, key)
    if not _is_whole(value, least):
        raise ValueError(f"{key}={value}: expected a whole number, {least} or more")
    return int(value)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def plan(cfg: DictConfig) -> "Plan":
    """What a training of this config would do with the data.  Raises ValueError: a number that is none."""
    from atrous.data.inspection.finding import Plan

    augment = cfg.augment or {}
    crop = cfg.data.crop_size
    if augment and not (
        OmegaConf.is_list(crop) and len(crop) == 2 and all(_is_whole(side, 1) for side in crop)
    ):
        raise ValueError(f"data.crop_size={crop}: expected two whole numbers, [height,width] in pixels")
    return Plan(
        batch_size=_whole(cfg, "data.batch_size", 1),
        eval_batch_size=_whole(cfg, "data.eval_batch_size", 1),
        crop_size=(crop[0], crop[1]) if augment else None,
        flips=augment.get("flip_probability", 0) > 0,
        own_labels="label_format" in cfg.data,
    )


def samples(cfg: DictConfig, where: Layout) -> "Draw":
    """Draws the first cfg.samples that a training on these pairs would get: sampled, augmented and mixed.

    Raises ValueError: a number that is none.
    """
    num, seed = _whole(cfg, "samples", 0), _whole(cfg, "seed", 0)
    if not num:
        return lambda pairs, counts: []
    from atrous.data.dataset import SegmentationDataset
    from atrous.data.reading import Files
    from atrous.data.sampler import Order, Shuffled

    labels = where.labels
    augment, jitter = _augment(cfg, labels), _jitter(cfg, labels)

    def draw(pairs: Sequence[Pair], counts: "NDArray[np.int64]") -> "list[Drawn]":
        mix = _mix(cfg, labels, lambda: counts)
        order: Order = _make(cfg.sampling, counts=lambda: counts) if cfg.get("sampling") else Shuffled()
        read = Files(labels, where.label_format)
        dataset = SegmentationDataset(pairs, read, augment, seed, mix, jitter)
        drawn = [dataset[key] for key in islice(order(len(pairs), seed, 0), num)]
        images = [each.image for each in drawn]
        if jitter is not None:
            images = [_jittered(jitter, each) for each in drawn]
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


def stages(cfg: DictConfig) -> list[str]:
    """What stages=[...] names.  Raises ValueError: no list of stages."""
    chosen, known = plain(cfg)["stages"], list(cfg.data.splits)
    if not isinstance(chosen, list) or not chosen or any(stage not in known for stage in chosen):
        raise ValueError(f"stages={chosen}: expected a list of {', '.join(known)}")
    return chosen


def cache_folder(cfg: DictConfig) -> Path:
    """Where decoded pixels are kept on disk.  Raises ValueError: no folder is named, as in older runs."""
    folder = cfg.data.get("cache_dir")
    if not isinstance(folder, str):
        raise ValueError(f"data.cache_dir={folder}: name a folder for decoded pixels, on a fast disk")
    return Path(folder).expanduser()


def _training_samples(cfg: DictConfig, pairs: Sequence[Pair], where: Layout) -> dict[str, Any]:
    """How the training samples are drawn, augmented and mixed."""
    counts = cache(lambda: _class_counts(cfg, pairs, where))
    made: dict[str, Any] = {"augment": _augment(cfg, where.labels), "mix": _mix(cfg, where.labels, counts)}
    made["jitter"] = _jitter(cfg, where.labels)
    if cfg.get("sampling"):
        made["order"] = _make(cfg.sampling, counts=counts)
    return made


def _augment(cfg: DictConfig, labels: LabelSet) -> "Augment | None":
    if cfg.augment is None:
        return None
    parts = OmegaConf.to_container(cfg.augment, resolve=True)
    assert isinstance(parts, dict)
    if _switch(cfg, "augment.device") and "photometric" in parts:
        parts["photometric"] = None
    made: Augment = _make(
        OmegaConf.create({key: value for key, value in parts.items() if key not in DEVICE_AUGMENT}),
        crop_size=cfg.data.crop_size,
        mirror_table=labels.mirror_table,
        ignore_index=labels.ignore_index,
        mean=list(cfg.model.mean),
    )
    return made


def _jitter(cfg: DictConfig, labels: LabelSet) -> "BatchJitter | None":
    """What changes colours on the device, in the place of augment.photometric.

    Raises ValueError: the augment has no such part.
    """
    if cfg.augment is None or not _switch(cfg, "augment.device"):
        return None
    if "jitter" not in cfg.augment:
        raise ValueError(
            "augment.device=true: this augment has no jitter, which changes colours on the device; choose "
            "augment=default, or leave it out"
        )
    if "photometric" in cfg.augment and cfg.augment.photometric is None:
        return None
    made: BatchJitter = _make(cfg.augment.jitter, ignore_index=labels.ignore_index, fill=list(cfg.model.mean))
    return made


def _mix(cfg: DictConfig, labels: LabelSet, counts: "Callable[[], NDArray[np.int64]]") -> "Mix | None":
    if not cfg.get("mix"):
        return None
    if cfg.augment is None:
        raise ValueError("mix pastes between crops of one size: choose an augment, or mix=none")
    made: Mix = _make(cfg.mix)(labels=labels, counts=counts)
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
    weights = _make(chosen["formula"])(_class_counts(cfg, pairs, where))
    chosen["values"] = [float(f"{weight:.6g}") for weight in weights]


def _class_counts(cfg: DictConfig, pairs: Sequence[Pair], where: Layout) -> "NDArray[np.int64]":
    from lightning.pytorch.utilities import rank_zero_only

    from atrous.data.statistics import class_counts

    folder = Path(cfg.paths.cache).expanduser()
    return class_counts(pairs, where.labels, where.label_format, folder, tell=rank_zero_only(print))


def module(cfg: DictConfig, labels: LabelSet) -> "SegmentationModule":
    """The network, its losses, optimizer and schedule."""
    from atrous.module import LossTerm, SegmentationModule

    known = {"num_classes": labels.num_classes, "ignore_index": labels.ignore_index}
    terms = {
        name: LossTerm(_make(term.loss, **known), term.weight)
        for name, term in (cfg.get("loss") or {}).items()
        if term is not None
    }
    if not terms:
        raise ValueError("no loss is chosen; set loss=cross_entropy, or several: loss=[cross_entropy,dice]")
    net = _make(cfg.model.net, num_classes=labels.num_classes)
    return SegmentationModule(
        net=net,
        labels=labels,
        mean=list(cfg.model.mean),
        std=list(cfg.model.std),
        terms=terms,
        make_optimizer=_make(cfg.optimizer),
        make_scheduler=_make(cfg.scheduler),
        inference=_make(cfg.inference),
        compile_net=_trains_by(cfg, net),
    )


def _trains_by(cfg: DictConfig, net: "nn.Module") -> "Callable[[nn.Module], Forward] | None":
    """How the training runs the network, by the trainer's options.

    Raises ValueError: options that do not go together, or a network that cannot be run so.
    """
    compiles, checkpoints = (_switch(cfg, f"trainer.{key}") for key in ("compile", "checkpoint_activations"))
    if checkpoints:
        from atrous.activations import checkpoint_activations

        checkpoint_activations(net)
    if not compiles:
        return None
    if checkpoints:
        raise ValueError(
            "trainer.compile=true decides itself what it keeps for the gradient; leave out "
            "trainer.checkpoint_activations=true, or compile"
        )
    if cfg.augment is None:
        raise ValueError("trainer.compile=true is for pictures of one size; choose an augment, which crops")
    from atrous.compiling import compiled

    return compiled


def _switch(cfg: DictConfig, key: str) -> bool:
    """A choice that older configs lack.  Raises ValueError: it is neither true nor false."""
    value = OmegaConf.select(cfg, key, default=False)
    if not isinstance(value, bool):
        raise ValueError(f"{key}={value}: expected true or false")
    return value


def evaluation_module(cfg: DictConfig, checkpoint: "Checkpoint") -> "SegmentationModule":
    """The network of a checkpoint with its weights, ready to evaluate."""
    from atrous.checkpoint import load_weights
    from atrous.module import SegmentationModule

    built = SegmentationModule(
        net=_make(cfg.model.net, num_classes=checkpoint.labels.num_classes),
        labels=checkpoint.labels,
        mean=list(cfg.model.mean),
        std=list(cfg.model.std),
        inference=_make(cfg.inference),
        boundary_width=cfg.boundary_width,
    )
    load_weights(built, checkpoint)
    return built


def exports(cfg: DictConfig) -> "list[Export]":
    """How predictions are written: as indices, and as chosen."""
    from atrous.report.exports import Indices

    chosen = cfg.export_format.export
    return [Indices(), *([] if chosen is None else [_make(chosen)])]


def trainer(cfg: DictConfig, callbacks: Sequence["L.Callback"] = ()) -> "L.Trainer":
    """The Lightning trainer with the config's callbacks and loggers, and ``callbacks``."""
    import torch
    from lightning.pytorch.utilities import rank_zero_warn

    from atrous.callbacks.arithmetic import Arithmetic
    from atrous.checkpoint import AtomicCheckpointIO

    # The checkpoints share the run folder with the config and the logs, so it is never empty.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # lightning 2.6 with torch 2.15; nothing that a user can do.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    options = {
        key: value for key, value in plain(cfg.trainer, resolve=True).items() if key not in NOT_LIGHTNINGS
    }
    if options.get("sync_batchnorm") and not torch.cuda.is_available():
        rank_zero_warn("trainer.sync_batchnorm=true needs GPUs; batch norm stays a device's own here")
        options["sync_batchnorm"] = False
    _require_clipping(cfg)
    one_size = cfg.get("augment") is not None
    search = cfg.trainer.get("benchmark")
    chosen = [_make(callback) for callback in (cfg.get("callbacks") or {}).values() if callback is not None]
    loggers = [_make(logger) for logger in (cfg.get("logger") or {}).values() if logger is not None]
    made: L.Trainer = _make(
        options,
        callbacks=[Arithmetic(one_size if search is None else search), *chosen, *callbacks],
        logger=loggers or False,
        plugins=[AtomicCheckpointIO()],
    )
    if made.world_size > 1 and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise ValueError(
            f"a sweep (-m) runs one process a job, but trainer.devices={cfg.trainer.devices} asks for "
            f"{made.world_size}; start these runs one by one"
        )
    return made


def _require_clipping(cfg: DictConfig) -> None:
    """Raises ValueError: gradients would be clipped that only the optimizer can scale back."""
    scaled = str(cfg.trainer.get("precision")) in ("16-mixed", "16")
    if scaled and cfg.trainer.get("gradient_clip_val") and cfg.optimizer.algorithm.get("fused"):
        raise ValueError(
            f"trainer.precision={cfg.trainer.precision} with trainer.gradient_clip_val: a fused optimizer "
            "takes the scale out of the gradients after they are clipped; set optimizer.algorithm.fused=false"
        )


def warn_of_small_batches(cfg: DictConfig, net: "nn.Module") -> None:
    """Warn where batch norm has too few pictures for its statistics: below 8 a device, not synchronised."""
    from lightning.pytorch.utilities import rank_zero_warn
    from torch.nn.modules.batchnorm import _BatchNorm

    if any(isinstance(layer, _BatchNorm) for layer in net.modules()):
        synchronised = cfg.trainer.get("sync_batchnorm", False)
        if cfg.data.batch_size < 8 and not synchronised:
            rank_zero_warn(
                f"batch norm sees data.batch_size={cfg.data.batch_size} pictures a device; below 8 its "
                "statistics are "
                "poor: raise it, or use several devices with trainer=ddp (synchronised batch norm)"
            )


def require_files(cfg: DictConfig) -> None:
    """Raises ValueError: a file that the config names is missing.  Costs no heavy import."""
    weights_file(cfg.model.get("encoder_weights"))


def choice(group: str) -> str:
    """The name of the config that was chosen of a group."""
    return str(HydraConfig.get().runtime.choices[group])


def plain(cfg: DictConfig, resolve: bool = False) -> dict[str, Any]:
    """The config as plain data: with its interpolations (for a checkpoint), or their values (for loggers)."""
    container = OmegaConf.to_container(cfg, resolve=resolve)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def as_yaml(config: Mapping[str, Any]) -> str:
    """Plain data as a config file."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def resumed(cfg: DictConfig) -> DictConfig:
    """The config of the run that ``cfg.resume`` belongs to, with the values given on this command line.

    Raises ValueError: a whole group (model=...) is given, which would be another run; a checkpoint that is
    not
        ours, or whose config names what it may not build.
    """
    from atrous.checkpoint import read

    checkpoint = read(cfg.resume)
    stored = _opened(checkpoint.config)
    hydra_cfg = HydraConfig.get()
    for override in OverridesParser.create().parse_overrides(list(hydra_cfg.overrides.task)):
        key = override.key_or_group
        if key in hydra_cfg.runtime.choices or key.startswith(("optimizer.", "scheduler.", "model.")):
            raise ValueError(
                f"resume={cfg.resume} goes on with the network, optimizer and config of its run, so "
                f"{override.input_line} cannot be changed; give values such as trainer.max_steps=..., or "
                "start a new run"
            )
        try:
            OmegaConf.update(stored, key, override.value(), force_add=override.is_add() or key in NEWER)
        except ConfigAttributeError:
            raise ValueError(
                f"resume={cfg.resume}: its run has no {key}, so {override.input_line} cannot be changed; "
                "leave it out, or start a new run"
            ) from None
    if 0 < int(stored.trainer.max_steps) <= checkpoint.step:
        raise ValueError(
            f"resume={cfg.resume}: its training is finished after {checkpoint.step} steps; to go on raise "
            "trainer.max_steps"
        )
    _without_encoder_weights(stored)
    require_trusted(plain(stored, resolve=True), cfg.allow, training=True)
    return stored


def evaluation_config(config: Mapping[str, Any], cfg: DictConfig) -> DictConfig:
    """The config of a checkpoint with what an evaluation may change: where and how, never what is scored.

    Raises ValueError: the checkpoint's config names what it may not build.
    """
    run = _opened({key: config[key] for key in ("seed", "paths", "data", "model", "augment", "inference")})
    unknown = sorted(str(key) for key in cfg.data if key not in EVALUATION_DATA)
    if unknown:
        raise ValueError(
            f"data.{unknown[0]}: an evaluation does not change this; it scores the whole split, and takes "
            f"data.{', data.'.join(EVALUATION_DATA)}"
        )
    given = {f"data.{key}": value for key, value in cfg.data.items()} | {"paths.data": cfg.paths.data}
    if "_target_" in cfg.inference:  # a choice of its own
        run.inference = cfg.inference
    else:
        given |= {f"inference.{key}": value for key, value in cfg.inference.items()}
    for key, value in given.items():
        if value is not None:
            OmegaConf.update(run, key, value, merge=False, force_add=True)
    OmegaConf.update(run, "paths.output", cfg.paths.output)
    OmegaConf.update(run, "data.splits.test", cfg.split)
    OmegaConf.update(run, "data.limits.test", None)
    OmegaConf.update(run, "boundary_width", cfg.boundary_width, force_add=True)
    _without_encoder_weights(run)
    require_trusted(plain(run, resolve=True), cfg.allow)
    return run


def scored_pairs(cfg: DictConfig, config: Mapping[str, Any]) -> tuple[Layout, Sequence[Pair]]:
    """The data set behind an evaluation, and its pictures.

    cfg: may say where the data lie.  config: that of the evaluation, plain data with its interpolations.
    Raises ValueError: the data are not there, or the config names what it may not build.
    """
    if "data" not in config:
        raise ValueError("no evaluation has a config that says where its pictures lie")
    run = _opened({key: value for key, value in config.items() if key != "training"})
    for key, value in {"paths.data": cfg.paths.data, "data.root": cfg.data.root}.items():
        if value is not None:
            OmegaConf.update(run, key, value)
    data = OmegaConf.create({"data": OmegaConf.to_container(run.data, resolve=True)})
    require_trusted(plain(data), cfg.allow)
    where = layout(data)
    return where, pairs(data, where, ("test",))["test"]


def _without_encoder_weights(cfg: DictConfig) -> None:
    """The checkpoint brings all weights: no need for the file or the network that the training began with."""
    if "encoder_weights" in cfg.model:
        cfg.model.encoder_weights = None


def _opened(config: Mapping[str, Any]) -> DictConfig:
    """Plain data out of a checkpoint as a config, which knows no other keys than its own."""
    cfg = OmegaConf.create(dict(config))
    OmegaConf.set_struct(cfg, True)
    return cfg


def _make(cfg: DictConfig | dict[str, Any], **known: Any) -> Any:
    """Instantiate; what a constructor says of a wrong value reaches the user as it was said."""
    try:
        return instantiate(cfg, _convert_="all", **known)
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError):
            raise error.__cause__ from None
        raise
