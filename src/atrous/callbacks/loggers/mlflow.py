"""MLflow: a server, or a folder of files."""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from atrous.callbacks.loggers.sink import SIGNALLED, Kept, Run, Sample, Sink, Validation, flat

RUN_ID = "atrous.run_id"  # the tag by which a run that goes on finds itself
MOST_PARAMETERS, MOST_VALUES, MOST_LETTERS = 100, 1000, 500  # that MLflow takes: in a call, in a value


class MLflow(Sink):
    """A run of MLflow, found again by a tag when the training goes on.

    tracking_uri: of a server or store; None: MLFLOW_TRACKING_URI, else files under ``folder``.
    experiment: that the run belongs to.  tags: more of them, name -> text.
    artifact: whether best.ckpt and last.ckpt are copied there at the end.
    Raises ValueError: MLflow is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        tracking_uri: str | None = None,
        experiment: str = "atrous",
        tags: Mapping[str, str] | None = None,
        artifact: bool = False,
    ) -> None:
        uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or Path(folder).absolute().as_uri()
        if uri.startswith("file:"):
            # MLflow wants data bases by now, which several runs on a shared file system cannot write at once
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ValueError("logger=mlflow needs `pip install atrous[mlflow]`") from error
        self.experiment = experiment
        self.tags = dict(tags or {})
        self.artifact = artifact
        self._make, self._uri = MlflowClient, uri
        self._client: Any = None
        self._run_id = ""

    def begin(self, run: Run, step: int) -> None:
        """Make the run with its tags and parameters, or find it."""
        self._client = self._make(self._uri)
        experiment = self._experiment_id()
        found = self._client.search_runs([experiment], f"tags.`{RUN_ID}` = '{run.id}'")
        known = set(found[0].data.params) if found else set()
        self._run_id = (found[0] if found else self._new(experiment, run)).info.run_id
        self._client.update_run(self._run_id, status="RUNNING")
        from mlflow.entities import Param

        parameters = {_name(key): str(value)[:MOST_LETTERS] for key, value in flat(run.config).items()}
        missing = (Param(key, value) for key, value in parameters.items() if key not in known)
        for some in _parts(missing, MOST_PARAMETERS):
            self._client.log_batch(self._run_id, params=some)

    def values(self, values: Mapping[str, float], step: int) -> None:
        """A curve each."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = (Metric(_name(name), float(value), now, step) for name, value in values.items())
        for some in _parts(metrics, MOST_VALUES):
            self._client.log_batch(self._run_id, metrics=some)

    def samples(self, samples: Sequence[Sample], step: int) -> None:
        """A row of four pictures each."""
        for sample in samples:
            key = f"val/pictures/{_name(sample.name)}"
            self._client.log_image(self._run_id, sample.panel, key=key, step=step)

    def validation(self, validation: Validation, step: int) -> None:
        """The confusion matrix; the scores by class, of the last validation."""
        self._client.log_image(self._run_id, validation.confusion, key="val/confusion", step=step)
        rows = [dict(zip(validation.columns, row, strict=True)) for row in validation.rows]
        self._client.log_dict(self._run_id, {"step": step, "classes": rows}, "val/classes.json")

    def checkpoints(self, kept: Sequence[Kept]) -> None:
        """Copy them, if wanted."""
        for each in kept if self.artifact else ():
            self._client.log_artifact(self._run_id, str(each.path), "checkpoints")

    def end(self, code: int) -> None:
        """Say how it ended."""
        status = "FINISHED" if code == 0 else "KILLED" if code > SIGNALLED else "FAILED"
        self._client.set_terminated(self._run_id, status)

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(self._client.create_experiment(self.experiment))
            except MlflowException:  # another run of a sweep was quicker
                found = self._client.get_experiment_by_name(self.experiment)
        assert found is not None
        return str(found.experiment_id)

    def _new(self, experiment: str, run: Run) -> Any:
        code = {f"code.{key}": str(value) for key, value in run.code.items()}
        if "commit" in run.code:
            code["mlflow.source.git.commit"] = str(run.code["commit"])
        group = {} if run.group is None else {"group": run.group}
        labels = {"labels": ", ".join(run.tags)} if run.tags else {}
        tags = {**code, **group, **labels, **self.tags, RUN_ID: run.id, "folder": str(run.folder)}
        return self._client.create_run(experiment, tags=tags, run_name=run.name)


def _name(text: str) -> str:
    """With no other letters than MLflow takes in names."""
    return re.sub(r"[^\w/. -]", "_", text, flags=re.ASCII)


def _parts(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Lists of at most ``most``."""
    waiting = iter(items)
    while part := list(islice(waiting, most)):
        yield part
