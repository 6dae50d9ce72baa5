"""The only place where a config becomes objects.

Heavy imports stay inside the functions: a wrong path in a config is told before torch is imported.
"""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from atrous.data.layouts.pairs import Layout, Pair
from atrous.labels import LabelSet
from atrous.models.weights import weights_file

if TYPE_CHECKING:
    import lightning as L
    from torch import nn

    from atrous.checkpoint import Checkpoint
    from atrous.data.datamodule import SegmentationData
    from atrous.module import SegmentationModule

# What a config out of a checkpoint may build: classes and functions that these packages define themselves.
# Our own list names rooms, not the package, so that no command can be called.
TRUSTED = (
    "albumentations",
    "atrous.callbacks",
    "atrous.data",
    "atrous.inference",
    "atrous.labels",
    "atrous.losses",
    "atrous.models",
    "atrous.optim",
    "atrous.schedules",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
    "lightning.pytorch.trainer",
    "segmentation_models_pytorch",
    "torch.optim",
)


def layout(cfg: DictConfig) -> Layout:
    """The data set's layout and label set.  Raises ValueError: its root is missing."""
    made: Layout = _make(cfg.data.layout)
    return made


def pairs(cfg: DictConfig, where: Layout, stages: Sequence[str]) -> dict[str, list[Pair]]:
    """The pairs of each stage's split.  Raises ValueError: a split is empty, or what the layout finds
    wrong.
    """
    found = {}
    for stage in stages:
        split = cfg.data.splits[stage]
        listed = where.pairs(split)
        if not listed:
            raise ValueError(f"data.root={cfg.data.root}: split '{split}' is empty; expected pictures there")
        if listed[0].label is None:
            raise ValueError(f"split '{split}' has no labels: it can be predicted, not trained on or scored")
        found[stage] = listed[: cfg.data.limits[stage]]
    return found


def data(cfg: DictConfig, found: Mapping[str, Sequence[Pair]], labels: LabelSet) -> "SegmentationData":
    """The loaders."""
    from atrous.data.datamodule import SegmentationData

    augment = None
    if cfg.augment is not None:
        augment = _make(
            cfg.augment,
            crop_size=list(cfg.data.crop_size),
            mirror_table=labels.mirror_table,
            ignore_index=labels.ignore_index,
            mean=list(cfg.model.mean),
        )
    return SegmentationData(
        found,
        labels,
        augment,
        seed=cfg.seed,
        batch_size=cfg.data.batch_size,
        eval_batch_size=cfg.data.eval_batch_size,
        num_workers=cfg.data.num_workers,
    )


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
    return SegmentationModule(
        net=_make(cfg.model.net, num_classes=labels.num_classes),
        labels=labels,
        mean=list(cfg.model.mean),
        std=list(cfg.model.std),
        terms=terms,
        make_optimizer=_make(cfg.optimizer),
        make_scheduler=_make(cfg.scheduler),
        inference=_make(cfg.inference),
    )


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
    )
    load_weights(built, checkpoint)
    return built


def trainer(cfg: DictConfig, callbacks: Sequence["L.Callback"] = ()) -> "L.Trainer":
    """The Lightning trainer of ``cfg.trainer`` with the callbacks and loggers of the config, and
    ``callbacks``.
    """
    import torch
    from lightning.pytorch.utilities import rank_zero_warn

    from atrous.checkpoint import AtomicCheckpointIO

    # The checkpoints share the run folder with the config and the logs, so it is never empty.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # lightning 2.6 with torch 2.15; nothing that a user can do.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    options: dict[str, Any] = {}
    if cfg.trainer.get("sync_batchnorm") and not torch.cuda.is_available():
        rank_zero_warn("trainer.sync_batchnorm=true needs GPUs; batch norm stays a device's own here")
        options["sync_batchnorm"] = False
    chosen = [_make(callback) for callback in (cfg.get("callbacks") or {}).values() if callback is not None]
    loggers = [_make(logger) for logger in (cfg.get("logger") or {}).values() if logger is not None]
    made: L.Trainer = _make(
        cfg.trainer,
        callbacks=[*chosen, *callbacks],
        logger=loggers or False,
        plugins=[AtomicCheckpointIO()],
        **options,
    )
    return made


