"""From the config to the network with its losses, optimizer, schedule and inference."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from atrous.build.options import make, switch, trusts_weights
from atrous.labels import LabelSet

if TYPE_CHECKING:
    from torch import nn

    from atrous.checkpoint import Checkpoint
    from atrous.module import Forward, SegmentationModule
    from atrous.report.exports import Export


def module(cfg: DictConfig, labels: LabelSet) -> "SegmentationModule":
    """The network, its losses, optimizer and schedule."""
    from atrous.module import LossTerm, SegmentationModule
    from atrous.torch_file import read_trusted

    known = {"num_classes": labels.num_classes, "ignore_index": labels.ignore_index}
    terms = {
        name: LossTerm(make(term.loss, **known), term.weight)
        for name, term in (cfg.get("loss") or {}).items()
        if term is not None
    }
    if not terms:
        raise ValueError("no loss is chosen; set loss=cross_entropy, or several: loss=[cross_entropy,dice]")
    trusted = {"read_weights": read_trusted} if trusts_weights(cfg) else {}
    net = make(cfg.model.net, num_classes=labels.num_classes, **trusted)
    return SegmentationModule(
        net=net,
        labels=labels,
        mean=list(cfg.model.mean),
        std=list(cfg.model.std),
        terms=terms,
        make_optimizer=make(cfg.optimizer),
        make_scheduler=make(cfg.scheduler),
        inference=make(cfg.inference),
        compile_net=_trains_by(cfg, net),
    )


def _trains_by(cfg: DictConfig, net: "nn.Module") -> "Callable[[nn.Module], Forward] | None":
    """How the training runs the network, by the trainer's options.

    Raises ValueError: options that do not go together, or a network that cannot be run so.
    """
    compiles, checkpoints = (switch(cfg, f"trainer.{key}") for key in ("compile", "checkpoint_activations"))
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


def evaluation_module(cfg: DictConfig, checkpoint: "Checkpoint") -> "SegmentationModule":
    """The network of a checkpoint with its weights, ready to evaluate."""
    from atrous.checkpoint import load_weights
    from atrous.metrics.counts import BOUNDARY_WIDTH
    from atrous.module import SegmentationModule

    built = SegmentationModule(
        net=make(cfg.model.net, num_classes=checkpoint.labels.num_classes),
        labels=checkpoint.labels,
        mean=list(cfg.model.mean),
        std=list(cfg.model.std),
        inference=make(cfg.inference),
        boundary_width=cfg.get("boundary_width", BOUNDARY_WIDTH),
    )
    load_weights(built, checkpoint)
    return built


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


def exports(cfg: DictConfig) -> "list[Export]":
    """How predictions are written: as indices, and as chosen."""
    from atrous.report.exports import Indices

    chosen = cfg.export_format.export
    return [Indices(), *([] if chosen is None else [make(chosen)])]
