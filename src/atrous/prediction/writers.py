"""How a prediction is written: a file a picture, or one for all."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atrous.labels import LabelSet
from atrous.prediction.polygons import Region, Ring, regions
from atrous.report.exports import Export, write_prediction
from atrous.report.pictures import blend, colorize

Pixels = NDArray[np.uint8]


class Predicted(NamedTuple):
    """A picture and what was predicted of it.

    file: the picture's path.  relative: below the input.  name: of the prediction.  With / between folders.
    image: uint8 (H, W, 3), as it is shown.  indices: uint8 (H, W).
    probabilities: float32 (C, H, W), or None: no writer needs them.
    """

    file: str
    relative: str
    name: str
    image: Pixels
    indices: Pixels
    probabilities: NDArray[np.float32] | None
    labels: LabelSet


class Writer(Protocol):
    """One way to write predictions; called by several threads."""

    @property
    def needs_probabilities(self) -> bool:
        """Whether class indices are not enough."""
        ...

    def __call__(self, output: Path, predicted: Predicted) -> None:
        """Write a picture's under ``output``, or keep what the file for all needs."""
        ...

    def finish(self, output: Path, labels: LabelSet) -> None:
        """Write the file for all, if there is one."""
        ...


@dataclass(frozen=True)
class Exported:
    """A PNG a picture, spelt as ``export`` says (atrous.report.exports)."""

    export: Export
    needs_probabilities: bool = False

    def __call__(self, output: Path, predicted: Predicted) -> None:
        """Write it."""
        write_prediction(output, predicted.name, predicted.indices, predicted.labels, self.export)

    def finish(self, output: Path, labels: LabelSet) -> None:
        """Nothing is left."""


@dataclass(frozen=True)
class Overlays:
    """A JPEG a picture, with the classes' colours over it.  opacity: of the colours, 0 to 1."""

    opacity: float = 0.5
    folder: str = "overlays"
    needs_probabilities: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError: an opacity that is none."""
        require_opacity(self.opacity)

    def __call__(self, output: Path, predicted: Predicted) -> None:
        """Write it."""
        colors = colorize(predicted.indices, predicted.labels)
        picture = Image.fromarray(blend(predicted.image, colors, self.opacity))
        picture.save(_place(output / self.folder, predicted.name, ".jpg"), quality=90)

    def finish(self, output: Path, labels: LabelSet) -> None:
        """Nothing is left."""


@dataclass(frozen=True)
class Probabilities:
    """An .npz a picture: probabilities, float (C, H, W), and classes, their names.

    dtype: float16, or float32 at twice the size.
    """

    dtype: str = "float16"
    folder: str = "probabilities"
    needs_probabilities: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError: of another kind."""
        if self.dtype not in ("float16", "float32"):
            raise ValueError(f"write.probabilities.dtype={self.dtype}: expected float16 or float32")

    def __call__(self, output: Path, predicted: Predicted) -> None:
        """Write it."""
        assert predicted.probabilities is not None
        path = _place(output / self.folder, predicted.name, ".npz")
        values = predicted.probabilities.astype(self.dtype)
        np.savez_compressed(path, probabilities=values, classes=np.array(predicted.labels.classes))

    def finish(self, output: Path, labels: LabelSet) -> None:
        """Nothing is left."""


