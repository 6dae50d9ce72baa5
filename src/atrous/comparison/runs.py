"""Evaluations on disk, by what names them: a scores file, or the folder of an evaluation, run or sweep."""

import json
import re
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError  # type: ignore[import-untyped]

from atrous.comparison.scored import Scored
from atrous.metrics.evaluation import Evaluation
from atrous.report.tables import COUNTS, FORMAT, SCORES
from atrous.results import CONFIG
from atrous.settings import settings

VALIDATION = "validation"


@dataclass(frozen=True)
class Found:
    """A run folder, or an evaluation that stands alone.

    evaluations: the folders of its evaluations by name; that of one that stands alone is "".
    """

    path: Path
    evaluations: Mapping[str, Path]


def find_scored(paths: Sequence[str], evaluation: str | None = None) -> tuple[list[Scored], list[str]]:
    """The evaluations to be compared, and what is to be said of how they were found.

    evaluation: the name of that of each run folder; None: the one that all have, else the training's own.
    Raises ValueError: fewer than two, none or several in a run, or a file that cannot be read.
    """
    notes: list[str] = []
    found = [each for path in paths for each in _find(Path(path), notes)]
    _require_two(found, paths)
    runs = [each for each in found if "" not in each.evaluations]
    if evaluation is not None and not runs:
        raise ValueError(f"evaluation={evaluation}: none of {', '.join(paths)} is a run folder; leave it out")
    name = _common(runs, evaluation, notes) if runs else ""
    chosen: dict[Path, tuple[Path, Path]] = {}
    for each in found:
        folder = each.evaluations.get(name) or each.evaluations[""]
        if folder.resolve() in chosen:
            notes.append(f"{each.path} was named before, and counts once.")
        chosen.setdefault(folder.resolve(), (folder, each.path))
    _require_two(chosen, paths)
    return [_read(folder, path) for folder, path in chosen.values()], notes


def _require_two(found: Sized, paths: Sequence[str]) -> None:
    if len(found) < 2:
        held = f", not one, that of {paths[0]}" if found else ""
        raise ValueError(
            f"two or more evaluations are needed{held}: atrous compare runs/a runs/b, with scores files, "
            "folders of evaluate or score, run folders or sweep folders"
        )


def _find(path: Path, notes: list[str]) -> list[Found]:
    """All runs at ``path``, in order; a sweep's failed ones are noted.  Raises ValueError: there is none."""
    if path.is_file() and path.name in (SCORES, COUNTS):
        path = path.parent
    if path.is_file():
        raise ValueError(
            f"{path}: not a {SCORES}; give one, or the folder of an evaluation, a run or a sweep"
        )
    if not path.is_dir():
        raise ValueError(f"{path}: no such file or folder; give a {SCORES}, or a folder that holds one")
    found = _below(path, notes)
    if not found:
        raise ValueError(
            f"{path}: holds no evaluation ({SCORES}); write one: atrous evaluate checkpoint={path}/last.ckpt"
        )
    return found


def _below(folder: Path, notes: list[str]) -> list[Found]:
    if (folder / SCORES).is_file():
        return [Found(folder, {"": folder})]
    inside = sorted((path for path in folder.iterdir() if path.is_dir()), key=_natural)
    evaluations = {path.name: path for path in inside if (path / SCORES).is_file()}
    if (folder / CONFIG).is_file():
        if not evaluations:
            notes.append(f"{folder} has no scores, and is left out.")
        return [Found(folder, evaluations)] if evaluations else []
    return [found for path in inside for found in _below(path, notes)]


def _common(runs: Sequence[Found], evaluation: str | None, notes: list[str]) -> str:
    """The name of the evaluation that every run has."""
    shared = set.intersection(*(set(run.evaluations) for run in runs))
    if evaluation is not None:
        for run in runs:
            if evaluation not in run.evaluations:
                raise ValueError(
                    f"evaluation={evaluation}: {run.path} has none of this name; it has "
                    f"{', '.join(run.evaluations)}"
                )
        return evaluation
    own = sorted(shared - {VALIDATION})
    if len(own) > 1:
        raise ValueError(
            f"the runs share several evaluations: {', '.join(own)}; choose one: evaluation={own[0]}"
        )
    if not own and VALIDATION not in shared:
        raise ValueError(
            "no evaluation is common to the runs: "
            + "; ".join(f"{run.path} has {', '.join(run.evaluations)}" for run in runs[:4])
            + "; evaluate the runs alike"
        )
    if not own:
        notes.append(
            "No evaluation is common to the runs but the last validation of their trainings; for others "
            "run evaluate on each of them."
        )
    return own[0] if own else VALIDATION


def _read(folder: Path, named: Path) -> Scored:
    """Raises ValueError: a file cannot be read."""
    try:
        about = json.loads((folder / SCORES).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder / SCORES}: cannot be read ({error}); evaluate again") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(
            f"{folder / SCORES}: not of format {FORMAT}, which this Atrous reads; evaluate again"
        )
    validation = folder.name == VALIDATION and (folder.parent / CONFIG).is_file()
    config = _config((folder.parent if validation else folder) / CONFIG)
    training = config if validation else config.get("training")
    chosen = None if training is None else _settings(training, about)
    return Scored(named, folder, Evaluation.load(folder / COUNTS), about, chosen, config)


def _settings(training: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """What matters of a training, of how it was evaluated, and which of its checkpoints was."""
    evaluated = {"inference": about["inference"]} if "inference" in about else {}
    if "checkpoint" not in about:
        return settings({**training, **evaluated})
    weights = about.get("weights", "raw")  # older evaluations lack it
    return settings(
        {**training, **evaluated, "checkpoint": Path(about["checkpoint"]).stem, "weights": weights}
    )


def _config(path: Path) -> dict[str, Any]:
    """Plain data with its interpolations; nothing where there is no file."""
    if not path.is_file():
        return {}
    try:
        config = OmegaConf.load(path)
    except (OSError, ValueError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: cannot be read as a config ({reason}); evaluate again") from error
    if not isinstance(config, DictConfig):
        raise ValueError(f"{path}: not a config; evaluate again")
    plain = OmegaConf.to_container(config)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _natural(path: Path) -> list[tuple[int, str]]:
    """Orders 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
