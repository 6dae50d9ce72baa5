"""Score a checkpoint; see conf/evaluate.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def evaluate(cfg: DictConfig) -> float:
    """Score the checkpoint on a split, write and print the result, and return the mIoU."""
    from atrous import checkpoint
    from atrous.callbacks.pictures import Pictures
    from atrous.callbacks.progress import StepProgress
    from atrous.metrics import scores
    from atrous.report.tables import print_scores, write_scores

    stored = checkpoint.read(cfg.checkpoint)
    run = build.evaluation_config(stored.config, cfg)
    layout = build.layout(run)
    checkpoint.require_same_labels(stored, layout.labels)
    pairs = build.pairs(run, layout, ("test",))
    module = build.evaluation_module(run, stored)
    output = Path(cfg.paths.output)
    trainer = build.trainer(cfg, [StepProgress(), Pictures(output / "pictures", cfg.num_pictures)])
    trainer.test(module, datamodule=build.data(run, pairs, layout.labels), verbose=False)

    assert module.evaluated is not None
    if trainer.is_global_zero:
        about = {"split": cfg.split, "num_pictures": len(pairs["test"]), "checkpoint": str(cfg.checkpoint)}
        write_scores(output, module.evaluated, layout.labels, about)
        print_scores(module.evaluated, layout.labels, f"{cfg.checkpoint} on {cfg.split}, in percent")
        print(f"written to {output}")
    return float(scores(module.evaluated).miou)
