"""Find a value for a training; see conf/tune.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def tune(cfg: DictConfig) -> None:
    """Train a little in several ways, and say the value that was found as an override."""
    layout = build.layout(cfg)
    pairs = build.pairs(cfg, layout, ("train",))
    build.require_files(cfg)
    search = build.search(cfg)

    import lightning as L

    L.seed_everything(cfg.seed, workers=True, verbose=False)
    build.set_class_weights(cfg, pairs["train"], layout)
    data = build.data(cfg, pairs, layout)
    module = build.trial_module(cfg, layout.labels)
    print(search(module, data, build.trials(cfg), Path(cfg.paths.output)))
