"""Options of a training that are wrong, or do not go together: said before anything is built."""

import os
from typing import Any

from omegaconf import DictConfig, OmegaConf

from atrous.build.options import skips

# What to choose in the place of an option of Lightning's.
INSTEAD = {"fast_dev_run": "choose debug=fast", "overfit_batches": "choose debug=overfit"}
LAUNCH_THEMSELVES = ("ddp_spawn", "ddp_fork", "ddp_notebook")  # strategies that start their processes
PLACE = ("NODE_RANK", "GROUP_RANK", "SLURM_STEP_NUM_TASKS")  # where something tells the machines apart
SHARDED = "atrous.strategies.Sharded"
LIGHTNINGS_FSDP = ("fsdp", "fsdp_cpu_offload", "model_parallel")
FLOAT16 = ("16-mixed", "16")


def num_processes(cfg: DictConfig) -> int:
    """How many processes of this machine a run of this config takes: one a device.

    Raises ValueError: a strategy that would copy this process for the others.
    """
    devices: Any = cfg.trainer.devices if "trainer" in cfg else 1
    strategy = str(cfg.get("trainer", {}).get("strategy", ""))
    if strategy.startswith(LAUNCH_THEMSELVES):
        raise ValueError(
            f"trainer.strategy={strategy}: its processes are copies of this one, which cannot be stopped and "
            "gone on with; choose trainer=ddp, which starts one for each device"
        )
    if OmegaConf.is_list(devices):
        return len(devices)
    if str(devices) in ("auto", "-1"):
        import torch

        return max(1, torch.cuda.device_count()) if cfg.trainer.accelerator in ("auto", "gpu", "cuda") else 1
    named = [device for device in str(devices).split(",") if device.strip()]
    if len(named) > 1:
        return len(named)
    return int(devices) if str(devices).isdecimal() else 1


def require_trainer(cfg: DictConfig) -> None:
    """Raises ValueError: options of Lightning's that a training of ours does not go with."""
    steps = cfg.trainer.max_steps
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise ValueError(f"trainer.max_steps={steps}: expected a whole number, or -1 for trainer.max_epochs")
    for key, instead in INSTEAD.items():
        if key in cfg.trainer and cfg.trainer[key] not in (None, 0, False):
            raise ValueError(f"trainer.{key}={cfg.trainer[key]}: {instead}")
    precision = str(cfg.trainer.get("precision"))
    if precision.endswith("-true") and precision != "32-true":
        raise ValueError(
            f"trainer.precision={precision}: weights are kept, and scores computed, in float32; choose "
            "bf16-mixed or 16-mixed"
        )
    if not cfg.trainer.get("enable_checkpointing", True):
        raise ValueError("trainer.enable_checkpointing=false: every training writes last.ckpt; leave it out")


def require_processes(cfg: DictConfig) -> None:
    """Raises ValueError: processes that nobody starts."""
    if cfg.trainer.get("num_nodes", 1) != 1 and not any(name in os.environ for name in PLACE):
        raise ValueError(
            f"trainer.num_nodes={cfg.trainer.num_nodes}: nothing says which of the machines this is; start "
            "it by srun or torchrun, or set NODE_RANK, MASTER_ADDR and MASTER_PORT on each (docs/scale.md)"
        )


def require_sharding(cfg: DictConfig) -> None:
    """Raises ValueError: options that trainer=fsdp does not go with."""
    if cfg.trainer.get("strategy") in LIGHTNINGS_FSDP:
        raise ValueError(
            f"trainer.strategy={cfg.trainer.strategy}: choose trainer=fsdp, whose checkpoints are those of "
            "any other training"
        )
    if OmegaConf.select(cfg, "trainer.strategy._target_") != SHARDED:
        return
    if cfg.trainer.get("compile"):
        raise ValueError("trainer.compile=true with trainer=fsdp: it is not compiled then; leave one out")
    if str(cfg.trainer.get("precision")) in FLOAT16:
        raise ValueError(
            f"trainer.precision={cfg.trainer.precision} with trainer=fsdp: expected 32-true or bf16-mixed"
        )


def require_clipping(cfg: DictConfig) -> None:
    """Raises ValueError: what looks at gradients of float16 that only a fused optimizer scales back."""
    if str(cfg.trainer.get("precision")) not in FLOAT16 or not cfg.optimizer.algorithm.get("fused"):
        return
    looks = [
        *(["gradient_clip_val"] if cfg.trainer.get("gradient_clip_val") else []),
        *(["on_bad_step=skip"] if skips(cfg, "trainer.on_bad_step") else []),
    ]
    if looks:
        raise ValueError(
            f"trainer.precision={cfg.trainer.precision} with trainer.{looks[0]}: a fused optimizer takes the "
            "scale out of the gradients too late for it; set optimizer.algorithm.fused=false"
        )
