"""From a checkpoint to what predicts: its network and label set; no data set is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from atrous.build.network import evaluation_module
from atrous.build.options import is_whole, make, switch, whole
from atrous.build.stored import prediction_config

if TYPE_CHECKING:
    import torch

    from atrous.checkpoint import Checkpoint
    from atrous.prediction.predictor import Predictor
    from atrous.prediction.writers import Writer


PREDICTED = "predictions.json"


def require_prediction(cfg: DictConfig) -> None:
    """Raises ValueError: an option of the wrong kind, or a folder that holds something; before any work."""
    whole(cfg, "batch_size", 1)
    switch(cfg, "frames")
    for key in ("input", "output", "device"):
        if not isinstance(cfg[key], str):
            raise ValueError(f"{key}={cfg[key]}: expected a text; with quotes: {key}=\"'{cfg[key]}'\"")
    seconds = cfg.seconds
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0
    ):
        raise ValueError(f"seconds={seconds}: expected a time above 0, or null")
    _require_new(Path(cfg.paths.output), Path(cfg.input))

    from atrous.prediction.inputs import is_video

    options = [option.lstrip("+~") for option in HydraConfig.get().overrides.task]
    if is_video(cfg.input) and not cfg.frames and any(each.startswith("write") for each in options):
        raise ValueError(
            "write=: of a video this is how each frame is written: add frames=true, or leave it out"
        )
    if not is_video(cfg.input) and (cfg.frames or seconds is not None):
        raise ValueError(f"input={cfg.input}: frames= and seconds= are for videos; leave them out")

    from atrous.prediction.writers import require_opacity

    require_opacity(cfg.opacity)


def require_demo(cfg: DictConfig) -> None:
    """Raises ValueError: no checkpoint, an option of the wrong kind, or Gradio is not installed."""
    if cfg.checkpoint is None:
        raise ValueError("checkpoint is not given: checkpoint=runs/.../best.ckpt")
    if cfg.port is not None and (not is_whole(cfg.port, 1) or cfg.port > 65535):
        raise ValueError(f"port={cfg.port}: expected a number from 1 to 65535, or null")
    for key in ("host", "device"):
        if not isinstance(cfg[key], str):
            raise ValueError(f"{key}={cfg[key]}: expected a text")
    if find_spec("gradio") is None:
        raise ValueError("demo needs Gradio: pip install atrous[demo]")

    from atrous.prediction.writers import require_opacity

    require_opacity(cfg.opacity)


def _require_new(output: Path, given: Path) -> None:
    """Raises ValueError: predictions would be mixed with other files, or become pictures to predict."""
    held = sorted(path.name for path in output.iterdir() if path.suffix != ".log") if output.is_dir() else []
    if held:
        what = "predictions" if PREDICTED in held else f"files already ({held[0]})"
        raise ValueError(f"output={output}: holds {what}; choose a new folder, or take this one away first")
    if given.is_dir() and given.resolve() in (output.resolve(), *output.resolve().parents):
        raise ValueError(
            f"output={output}: lies in input={given}, where the next prediction would take it for pictures; "
            "choose another output"
        )


def predictor(
    checkpoint: "Checkpoint",
    device: str,
    inference: Mapping[str, Any] | DictConfig | None,
    windows_above: int | None,
    allow: Sequence[str],
) -> "Predictor":
    """The network of a checkpoint on a device.

    inference: values that differ from the training's, or a choice of its own.
    Raises ValueError: no such device or option, or a checkpoint whose config names what it may not build.
    """
    from atrous.inference import Inference
    from atrous.prediction.predictor import Predictor

    chosen = inference if isinstance(inference, DictConfig) else OmegaConf.create(dict(inference or {}))
    known = [field.name for field in fields(Inference)]
    for key in map(str, chosen):
        if key not in known and key != "_target_":
            raise ValueError(f"inference.{key}: no such option; known here: {', '.join(known)}")
    if windows_above is not None and not is_whole(windows_above, 1):
        raise ValueError(f"windows_above={windows_above}: expected a number of pixels, or null for never")
    where = _device(device)
    run = prediction_config(checkpoint.config, chosen, allow)
    return Predictor(evaluation_module(run, checkpoint), where, windows_above)


def writers(cfg: DictConfig) -> "list[Writer]":
    """How predictions are written, as chosen by write=[...].  Raises ValueError: in no way."""
    chosen = [writer for writer in (cfg.get("write") or {}).values() if writer is not None]
    if not chosen:
        raise ValueError("write=[]: nothing would be written; choose write=[indices], or several")
    return [make(writer) for writer in chosen]


def _device(name: str) -> "torch.device":
    """Raises ValueError: no such device here."""
    import torch

    if name == "auto":
        kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        return torch.device(next(kind for kind, here in kinds.items() if here))
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"device={name}: not here ({reason}); expected auto, cpu, or a device such as cuda:0"
        ) from error
    return device
