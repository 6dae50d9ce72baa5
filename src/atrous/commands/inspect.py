"""Look at a data set before training on it; see conf/inspect.yaml for what can be chosen."""

import sys
from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def inspect(cfg: DictConfig) -> None:
    """Read every file once, say what is wrong, and end with the exit status that a script asks for."""
    from atrous.inspection import exit_status, look_at, report

    plan, num_workers = build.plan(cfg), build.num_workers(cfg)
    layout = build.layout(cfg)
    listings = build.listings(cfg, layout)
    draw = build.samples(cfg, layout)
    scanned = look_at(listings, layout, num_workers)
    output = Path(cfg.paths.output)
    about = {
        "data": build.choice("data"),
        "root": str(build.shown(cfg)["data"]["root"]),
        "label_format": str(layout.label_format),
    }
    found = report(scanned, plan, output, about, draw)
    print(f"inspection.html and inspection.json in {output}")
    sys.exit(exit_status(scanned, found))
