"""Score a checkpoint; see conf/evaluate.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def evaluate(cfg: DictConfig) -> float:
    """Score the checkpoint on a split, write scores, predictions and report, and return the mIoU."""
    from atrous import checkpoint
    from atrous.callbacks.predictions import WritePredictions
    from atrous.callbacks.progress import StepProgress
    from atrous.costs import costs
    from atrous.predictions import picture_reader
    from atrous.results import publish, require_whole

    build.require_options(cfg)
    stored = checkpoint.read(cfg.checkpoint, cfg.weights)
    run = build.evaluation_config(stored.config, cfg)
    layout = build.layout(run)
    checkpoint.require_same_labels(stored, layout.labels)
    exports = build.exports(cfg)
    pairs = build.pairs(run, layout, ("test",), may_lack_labels=len(exports) > 1)
    module = build.evaluation_module(run, stored)
    output = Path(cfg.paths.output)
    trainer = build.trainer(cfg, [StepProgress(), WritePredictions(output, exports)])
    trainer.test(module, datamodule=build.data(run, pairs, layout), verbose=False)
    if trainer.is_global_zero:
        evaluation = module.evaluated
        assert evaluation is not None
        require_whole(evaluation, pairs["test"])
        about = {
            "split": cfg.split,
            "checkpoint": str(build.shown(cfg)["checkpoint"]),
            "step": stored.step,
            "weights": stored.weights,
            "inference": build.written(run.inference),
            "costs": costs(module, evaluation.commonest_size, stored.seconds),
        }
        config = build.as_yaml({**build.written(run), "training": build.redacted(stored.config)})
        publish(
            output, evaluation, about, config, picture_reader(output, pairs["test"], layout), cfg.pictures
        )
    return float(trainer.callback_metrics["test/miou"])