def warn_of_small_batches(cfg: DictConfig, net: "nn.Module") -> None:
    """Warn where batch norm has too few pictures for its statistics: below 8 a device, unless they are
    synchronised.
    """
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
    weights_file(cfg.model.encoder_weights)


def plain(cfg: DictConfig, resolve: bool = False) -> dict[str, Any]:
    """The config as plain data: with its interpolations (for a checkpoint), or their values (for loggers)."""
    container = OmegaConf.to_container(cfg, resolve=resolve)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def trusted(config: Mapping[str, Any], also: Sequence[str] = ()) -> DictConfig:
    """The config of a checkpoint, after a look at everything in it that would be built.

    also: further packages whose classes and functions it may name: the user's own.
    Raises ValueError: it names something else.
    """
    cfg = OmegaConf.create(dict(config))
    for target in _targets(config):
        _require_trusted(target, (*TRUSTED, *also))
    OmegaConf.set_struct(cfg, True)
    return cfg


def resumed(cfg: DictConfig) -> DictConfig:
    """The config of the run that ``cfg.resume`` belongs to, with the values given on this command line.

    Raises ValueError: a whole group (model=...) is given, which would be another run; a checkpoint that is
    not ours.
    """
    from atrous.checkpoint import read

    stored = trusted(read(cfg.resume).config, cfg.allow)
    hydra_cfg = HydraConfig.get()
    for override in OverridesParser.create().parse_overrides(list(hydra_cfg.overrides.task)):
        key = override.key_or_group
        if key in hydra_cfg.runtime.choices:
            raise ValueError(
                f"resume={cfg.resume} goes on with the config of its run, so {override.input_line} cannot be "
                "changed; "
                "give single values (trainer.max_steps=...), or start a new run"
            )
        OmegaConf.update(stored, key, override.value(), force_add=override.is_add())
    return stored


def evaluation_config(config: Mapping[str, Any], cfg: DictConfig) -> DictConfig:
    """The config of a checkpoint's run with what an evaluation may change: where and how, never what is
    scored.

    Raises ValueError: as ``trusted``.
    """
    run = trusted(config, cfg.allow)
    given = {f"data.{key}": value for key, value in cfg.data.items()} | {
        "paths.data": cfg.paths.data,
        "inference": cfg.get("inference"),
    }
    for key, value in given.items():
        if value is not None:
            OmegaConf.update(run, key, value, merge=False)
    OmegaConf.update(run, "data.splits.test", cfg.split)
    OmegaConf.update(run, "data.limits.test", None)
    OmegaConf.update(run, "model.encoder_weights", None)  # the checkpoint brings all weights
    return run


def _make(cfg: DictConfig, **known: Any) -> Any:
    """Instantiate; what a constructor says of a wrong value reaches the user as it was said."""
    try:
        return instantiate(cfg, _convert_="all", **known)
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError):
            raise error.__cause__ from None
        raise


def _targets(node: Any) -> list[str]:
    """Every ``_target_`` in plain data, however deep."""
    if isinstance(node, Mapping):
        own = [str(node["_target_"])] if "_target_" in node else []
        return own + [target for value in node.values() for target in _targets(value)]
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [target for value in node for target in _targets(value)]
    return []


def _require_trusted(target: str, allowed: Sequence[str]) -> None:
    """The name must lie in an allowed package, and so must the place where the object is defined:
    albumentations.os is not ours.
    """
    refusal = ValueError(
        f"the checkpoint's config names '{target}', which is none of the parts that a checkpoint may build; "
        f"if it is your own, allow its package: allow=[{target.split('.')[0]}]"
    )
    if not _inside(target, allowed):
        raise refusal
    parts = target.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name, None)
        if not callable(found) or not _inside(getattr(found, "__module__", ""), allowed):
            raise refusal
        return
    raise refusal


def _inside(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
