"""The folders that commands write to, as the configs compute them."""

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from atrous.remote import require_local


def register_resolvers() -> None:
    """What the configs compute: the folders that commands write to."""
    OmegaConf.register_new_resolver("train_folder", _train_folder, replace=True)
    OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
    OmegaConf.register_new_resolver("evaluate_folder", _evaluate_folder, replace=True)
    OmegaConf.register_new_resolver("score_folder", _score_folder, replace=True)
    OmegaConf.register_new_resolver("predict_folder", _predict_folder, replace=True)
    OmegaConf.register_new_resolver("inspect_folder", _inspect_folder, replace=True)
    OmegaConf.register_new_resolver("doctor_folder", _doctor_folder, replace=True)


def _train_folder(resume: str | None, new: str, runs: str) -> str:
    """A resumed run goes on in its own folder; one that SLURM puts back has the job's number."""
    if resume == "auto":
        job = os.environ.get("SLURM_ARRAY_JOB_ID", os.environ.get("SLURM_JOB_ID"))
        if job is None:
            raise ValueError("resume=auto goes on in a folder that you name: hydra.run.dir=runs/NAME")
        task = os.environ.get("SLURM_ARRAY_TASK_ID")
        return f"{runs}/slurm-{job}" + (f"-{task}" if task else "")
    if resume is None:
        return new
    path = _existing(resume, "resume")
    if path.suffix == ".safetensors":
        raise ValueError(
            f"resume={resume}: weights alone, without the optimizer; a training goes on from a .ckpt"
        )
    return str(path.parent)


def _sweep_folder(resume: str | None, new: str) -> str:
    """Of a sweep that goes on by itself the folder is named."""
    if resume == "auto":
        raise ValueError("resume=auto goes on in a folder that you name: hydra.sweep.dir=runs/NAME")
    return new


def _evaluate_folder(
    checkpoint: str | None, split: str, output: str | None, inference: str, overrides: Sequence[str]
) -> str:
    """Beside the checkpoint, unless another is given; other inference or weights have another folder."""
    if checkpoint is None:
        raise ValueError("checkpoint is not given: checkpoint=runs/.../best.ckpt")
    path = _existing(checkpoint, "checkpoint")
    parts = ["evaluate", split, path.stem, *([] if inference.startswith("_") else [inference])]
    for override in (each.lstrip("+~") for each in overrides):
        if override.startswith(("inference.", "boundary_width=", "weights=")):
            parts.append(re.sub(r"[^\w.-]+", "_", override.removeprefix("inference.")).strip("_"))
    return output or str(path.parent / "-".join(parts))


def _score_folder(predictions: str | None, output: str | None) -> str:
    """The output, which must be given: the predictions' folder is another program's."""
    if predictions is None:
        raise ValueError("predictions is not given: predictions=FOLDER, of index PNGs")
    if output is None:
        raise ValueError("output is not given: output=FOLDER, for scores and report")
    return output


def _predict_folder(checkpoint: str | None, given: str | None, output: str | None) -> str:
    """The output, which must be given."""
    if checkpoint is None:
        raise ValueError("checkpoint is not given: checkpoint=runs/.../best.ckpt")
    _existing(checkpoint, "checkpoint")
    if given is None:
        raise ValueError("input is not given: input=PICTURE, a folder of pictures, a video, or camera")
    if output is None:
        raise ValueError("output is not given: output=FOLDER, a new one")
    require_local(output, "output")
    return str(output)


def _inspect_folder(output: str | None, runs: str, data: str) -> str:
    return output or f"{runs}/inspect-{data}"


def _doctor_folder() -> str:
    """One of this process, which takes it away again."""
    return str(Path(tempfile.gettempdir(), f"atrous-doctor-{os.getpid()}"))


def _existing(path: str, key: str) -> Path:
    if not path:
        raise ValueError(f"{key}= has no value; expected a checkpoint such as {key}=runs/.../last.ckpt")
    require_local(path, key)
    if Path(path).is_dir():
        raise ValueError(f"{key}={path}: a folder; give a checkpoint in it, such as {path}/last.ckpt")
    if not Path(path).is_file():
        raise ValueError(f"{key}={path}: no such file; expected a checkpoint such as runs/.../last.ckpt")
    return Path(path)
