"""Weights & Biases."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from atrous.callbacks.loggers.sink import SIGNALLED, Kept, Run, Sample, Sink, Validation

STEP = "trainer/global_step"  # the x axis; Lightning's own logger calls it so too
KEPT = "wandb/checkpoints"  # in the run folder: the files of artifacts, until they are sent
DATA = "WANDB_DATA_DIR"  # names the folder where wandb keeps files until they are sent


class Wandb(Sink):
    """A W&B run, which lies in ``folder`` until it is sent, and goes on when the training does.

    offline: None: when no account is set up on this machine, or WANDB_MODE says so; ``wandb sync`` sends such
        a run later.  One that cannot reach its server begins offline.
    name: None: that of the run folder.  group: None: the sweep, if it is part of one.
    tags: beside the names of model and data.
    artifact: whether best.ckpt and last.ckpt go with it at the end.
    Raises ValueError: tags that are no list of texts of 1 to 64 letters.
    """

    def __init__(
        self,
        project: str,
        folder: str | Path,
        entity: str | None = None,
        offline: bool | None = None,
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = "train",
        tags: Sequence[str] = (),
        notes: str | None = None,
        artifact: bool = False,
    ) -> None:
        if isinstance(tags, str) or not all(isinstance(tag, str) and 0 < len(tag) <= 64 for tag in tags):
            raise ValueError(f"logger.wandb.tags={tags}: expected a list of texts of 1 to 64 letters")
        self.folder = Path(folder)
        self.offline = offline
        self.name = name
        self.group = group
        self.tags = tuple(tags)
        self.artifact = artifact
        self._given = {"project": project, "entity": entity, "job_type": job_type, "notes": notes}
        self._run: Any = None

    @property
    def run(self) -> Any:
        """The wandb.Run."""
        return self._run

    def begin(self, run: Run, step: int) -> None:
        """Begin the W&B run, or go on with it: its id is the run's."""
        os.environ.setdefault(DATA, str(self.folder.absolute() / "wandb"))  # else the home folder
        import wandb

        self.folder.mkdir(parents=True, exist_ok=True)
        wandb.finish()  # of a training before this one in the same process
        settings = {
            **self._given,
            "dir": str(self.folder),
            "id": run.id,
            "resume": "allow",
            "name": self.name or run.name,
            "group": self.group or run.group,
            "tags": list(dict.fromkeys([*self.tags, *(tag[:64] for tag in run.tags)])),
        }
        with _arguments(run.arguments):
            self._run = self._online(settings) or self._offline(settings)
        self._run.config.update({**run.config, "code": dict(run.code)}, allow_val_change=True)
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP, step_sync=True)

    def values(self, values: Mapping[str, float], step: int) -> None:
        """A curve each."""
        self._run.log({**values, STEP: step})

    def samples(self, samples: Sequence[Sample], step: int) -> None:
        """Pictures over which truth and prediction are laid, by class."""
        self._run.log({"val/pictures": [_overlaid(sample) for sample in samples], STEP: step})

    def validation(self, validation: Validation, step: int) -> None:
        """A table by class, and the confusion matrix: a picture, for a table has a row a pair of classes."""
        import wandb

        table = wandb.Table(columns=[*validation.columns], data=validation.rows)
        self._run.log({"val/classes": table, "val/confusion": wandb.Image(validation.confusion), STEP: step})

    def checkpoints(self, kept: Sequence[Kept]) -> None:
        """Versions of one artifact, each with its alias."""
        import wandb

        for each in kept if self.artifact else ():
            about = {"step": each.step, "score": each.score}
            artifact = wandb.Artifact(f"model-{self._run.id}", "model", metadata=about)
            path = self._keep(each.path, f"{each.alias}-{each.step}.ckpt")
            artifact.add_file(str(path), name=each.path.name, policy="immutable")  # not copied once more
            numbered = [] if each.step is None else [f"step-{each.step}"]
            self._run.log_artifact(artifact, aliases=[each.alias, *numbered])

    def end(self, code: int) -> None:
        """Close, and wait until all is sent."""
        if code > SIGNALLED:
            self._run.mark_preempting()
        self._run.finish(exit_code=code)

    def _online(self, settings: Mapping[str, Any]) -> Any:
        """The run, if there is an account and its server answers."""
        import wandb

        if self.offline:
            return None
        try:
            if self.offline is None and not _has_account():
                return None
            return wandb.init(mode=None if self.offline is None else "online", **settings)
        except (wandb.Error, TimeoutError) as error:
            rank_zero_warn(
                f"W&B: {error}; the run is logged offline, for `wandb sync {self.folder}/wandb/offline-run-*`"
            )
            return None

    def _offline(self, settings: Mapping[str, Any]) -> Any:
        import wandb

        return wandb.init(mode="offline", **settings)

    def _keep(self, path: Path, name: str) -> Path:
        """A second name of the file: it stays what it is when the training goes on, and takes no room."""
        kept = self.folder.absolute() / KEPT / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.unlink(missing_ok=True)
        try:
            os.link(path, kept)
        except OSError:  # a file system without second names
            shutil.copyfile(path, kept)
        return kept


def _has_account() -> bool:
    import wandb

    return bool(os.environ.get("WANDB_MODE") or wandb.login(prompt=False))


@contextmanager
def _arguments(arguments: Sequence[str]) -> Iterator[None]:
    """Let wandb, which notes the command line, find the one without secrets."""
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        yield
    finally:
        sys.argv = before


def _overlaid(sample: Sample) -> Any:
    import wandb

    names = dict(enumerate(sample.labels.classes))
    masks = {
        "prediction": {"mask_data": sample.predicted, "class_labels": names},
        "truth": {
            "mask_data": sample.truth,
            "class_labels": names | {sample.labels.ignore_index: "ignored"},
        },
    }
    return wandb.Image(sample.image, caption=sample.name, file_type="jpg", masks=masks)
