"""Look at this machine, and try it; see conf/doctor.yaml for what can be chosen."""

import contextlib
import io
import os
import shutil
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from atrous import doctor as facts
from atrous.commands.evaluate import evaluate
from atrous.commands.train import train


def doctor(cfg: DictConfig) -> None:
    """Print what is here, then train, read the checkpoint and score it again.

    Raises ValueError: the score is another one.  What else fails in the self-test is raised as it is.
    """
    folder = Path(cfg.paths.output)
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    try:
        if first:
            paths = {key: cfg.paths[key] for key in ("data", "runs", "cache")}
            facts.print_facts(
                {
                    "machine": facts.machine(),
                    "devices": facts.devices(),
                    "folders": facts.folders(**paths),
                    "packages": facts.packages(),
                }
            )
        begun = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()):
            trained = train(cfg)
            scored = evaluate(_evaluation(cfg, folder))
        if trained != scored:
            raise ValueError(
                f"self-test: mIoU {trained} in training, but {scored} of its checkpoint; the two are "
                "computed in the same way, so this machine or this installation does not compute reliably"
            )
        if first:
            print(_passed(cfg, trained, time.monotonic() - begun))
    finally:
        if first:
            shutil.rmtree(folder, ignore_errors=True)


def _evaluation(cfg: DictConfig, folder: Path) -> DictConfig:
    """The config that evaluate gets, on the devices of the training."""
    options = [f"checkpoint={folder}/last.ckpt", f"hydra.runtime.output_dir={folder}/evaluated"]
    made = hydra.compose("evaluate", options, return_hydra_config=True)
    HydraConfig.instance().set_config(made)
    own = OmegaConf.masked_copy(made, [str(key) for key in made if key != "hydra"])
    for key in ("accelerator", "devices", "strategy"):
        OmegaConf.update(own, f"trainer.{key}", cfg.trainer.get(key, "auto"), force_add=True)
    return own


def _passed(cfg: DictConfig, score: float, seconds: float) -> str:
    return (
        f"self-test passed: {cfg.trainer.max_steps} steps on {cfg.trainer.devices} device(s) in "
        f"{cfg.trainer.precision}, the checkpoint read and scored again to the same mIoU ({score:.4f}), "
        f"in {seconds:.0f} s"
    )
