"""Train a model; see conf/train.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def train(cfg: DictConfig) -> float:
    """Train, or go on, and return the objective (by default the mIoU of the last validation)."""
    cfg, start = build.going_on(cfg)
    layout = build.layout(cfg)
    pairs = build.pairs(cfg, layout, ("train", "val"))
    build.require_files(cfg)

    import lightning as L

    L.seed_everything(cfg.seed, workers=True, verbose=False)
    build.set_class_weights(cfg, pairs["train"], layout)
    data = build.data(cfg, pairs, layout)
    module = build.module(cfg, layout.labels)
    build.warn_of_small_batches(cfg, module.net)
    trainer = build.training(cfg, layout.labels)
    if trainer.is_global_zero:
        Path(cfg.paths.output, "config.yaml").write_text(build.as_yaml(build.written(cfg)))
        print(
            f"run folder {cfg.paths.output}: {len(pairs['train'])} pictures to train on, {len(pairs['val'])} "
            f"to validate{'' if start is None else f'; going on from {start.name}'}"
        )
    for logger in trainer.loggers:
        logger.log_hyperparams(build.shown(cfg))
    trainer.fit(module, datamodule=data, ckpt_path=start, weights_only=True)
    if trainer.is_global_zero:
        print(f"checkpoints, scores and pictures in {cfg.paths.output}")
    return build.objective(cfg, trainer)
