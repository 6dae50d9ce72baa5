"""Pages that stand alone: one HTML file that needs no network, with its pictures and plots inside."""

import base64
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PHOTO_QUALITY = 80


def write_page(path: Path, template: str, **content: Any) -> None:
    """Write ``template``, a file in this package's templates/, filled with ``content``, which is escaped."""
    environment = Environment(
        loader=PackageLoader("atrous.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    path.parent.mkdir(parents=True, exist_ok=True)
    page = environment.get_template(template).render(**content)
    path.write_text(page, encoding="utf-8", errors="backslashreplace")  # names of files may be no text


def percent(value: float | None) -> str:
    """0.1234 -> 12.34; a dash where there is no number."""
    return "-" if value is None or np.isnan(value) else f"{100 * value:.2f}"


def photo(pixels: NDArray[np.uint8]) -> str:
    """A data address of a photograph, uint8 (H, W, 3), with losses that the eye does not see (JPEG)."""
    return _address(Image.fromarray(pixels), "jpeg", quality=PHOTO_QUALITY)


def drawing(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> str:
    """A data address of a picture of few colours, without losses (PNG).

    indices: uint8 (H, W).  palette: uint8 (256, 3), RGB.
    """
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    return _address(image, "png", optimize=True)


def plot(figure: "Figure") -> Markup:
    """A matplotlib figure as SVG inside the page; its texts stay texts."""
    import matplotlib

    buffer = io.StringIO()
    with (
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "atrous"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has fonts of its own
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return Markup(buffer.getvalue()[buffer.getvalue().index("<svg") :])


def shrink(pixels: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W, 3), whose longer side is at most ``longest`` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.asarray(image)


def shrink_indices(indices: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """The same for uint8 (H, W) of class indices: each pixel is one of the source's."""
    image = Image.fromarray(indices)
    image.thumbnail((longest, longest), Image.Resampling.NEAREST)
    return np.asarray(image)


def _address(image: Image.Image, form: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode()}"
