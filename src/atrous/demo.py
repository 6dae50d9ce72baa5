"""A page to try a network on: pictures dropped in, overlays, areas; all from this machine."""

import html
import os
import socket
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from atrous.labels import LabelSet
from atrous.prediction.pictures import shares
from atrous.prediction.predictor import Predictor, pixels_of
from atrous.report.page import shrink, shrink_indices
from atrous.report.pictures import blend, colorize

# before Gradio is imported, which else counts its starts and looks for its newest version
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

Pixels = NDArray[np.uint8]
LONGEST = 1280  # pixels of the longer side of what is shown; predicted is the whole picture
FONTS = ("system-ui", "sans-serif")  # Gradio's own themes fetch theirs from the network
MONOSPACE = ("ui-monospace", "monospace")


class Shown(NamedTuple):
    """A picture and its labels, small enough to draw at once: uint8 (h, w, 3) and (h, w)."""

    image: Pixels
    indices: Pixels


def page(predictor: Predictor, opacity: float = 0.5) -> Any:
    """The page, to be launched.

    The network runs once a picture; opacity and classes are drawn anew from its labels.
    """
    import gradio as gr

    labels = predictor.labels

    def run(path: str | None, opacity: float) -> tuple[Any, ...]:
        if path is None:
            return None, None, gr.update(choices=[], value=[]), "", ""
        try:
            image = pixels_of(path)
            start = time.perf_counter()
            indices = predictor.predict(image)
        except ValueError as error:
            raise gr.Error(str(error).replace(path, Path(path).name), print_exception=False) from error
        seconds = time.perf_counter() - start
        found = shares(indices, labels)
        seen = Shown(shrink(image, LONGEST), shrink_indices(indices, LONGEST))
        toggles = gr.update(choices=list(found), value=list(found))
        said = f"{image.shape[1]}x{image.shape[0]} pixels in {1000 * seconds:.0f} ms on {predictor.device}"
        return seen, draw(seen, opacity, list(found), labels), toggles, area_table(found, labels), said

    def redraw(seen: Shown | None, opacity: float, classes: list[str]) -> Pixels | None:
        return None if seen is None else draw(seen, opacity, classes, labels)

    with gr.Blocks(title="Atrous", analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        gr.Markdown(f"### {html.escape(labels.name)}: {labels.num_classes} classes")
        seen = gr.State(None)
        with gr.Row():
            with gr.Column(scale=2):
                picture = gr.Image(
                    label="picture",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    height=260,
                )
                slider = gr.Slider(0, 1, opacity, label="opacity")
                toggles = gr.CheckboxGroup([], label="classes shown")
            with gr.Column(scale=3):
                overlay = gr.Image(
                    label="prediction", interactive=False, format="png", buttons=["download", "fullscreen"]
                )
                latency = gr.Markdown()
                areas = gr.HTML()
        picture.change(
            run, [picture, slider], [seen, overlay, toggles, areas, latency], api_visibility="private"
        )
        for part in (slider, toggles):
            part.input(
                redraw,
                [seen, slider, toggles],
                overlay,
                trigger_mode="always_last",
                show_progress="hidden",
                api_visibility="private",
            )
    return blocks


def serve(blocks: Any, host: str, port: int | None, wait: bool = True) -> str:
    """Open the page at ``host``; returns its address, at once or when it is ended by Ctrl-C.

    port: None: a free one, from 7860.
    Raises ValueError: the port is taken, or this machine has no such address.
    """
    import gradio as gr

    _require_address(host, port)
    _, address, _ = blocks.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        share=False,
        show_error=True,
        quiet=True,
        footer_links=[],
        theme=gr.themes.Base(font=FONTS, font_mono=MONOSPACE),
    )
    if wait:
        print(f"the page: {address}     (Ctrl-C ends it)")
        blocks.block_thread()
    return str(address)


def _require_address(host: str, port: int | None) -> None:
    """Raises ValueError: it cannot be opened; Gradio would try a hundred ports, whatever the reason."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port or 0))
    except OSError as error:
        raise ValueError(
            f"host={host} port={port}: cannot be opened ({error.strerror}); choose another port, or an "
            "address of this machine: host=127.0.0.1"
        ) from error


def draw(shown: Shown, opacity: float, classes: list[str], labels: LabelSet) -> Pixels:
    """The picture with the colours of ``classes`` over it: uint8 (h, w, 3)."""
    chosen = [labels.index(name) for name in classes]
    over = blend(shown.image, colorize(shown.indices, labels), opacity)
    where = np.isin(shown.indices, chosen).view(np.uint8)
    return cv2.copyTo(over, where, shown.image.copy()).astype(np.uint8, copy=False)


def area_table(found: dict[str, float], labels: LabelSet) -> str:
    """The legend, and the part of the picture that each class takes, the largest first."""
    rows = []
    for name, share in sorted(found.items(), key=lambda each: -each[1]):
        red, green, blue = labels.colors[labels.index(name)]
        swatch = f"display:inline-block;width:1em;height:1em;background:rgb({red},{green},{blue})"
        rows.append(
            f'<tr><td><span style="{swatch}"></span></td><td>{html.escape(name)}</td>'
            f'<td style="text-align:right">{100 * share:.1f} %</td></tr>'
        )
    return f"<table><tr><th></th><th>class</th><th>area</th></tr>{''.join(rows)}</table>"
