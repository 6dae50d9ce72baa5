"""From the config that a checkpoint holds to what may be built of it: an allow-list decides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError

from atrous.build.loaders import layout, pairs
from atrous.build.options import plain
from atrous.build.shown import written
from atrous.build.training import NOT_LIGHTNINGS
from atrous.data.layouts.pairs import Layout, Pair
from atrous.run_folder import has_checkpoint
from atrous.settings import differing, settings
from atrous.trust import require_trusted

if TYPE_CHECKING:
    from atrous.checkpoint import Checkpoint

# The data options that cannot change what a score means.
EVALUATION_DATA = ("root", "eval_batch_size", "num_workers", "cache", "cache_dir")
# The parts of a training's config that an evaluation takes up.
SCORED = ("seed", "paths", "data", "model", "augment", "inference")
# What a resumed run takes though it is older than the option: none of them is part of what it trains.
NEWER = (
    *(f"data.{key}" for key in (*EVALUATION_DATA, "on_bad_sample")),
    *(f"trainer.{key}" for key in NOT_LIGHTNINGS),
)


# What may change when a run goes on by itself: how long and how it runs, and what of it is kept.
FREE = ("callbacks.", "class_weights.values", "logger", "trainer.")
NOT_FREE = (
    *(f"callbacks.{key}." for key in ("ema", "mask_annealing")),
    *(f"trainer.{key}" for key in ("accumulate_grad_batches", "devices", "gradient_clip_algorithm")),
    *(f"trainer.{key}" for key in ("gradient_clip_val", "limit_train_batches", "num_nodes", "precision")),
    "trainer.sync_batchnorm",
)
AUTO = "auto"


def going_on(cfg: DictConfig) -> tuple[DictConfig, Path | None]:
    """The config of the training, and the checkpoint that it goes on from; None: it begins.

    resume=null begins, resume=auto goes on with what the run folder holds, if anything, and a checkpoint with
    the config of its run.
    Raises ValueError: the folder holds another run, or none of its checkpoints can be read; else as
        ``_resumed``.
    """
    folder = Path(cfg.paths.output)
    if cfg.resume is not None and cfg.resume != AUTO:
        return _resumed(cfg), Path(cfg.resume)
    if not has_checkpoint(folder):
        return cfg, None
    from lightning.pytorch.utilities import rank_zero_only

    from atrous.checkpoint import newest

    found = newest(folder, tell=rank_zero_only(print))
    if cfg.resume is None:
        raise ValueError(
            f"hydra.run.dir={folder}: holds a run already, of {found.step} steps; resume=auto goes on with "
            "it, or choose another folder"
        )
    _require_same_run(cfg, found)
    if cfg.get("class_weights"):
        cfg.class_weights = found.config["class_weights"]
    _without_encoder_weights(cfg)
    return cfg, found.path


def _require_same_run(cfg: DictConfig, found: "Checkpoint") -> None:
    """Raises ValueError: the config is of another run than the checkpoint's."""
    changed = differing([settings(found.config), settings(written(cfg))])
    for key, (before, now) in changed.items():
        if not key.startswith(FREE) or key.startswith(NOT_FREE):
            raise ValueError(
                f"resume=auto: the run in {found.path.parent} was begun with {key}={before}, not {now}; give "
                "what it was begun with, or another hydra.run.dir"
            )


