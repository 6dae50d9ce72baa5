"""Pictures of predictions: image, truth, prediction and errors side by side, over a legend."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from atrous.labels import LabelSet

Pixels = NDArray[np.uint8]

CORRECT, WRONG, IGNORED = (225, 225, 225), (214, 39, 40), (0, 0, 0)
GAP = 8
LINE = 20
FONT_SIZE = 14


def colorize(indices: Pixels, labels: LabelSet) -> Pixels:
    """uint8 (H, W) class indices -> uint8 (H, W, 3) in the label set's colours."""
    return labels.palette[indices]


def blend(image: Pixels, colors: Pixels, opacity: float) -> Pixels:
    """uint8 (H, W, 3): the picture with colours, uint8 (H, W, 3), over it.  opacity: of these, 0 to 1."""
    return cv2.addWeighted(image, 1 - opacity, colors, opacity, 0).astype(np.uint8, copy=False)


def error_map(predicted: Pixels, truth: Pixels, labels: LabelSet) -> Pixels:
    """uint8 (H, W, 3): wrong pixels red, correct ones light, ignored ones black."""
    errors = np.full((*truth.shape, 3), CORRECT, np.uint8)
    errors[predicted != truth] = WRONG
    errors[truth == labels.ignore_index] = IGNORED
    return errors


def panel(image: Pixels, truth: Pixels, predicted: Pixels, labels: LabelSet) -> Pixels:
    """One row of four pictures with captions, and the legend of the classes that occur.

    image: uint8 (H, W, 3).  truth, predicted: uint8 (H, W).  Small pictures are enlarged to 240 pixels of
        width.
    """
    columns = {
        "image": image,
        "truth": colorize(truth, labels),
        "prediction": colorize(predicted, labels),
        "errors": error_map(predicted, truth, labels),
    }
    zoom = max(1, round(240 / image.shape[1]))
    columns = {name: pixels.repeat(zoom, axis=0).repeat(zoom, axis=1) for name, pixels in columns.items()}
    height, width = image.shape[0] * zoom, image.shape[1] * zoom
    total_width = len(columns) * (width + GAP) + GAP
    entries = _legend_entries(truth, predicted, labels)
    legend = _legend(entries, total_width)
    canvas = Image.new("RGB", (total_width, LINE + height + GAP + legend.height), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_SIZE)
    for column, (name, pixels) in enumerate(columns.items()):
        left = GAP + column * (width + GAP)
        draw.text((left, 1), name, fill="black", font=font)
        canvas.paste(Image.fromarray(pixels), (left, LINE))
    canvas.paste(legend, (0, LINE + height + GAP))
    return np.asarray(canvas)


def _legend_entries(truth: Pixels, predicted: Pixels, labels: LabelSet) -> dict[str, tuple[int, ...]]:
    present = np.union1d(np.unique(truth), np.unique(predicted))
    entries: dict[str, tuple[int, ...]] = {
        labels.classes[index]: labels.colors[index] for index in present if index < labels.num_classes
    }
    return entries | {"ignored": IGNORED, "wrong": WRONG}


def _legend(entries: dict[str, tuple[int, ...]], width: int) -> Image.Image:
    font = ImageFont.load_default(FONT_SIZE)
    places, left, top = [], GAP, 0
    for name, color in entries.items():
        needed = LINE + round(font.getlength(name)) + 2 * GAP
        if left + needed > width and left > GAP:
            left, top = GAP, top + LINE
        places.append((left, top, name, color))
        left += needed
    legend = Image.new("RGB", (width, top + LINE + 4), "white")
    draw = ImageDraw.Draw(legend)
    for left, top, name, color in places:
        draw.rectangle((left, top + 3, left + 14, top + 17), fill=color, outline="black")
        draw.text((left + LINE, top + 1), name, fill="black", font=font)
    return legend
