"""Atrous trains, evaluates and ships semantic segmentation models."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atrous.prediction.predictor import Predictor

# albumentations would else ask the network for its newest version whenever it is imported
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

__version__ = "0.1.0"


def load(
    checkpoint: str | os.PathLike[str],
    *,
    device: str = "auto",
    weights: str | None = None,
    inference: Mapping[str, Any] | None = None,
    windows_above: int | None = 16_000_000,
    allow: Sequence[str] = (),
) -> "Predictor":
    """The model of a checkpoint, for pictures.  Data, a config or a logger are not needed.

        >>> import atrous
        >>> model = atrous.load("best.ckpt")  # doctest: +SKIP
        >>> labels = model.predict("street.jpg")  # doctest: +SKIP
        >>> labels.shape, labels.dtype, model.labels.classes[labels[0, 0]]  # doctest: +SKIP
        ((360, 480), dtype('uint8'), 'sky')

    checkpoint: a .ckpt of a training, or .safetensors of ``atrous export-weights``.  It is read as data: no
        code in it runs, and its config builds only what an allow-list names.
    device: auto (a GPU, where there is one), cpu, cuda:1, ...
    weights: raw, or ema, which a training with ``callbacks=ema`` keeps beside them; None: those that its
        best.ckpt was chosen by.
    inference: what is to differ from the training's config: ``{"flip": True}``, or
        ``{"window": [512, 1024], "stride": [341, 683]}`` for windows.
    windows_above: a picture of more pixels is seen in windows of 1024x1024, whatever the config says; None:
        never.
    allow: packages of your own whose classes the checkpoint's config may name.
    Raises ValueError: no checkpoint, a damaged one, or one that names what it may not build.
    """
    from atrous import build
    from atrous.checkpoint import read

    return build.predictor(read(os.fspath(checkpoint), weights), device, inference, windows_above, allow)
