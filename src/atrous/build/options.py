"""Values of a config: read, checked, shown and made into objects; what every command needs of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from atrous.models.weights import weights_file
from atrous.remote import require_local


def require_options(cfg: DictConfig) -> None:
    """Raises ValueError: an option of evaluate or score that is of the wrong kind; told before any work."""
    width, pictures = cfg.boundary_width, cfg.pictures
    if isinstance(width, bool) or not isinstance(width, int | float) or width <= 0:
        raise ValueError(
            f"boundary_width={width}: expected a share of the diagonal, such as 0.02, or whole pixels, such "
            "as 3"
        )
    if type(pictures) is not int or pictures < 0:
        raise ValueError(f"pictures={pictures}: expected a number of pictures, 0 or more")
    precision = str(cfg.get("trainer", {}).get("precision", "32-true"))
    if precision.endswith("-true") and precision != "32-true":
        raise ValueError(f"trainer.precision={precision}: an evaluation is in float32; leave this out")
    for key in ("raw_ids", "allow_missing"):
        if not isinstance(cfg.get(key, False), bool):
            raise ValueError(f"{key}={cfg[key]}: expected true or false")
    if not isinstance(cfg.get("ending", ""), str):
        raise ValueError(f"ending={cfg.ending}: expected what follows the pictures' names, such as _pred")


def require_whole_split(cfg: DictConfig) -> None:
    """Raises ValueError: the config would score another split than it says, or a part of it."""
    limit, split = cfg.data.limits.test, cfg.data.splits.test
    if limit is not None or split != cfg.split:
        raise ValueError(
            f"data.limits.test={limit}, data.splits.test={split}: a score is of "
            f"the whole split that split={cfg.split} names; leave these out"
        )


def stages(cfg: DictConfig) -> list[str]:
    """What stages=[...] names.  Raises ValueError: no list of stages."""
    chosen, known = plain(cfg)["stages"], list(cfg.data.splits)
    if not isinstance(chosen, list) or not chosen or any(stage not in known for stage in chosen):
        raise ValueError(f"stages={chosen}: expected a list of {', '.join(known)}")
    return chosen


def require_files(cfg: DictConfig) -> None:
    """Raises ValueError: a number that is none, a file that is missing.  Costs no heavy import."""
    whole(cfg, "seed", 0)
    for size in ("batch_size", "eval_batch_size"):
        whole(cfg, f"data.{size}", 1)
    weights_file(cfg.model.get("encoder_weights"))
    trusts_weights(cfg)


def trusts_weights(cfg: DictConfig) -> bool:
    """Whether the file of encoder weights may run code.  Raises ValueError: a word that is no answer."""
    return switch(cfg, "trust_checkpoint") and weights_file(cfg.model.get("encoder_weights")) is not None


def export_path(cfg: DictConfig) -> Path:
    """Where weights are written.  Raises ValueError: no checkpoint is given, or another kind of file."""
    if cfg.checkpoint is None:
        raise ValueError("checkpoint is not given: checkpoint=runs/.../best.ckpt")
    require_local(cfg.checkpoint, "checkpoint")
    if cfg.output is None:
        return Path(cfg.checkpoint).with_suffix(".safetensors")
    require_local(cfg.output, "output")
    if Path(cfg.output).suffix != ".safetensors":
        raise ValueError(f"output={cfg.output}: expected a file NAME.safetensors")
    return Path(cfg.output)


def whole(cfg: DictConfig, key: str, least: int) -> int:
    """A number of the config.  Raises ValueError: it is none, or lower."""
    value = OmegaConf.select(cfg, key)
    if not is_whole(value, least):
        raise ValueError(f"{key}={value}: expected a whole number, {least} or more")
    return int(value)


def is_whole(value: object, least: int) -> bool:
    """Whether it is a whole number, ``least`` or more; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def switch(cfg: DictConfig, key: str) -> bool:
    """A choice that older configs lack.  Raises ValueError: it is neither true nor false."""
    value = OmegaConf.select(cfg, key, default=False)
    if not isinstance(value, bool):
        raise ValueError(f"{key}={value}: expected true or false")
    return value


def skips(cfg: DictConfig, key: str) -> bool:
    """Whether what is bad is skipped; an error, where older configs lack the choice.

    Raises ValueError: it is neither error nor skip.
    """
    value = OmegaConf.select(cfg, key, default="error")
    if value not in ("error", "skip"):
        raise ValueError(f"{key}={value}: expected error or skip")
    return bool(value == "skip")


def choice(group: str) -> str:
    """The name of the config that was chosen of a group."""
    return str(HydraConfig.get().runtime.choices[group])


def plain(cfg: DictConfig, resolve: bool = False) -> dict[str, Any]:
    """The config as plain data: with its interpolations (for a checkpoint), or their values (for loggers)."""
    container = OmegaConf.to_container(cfg, resolve=resolve)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def as_yaml(config: Mapping[str, Any]) -> str:
    """Plain data as a config file."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def make(cfg: DictConfig | dict[str, Any], **known: Any) -> Any:
    """Instantiate; what a constructor says of a wrong value reaches the user as it was said."""
    try:
        return instantiate(cfg, _convert_="all", **known)
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError):
            raise error.__cause__ from None
        raise
