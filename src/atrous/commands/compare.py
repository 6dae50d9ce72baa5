"""Compare evaluations of the same pictures; see conf/compare.yaml for what can be chosen."""

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def compare(cfg: DictConfig) -> None:
    """Find the evaluations, compare them, write comparison.json and comparison.html, and print the tables."""
    from atrous.comparison.publish import comparison, publish
    from atrous.comparison.refusals import require_comparable
    from atrous.comparison.runs import find_scored
    from atrous.comparison.scored import group

    runs = [cfg.runs] if isinstance(cfg.runs, str) else cfg.runs
    scored, notes = find_scored([str(run) for run in runs], cfg.evaluation)
    require_comparable(scored)
    groups = group(scored, cfg.group_seeds)
    data = comparison(groups, notes)
    publish(Path(cfg.paths.output), data, groups, partial(build.scored_pairs, cfg), cfg.pictures)