def _resumed(cfg: DictConfig) -> DictConfig:
    """The config of the run that ``cfg.resume`` belongs to, with the values given on this command line.

    Raises ValueError: a whole group (model=...) is given, which would be another run; a checkpoint that is
        not ours, or whose config names what it may not build.
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
    run = _scored(config)
    unknown = sorted(str(key) for key in cfg.data if key not in EVALUATION_DATA)
    if unknown:
        raise ValueError(
            f"data.{unknown[0]}: an evaluation does not change this; it scores the whole split, and takes "
            f"data.{', data.'.join(EVALUATION_DATA)}"
        )
    given = {f"data.{key}": value for key, value in _given(cfg.data).items()}
    given["paths.data"] = _given(cfg.paths)["data"]
    _infer(run, cfg.inference)
    _update(run, given)
    OmegaConf.update(run, "paths.output", cfg.paths.output)
    OmegaConf.update(run, "data.splits.test", cfg.split)
    OmegaConf.update(run, "data.limits.test", None)
    OmegaConf.update(run, "boundary_width", cfg.boundary_width, force_add=True)
    _without_encoder_weights(run)
    require_trusted(plain(run, resolve=True), cfg.allow)
    return run


def prediction_config(
    config: Mapping[str, Any], inference: DictConfig, allow: Sequence[str] = ()
) -> DictConfig:
    """What of a checkpoint's config a prediction builds: the network and how it is used; no data.

    inference: as evaluate's, a choice of its own or values that differ.
    Raises ValueError: as ``evaluation_config``.
    """
    run = _scored(config)
    _infer(run, inference)
    _without_encoder_weights(run)
    used = {key: OmegaConf.to_container(run[key], resolve=True) for key in ("model", "inference")}
    require_trusted(used, allow)
    return OmegaConf.create(used)


def scored_pairs(cfg: DictConfig, config: Mapping[str, Any]) -> tuple[Layout, Sequence[Pair]]:
    """The data set behind an evaluation, and its pictures.

    cfg: may say where the data lie.  config: that of the evaluation, plain data with its interpolations.
    Raises ValueError: the data are not there, or the config names what it may not build.
    """
    if "data" not in config:
        raise ValueError("no evaluation has a config that says where its pictures lie")
    return _stored_pairs(cfg, {key: value for key, value in config.items() if key != "training"}, {})


def split_pairs(cfg: DictConfig, config: Mapping[str, Any], split: str) -> tuple[Layout, Sequence[Pair]]:
    """The data set of a checkpoint, and the pictures of one of its splits; as ``scored_pairs``."""
    changes = {"data.splits.test": split, "data.limits.test": None}
    return _stored_pairs(cfg, config, changes)


def training_split(config: Mapping[str, Any]) -> str:
    """The name of the split that a checkpoint's run was trained on."""
    return str(_opened(config).data.splits.train)


def _stored_pairs(
    cfg: DictConfig, config: Mapping[str, Any], changes: Mapping[str, Any]
) -> tuple[Layout, Sequence[Pair]]:
    run = _opened(config)
    for key, value in changes.items():
        OmegaConf.update(run, key, value)
    for key, value in {"paths.data": cfg.paths.data, "data.root": cfg.data.root}.items():
        if value is not None:
            OmegaConf.update(run, key, value)
    data = OmegaConf.create({"data": OmegaConf.to_container(run.data, resolve=True)})
    require_trusted(plain(data), cfg.allow)
    where = layout(data)
    return where, pairs(data, where, ("test",))["test"]


def _scored(config: Mapping[str, Any]) -> DictConfig:
    """The parts of a checkpoint's config that an evaluation takes up.  Raises ValueError: one is missing."""
    missing = [key for key in SCORED if key not in config]
    if missing:
        raise ValueError(f"the checkpoint's config has no {missing[0]}: it is none that Atrous trained")
    return _opened({key: config[key] for key in SCORED})


def _infer(run: DictConfig, inference: DictConfig) -> None:
    """Another way to get labels from the network, or other values of the one it was trained with."""
    if "_target_" in inference:  # a choice of its own
        run.inference = inference
    else:
        _update(run, {f"inference.{key}": value for key, value in _given(inference).items()})


def _update(run: DictConfig, given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if value is not None:
            OmegaConf.update(run, key, value, merge=False, force_add=True)


def _given(cfg: DictConfig) -> dict[str, Any]:
    """The values, but the text of those out of the environment: these are written into no file."""
    texts = plain(cfg)
    return {key: text if "${oc.env:" in str(text) else cfg[key] for key, text in texts.items()}


def _without_encoder_weights(cfg: DictConfig) -> None:
    """The checkpoint brings all weights: no need for the file or the network that the training began with."""
    if "encoder_weights" in cfg.model:
        cfg.model.encoder_weights = None


def _opened(config: Mapping[str, Any]) -> DictConfig:
    """Plain data out of a checkpoint as a config, which knows no other keys than its own."""
    cfg = OmegaConf.create(dict(config))
    OmegaConf.set_struct(cfg, True)
    return cfg