@dataclass(frozen=True)
class GeoJson:
    """A GeoJSON a picture: a polygon a region, in pixels from the upper left corner, y downwards.

    min_area: pixels of the smallest region that is written.
    """

    min_area: int = 1
    folder: str = "geojson"
    needs_probabilities: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError: no number of pixels."""
        _require_area(self.min_area, "geojson")

    def __call__(self, output: Path, predicted: Predicted) -> None:
        """Write it."""
        labels = predicted.labels
        features = [
            {
                "type": "Feature",
                "properties": {
                    "class": labels.classes[region.class_index],
                    "class_index": region.class_index,
                    "area": region.area,
                },
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [_closed(ring) for ring in (region.outer, *region.holes)],
                },
            }
            for region in regions(predicted.indices, labels.num_classes, self.min_area)
        ]
        collection = {"type": "FeatureCollection", "features": features}
        _place(output / self.folder, predicted.name, ".geojson").write_text(json.dumps(collection))

    def finish(self, output: Path, labels: LabelSet) -> None:
        """Nothing is left."""


@dataclass(frozen=True)
class Coco:
    """One COCO file of all pictures: an annotation a region, a category a class, counted from 1.

    A region without holes is a polygon; one with holes is run lengths, since COCO's polygons have none.
    Until the end the annotations lie in a file beside it: of many pictures they are more than memory holds.
    min_area: pixels of the smallest region that is written.
    """

    min_area: int = 1
    file: str = "coco.json"
    needs_probabilities: bool = False
    _pictures: dict[str, tuple[dict[str, Any], int, int]] = field(default_factory=dict, repr=False)
    _alone: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError: no number of pixels."""
        _require_area(self.min_area, "coco")

    def __call__(self, output: Path, predicted: Predicted) -> None:
        """Keep the picture's annotations."""
        height, width = predicted.indices.shape
        found = regions(predicted.indices, predicted.labels.num_classes, self.min_area)
        lines = [json.dumps(_annotation(region, height, width)) + "\n" for region in found]
        text = "".join(lines).encode()
        image = {"file_name": predicted.relative, "width": width, "height": height}
        with self._alone, self._part(output).open("ab") as file:
            self._pictures[predicted.name] = (image, file.tell(), len(text))
            file.write(text)

    def finish(self, output: Path, labels: LabelSet) -> None:
        """Write them all, in the order of the pictures' names."""
        pictures = [self._pictures[name] for name in sorted(self._pictures)]
        content = {
            "images": [{"id": number, **image} for number, (image, _, _) in enumerate(pictures, 1)],
            "categories": [{"id": index + 1, "name": name} for index, name in enumerate(labels.classes)],
        }
        part, count = self._part(output), itertools.count(1)
        part.touch()
        with part.open("rb") as lines, (output / self.file).open("w") as file:
            file.write(f'{json.dumps(content)[:-1]}, "annotations": [')
            for picture, (_, start, length) in enumerate(pictures, 1):
                lines.seek(start)
                for line, number in zip(lines.read(length).splitlines(), count, strict=False):
                    about = {"id": number, "image_id": picture, **json.loads(line)}
                    file.write(f"{', ' if number > 1 else ''}{json.dumps(about)}")
            file.write("]}")
        part.unlink()

    def _part(self, output: Path) -> Path:
        return output / f"{self.file}.part"


def require_opacity(opacity: object) -> None:
    """Raises ValueError: not from 0 to 1."""
    if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not 0 <= opacity <= 1:
        raise ValueError(f"opacity={opacity}: expected a share from 0 to 1")


def _annotation(region: Region, height: int, width: int) -> dict[str, Any]:
    polygon = [[int(value) for value in region.outer.ravel()]]
    return {
        "category_id": region.class_index + 1,
        "segmentation": run_lengths(region, height, width) if region.holes else polygon,
        "area": region.area,
        "bbox": list(region.box),
        "iscrowd": 0,
    }


def run_lengths(region: Region, height: int, width: int) -> dict[str, Any]:
    """COCO's run lengths: how many pixels are outside, inside, ..., down one column after another."""
    left, top, columns, rows = region.box
    band = np.zeros((columns, height), np.int8)  # the columns of the box, each a row here
    band[:, top : top + rows] = region.mask.T
    turns = np.flatnonzero(np.diff(band.ravel(), prepend=0, append=0)) + left * height
    ends = np.concatenate([[0], turns, [height * width]])
    counts = np.diff(ends).tolist()
    return {"size": [height, width], "counts": counts if counts[-1] else counts[:-1]}


def _closed(ring: Ring) -> list[Sequence[int]]:
    points: list[Sequence[int]] = ring.tolist()
    return [*points, points[0]]


def _require_area(value: object, writer: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"write.{writer}.min_area={value}: expected a number of pixels, 1 or more")


def _place(folder: Path, name: str, ending: str) -> Path:
    path = folder / f"{name}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
