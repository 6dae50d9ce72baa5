"""Decode a data set once, before it is trained on; see conf/cache.yaml for what can be chosen."""

import sys

from omegaconf import DictConfig

from atrous import build


def cache(cfg: DictConfig) -> None:
    """Fill data.cache_dir, and end with the exit status that a script asks for."""
    num_workers = build.num_workers(cfg)
    layout = build.layout(cfg)
    found = build.pairs(cfg, layout, build.stages(cfg), may_lack_labels=True)

    from atrous.filling import fill

    pairs = list(
        dict.fromkeys(pair for stage in found.values() for pair in stage)
    )  # stages may share a split
    sys.exit(fill(pairs, layout, build.cache_folder(cfg), num_workers))
