"""Score a checkpoint; see conf/evaluate.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def evaluate(cfg: DictConfig) -> float:
    """Score the checkpoint on a split, write and print the result, and return the mIoU."""
    from atrous import checkpoint
    from atrous.callbacks.pictures import Pictures
    from atrous.callbacks.progress import StepProgress
    from atrous.callbacks.summary import EvaluationSummary

    stored = checkpoint.read(cfg.checkpoint)
    run = build.evaluation_config(stored.config, cfg)
    layout = build.layout(run)
    checkpoint.require_same_labels(stored, layout.labels)
    pairs = build.pairs(run, layout, ("test",))
    module = build.evaluation_module(run, stored)
    output = Path(cfg.paths.output)
    about = {"split": cfg.split, "checkpoint": str(cfg.checkpoint), "inference": build.plain(run.inference)}
    pictures = Pictures(output / "pictures", cfg.pictures, test_name=cfg.split)
    trainer = build.trainer(cfg, [StepProgress(), pictures, EvaluationSummary(output, about)])
    trainer.test(module, datamodule=build.data(run, pairs, layout), verbose=False)
    return float(trainer.callback_metrics["test/miou"])
