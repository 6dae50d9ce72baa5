"""A checkpoint's network, ready for pictures of any kind."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from atrous.data.showing import read_shown, shown
from atrous.inference import Inference
from atrous.labels import LabelSet
from atrous.module import SegmentationModule
from atrous.remote import require_local
from atrous.report.pictures import blend, colorize

Pixels = NDArray[np.uint8]
Picture = str | os.PathLike[str] | Image.Image | Pixels
Pictures = list[Picture] | tuple[Picture, ...]
Item = TypeVar("Item")

# Of pictures that few memories hold whole.
WINDOW, STRIDE = (1024, 1024), (768, 768)


class TooLarge(ValueError):
    """Pictures that the memory does not hold."""


class Predictor:
    """Predicts as ``atrous evaluate`` does: in float32, at the picture's own size.

    module: with its weights, on ``device``, in evaluation mode.
    windows_above: pixels of a picture above which it is seen in windows; None: never.
    """

    def __init__(self, module: SegmentationModule, device: torch.device, windows_above: int | None) -> None:
        self.module = module.eval().to(device)
        self.device = device
        self.windows_above = windows_above

    @property
    def labels(self) -> LabelSet:
        """The classes: their names, colours and order."""
        return self.module.labels

    @overload
    def predict(self, image: Picture) -> Pixels: ...
    @overload
    def predict(self, image: Pictures, batch_size: int = ...) -> list[Pixels]: ...

    def predict(self, image: Picture | Pictures, batch_size: int = 4) -> Pixels | list[Pixels]:
        """Class indices, uint8 (H, W), of a picture; of a list of pictures a list.

        image: a path, a Pillow picture, or uint8 (H, W, 3) RGB; it is seen as it is shown: turned by its EXIF
            tag, 16 bits as 8, transparent parts white.
        batch_size: of a list, how many of one size the network sees at once.
        Raises ValueError: what cannot be read, an array of another kind, or too little memory.
        """
        if not isinstance(image, list | tuple):
            only: Pixels = self.label([pixels_of(image)])[0]
            return only
        found: dict[int, Pixels] = {}
        pictures = enumerate(map(pixels_of, image))
        for some in batches(pictures, lambda picture: picture[1].shape, batch_size):
            places, pixels = zip(*some, strict=True)
            found |= zip(places, self.label(pixels), strict=True)
        return [found[place] for place in sorted(found)]

    def probabilities(self, image: Picture) -> NDArray[np.float32]:
        """How probable each class is: float32 (C, H, W), in [0, 1], its largest where ``predict`` says.

        Raises ValueError: as ``predict``.
        """
        only: NDArray[np.float32] = self.soft([pixels_of(image)])[1][0]
        return only

    def color(self, labels: Pixels) -> Pixels:
        """uint8 (H, W) class indices -> uint8 (H, W, 3) RGB in the classes' colours."""
        return colorize(labels, self.labels)

    def overlay(self, image: Picture, labels: Pixels, opacity: float = 0.5) -> Pixels:
        """The picture with the classes' colours over it: uint8 (H, W, 3) RGB.

        labels: uint8 (H, W), of this picture.  opacity: of the colours, 0 to 1.
        Raises ValueError: labels of another size.
        """
        pixels = pixels_of(image)
        if pixels.shape[:2] != labels.shape:
            raise ValueError(f"labels of shape {labels.shape} for a picture of shape {pixels.shape}")
        return blend(pixels, self.color(labels), opacity)

    def label(self, images: Sequence[Pixels]) -> Pixels:
        """uint8 (H, W, 3) pictures of one size -> class indices, uint8 (N, H, W)."""
        return self._run(self.module.predict, images).labels.cpu().numpy()

    def soft(self, images: Sequence[Pixels]) -> tuple[Pixels, NDArray[np.float32]]:
        """As ``label``, and the probabilities, float32 (N, C, H, W)."""
        found, probabilities = self._run(self.module.soft, images)
        return found.labels.cpu().numpy(), probabilities.cpu().numpy()

    def in_windows(self, size: Sequence[int]) -> bool:
        """Whether a picture of (height, width) is so large that it is seen in windows all the same."""
        large = self.windows_above is not None and size[0] * size[1] > self.windows_above
        return large and self.module.inference.window is None

    def _inference(self, size: Sequence[int]) -> Inference:
        own = self.module.inference
        return replace(own, window=WINDOW, stride=STRIDE) if self.in_windows(size) else own

    def _run(self, function: Callable[[Tensor, Inference], Item], images: Sequence[Pixels]) -> Item:
        height, width = images[0].shape[:2]
        batch = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
        try:
            with torch.inference_mode(), _exact(self.device):
                return function(batch, self._inference((height, width)))
        except torch.OutOfMemoryError as error:
            if len(images) > 1:
                hint = "predict fewer at once (batch_size=1)"
            elif self._inference((height, width)).window is None:
                hint = "predict in windows (inference=slide)"
            else:
                hint = "predict fewer windows at once (inference.window_batch=1), or on device=cpu"
            raise TooLarge(
                f"{len(images)} pictures of {width}x{height}: too little memory on {self.device}; {hint}"
            ) from error


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """A GPU's products in whole float32, as evaluate's (callbacks/arithmetic.py); then as it was."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def pixels_of(image: Picture) -> Pixels:
    """uint8 (H, W, 3), RGB.  Raises ValueError: unreadable, or an array of another kind."""
    if isinstance(image, str | os.PathLike):
        require_local(image, "picture")
        return read_shown(Path(image))
    if isinstance(image, Image.Image):
        try:
            return shown(image)
        except OSError as error:  # it is read from its file only now
            raise ValueError(f"the picture cannot be read ({error})") from error
    if not isinstance(image, np.ndarray):
        raise ValueError(
            f"a picture as {type(image).__name__}; expected a path, a Pillow picture or an array"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"a picture as an array of {image.dtype} {image.shape}; expected uint8 (H, W, 3), RGB; of other "
            "kinds give the path, or a Pillow picture"
        )
    return np.ascontiguousarray(image)


def batches(items: Iterable[Item], kind: Callable[[Item], object], batch_size: int) -> Iterator[list[Item]]:
    """Lists of at most ``batch_size`` items of one kind, the items of a kind in their order.

    At most four lists' worth of items wait for others of their kind, so that memory does not grow.
    """
    waiting: dict[object, list[Item]] = {}
    for item in items:
        some = waiting.setdefault(kind(item), [])
        some.append(item)
        if len(some) == batch_size:
            yield waiting.pop(kind(item))
        elif sum(map(len, waiting.values())) >= 4 * batch_size:
            yield waiting.pop(max(waiting, key=lambda each: len(waiting[each])))
    yield from waiting.values()
