"""Train a model; see conf/train.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def train(cfg: DictConfig) -> float:
    """Train, and return the objective (by default the mIoU of the last validation)."""
    if cfg.resume:
        cfg = build.resumed(cfg)
    layout = build.layout(cfg)
    pairs = build.pairs(cfg, layout, ("train", "val"))
    build.require_files(cfg)

    import lightning as L

    from atrous.callbacks.summary import ValidateLastStep
    from atrous.checkpoint import CheckpointContents

    L.seed_everything(cfg.seed, workers=True, verbose=False)
    build.set_class_weights(cfg, pairs["train"], layout)
    data = build.data(cfg, pairs, layout)
    module = build.module(cfg, layout.labels)
    build.warn_of_small_batches(cfg, module.net)
    trainer = build.trainer(cfg, [ValidateLastStep(), CheckpointContents(build.written(cfg), layout.labels)])
    if trainer.is_global_zero:
        Path(cfg.paths.output, "config.yaml").write_text(build.as_yaml(build.written(cfg)))
        print(
            f"run folder {cfg.paths.output}: {len(pairs['train'])} pictures to train on, {len(pairs['val'])} "
            "to validate"
        )
    for logger in trainer.loggers:
        logger.log_hyperparams(build.shown(cfg))
    trainer.fit(module, datamodule=data, ckpt_path=cfg.resume, weights_only=True)
    if trainer.is_global_zero:
        print(f"checkpoints, scores and pictures in {cfg.paths.output}")
    if cfg.objective not in trainer.callback_metrics:
        raise ValueError(
            f"objective={cfg.objective} was not logged; logged were "
            f"{', '.join(sorted(trainer.callback_metrics))}"
        )
    return float(trainer.callback_metrics[cfg.objective])
