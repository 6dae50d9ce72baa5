"""Videos, streams and cameras: frame after frame, with memory for a few."""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from atrous.prediction.inputs import CAMERA, STREAMS, is_camera
from atrous.prediction.pictures import predict_images
from atrous.prediction.predictor import Predictor
from atrous.prediction.writers import Predicted, Writer

Pixels = NDArray[np.uint8]
MILLISECONDS = Fraction(1, 1000)
SLACK = 1.0  # seconds that a whole video may be shorter than it says
MICROSECONDS = 1_000_000  # a second, FFmpeg's clock of whole files


class Frame(NamedTuple):
    """image: uint8 (H, W, 3), upright.

    time, end: when it is shown, in units of the source's clock.
    aspect: how wide a pixel is shown, of its height.
    """

    image: Pixels
    time: int
    end: int
    aspect: Fraction = Fraction(1)


class Source(NamedTuple):
    """Frames and what the file says of them.

    clock: seconds a unit of time.
    num_frames, length: None: not known; length in seconds.
    """

    frames: Iterator[Frame]
    rate: Fraction
    clock: Fraction
    num_frames: int | None
    length: float | None


def predict_video(
    predictor: Predictor,
    given: str,
    writers: Sequence[Writer],
    output: Path,
    batch_size: int,
    opacity: float,
    seconds: float | None = None,
    called: str | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Write the video with the classes' colours over it, and by ``writers`` each frame of it.

    called: what stands in what is written for an input that holds a password; None: the input itself.
    Ctrl-C ends it: what was predicted until then is a whole video.
    Returns what predictions.json says of it, and what could not be read.
    Raises ValueError: it cannot be opened, or there is no such camera.
    """
    name = (
        given.replace(":", "-")
        if is_camera(given)
        else ("stream" if given.startswith(STREAMS) else Path(given).stem)
    )
    unreadable: list[dict[str, str]] = []
    called = called or given
    path = output / f"{name}.mp4"
    number = 0
    with opened(given) as source, Progress(transient=True) as progress, suppress(KeyboardInterrupt):
        task = progress.add_task("predict", total=source.num_frames)
        with closing_video(path, source) as write:
            frames = _readable(source, called, unreadable)
            for some in _batches(_until(frames, source.clock, seconds), batch_size):
                images = [frame.image for frame in some]
                indices, soft = predict_images(predictor, images, writers)
                for place, frame in enumerate(some):
                    write(predictor.overlay(frame.image, indices[place], opacity), frame)
                    own = None if soft is None else soft[place]
                    predicted = Predicted(
                        f"{called}#{number}",
                        f"{name}#{number}",
                        f"{name}/{number:06d}",
                        frame.image,
                        indices[place],
                        own,
                        predictor.labels,
                    )
                    for writer in writers:
                        writer(output, predicted)
                    number += 1
                progress.advance(task, len(some))
    for writer in writers:
        writer.finish(output, predictor.labels)
    if not number and not unreadable:
        unreadable.append({"input": called, "reason": f"{called}: holds no frames"})
    said = {"input": called, "name": name, "frames": number, "frames_per_second": float(source.rate)}
    return ([said] if number else []), unreadable


@contextmanager
def opened(given: str, format_name: str | None = None) -> Iterator[Source]:
    """A video's frames, or a camera's.  format_name: of FFmpeg; None: what the file says.

    Raises ValueError: it cannot be opened, or holds no video.
    """
    if is_camera(given):
        with _camera(given) as source:
            yield source
        return
    av = pyav()
    try:
        container = av.open(given, format=format_name)
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(f"input={given}: cannot be opened as a video ({error.strerror})") from error
    with container:
        if not container.streams.video:
            raise ValueError(f"input={given}: holds no video")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        clock = stream.time_base or 1 / rate
        frames = _frames(container, stream, rate)
        yield Source(frames, rate, clock, stream.frames or None, _length(container, stream))


def _length(container: Any, stream: Any) -> float | None:
    """The seconds that a video says it has; that of a file with sound may be the sound's."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1 and container.duration is not None
    return container.duration / MICROSECONDS if alone else None


def _frames(container: Any, stream: Any, rate: Fraction) -> Iterator[Frame]:
    """Upright, all of the first one's size, their times rising."""
    last, size = -1, dict[str, int]()
    step = max(1, round(1 / (rate * (stream.time_base or 1 / rate))))
    for frame in container.decode(stream):
        size = size or {"width": frame.width, "height": frame.height}
        image = frame.to_ndarray(format="rgb24", **size)
        last = max(last + 1, frame.pts) if frame.pts is not None else last + step
        turns = round(frame.rotation / 90)
        upright = np.ascontiguousarray(np.rot90(image, turns))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        yield Frame(upright, last, last + (frame.duration or step), 1 / aspect if turns % 2 else aspect)


@contextmanager
def _camera(given: str) -> Iterator[Source]:
    """OpenCV's, since PyAV's wheels open no cameras."""
    number = given.removeprefix(CAMERA).removeprefix(":") or "0"
    if not number.isdecimal():
        raise ValueError(f"input={given}: expected camera, or camera:1 and so on")
    camera = cv2.VideoCapture(int(number))
    try:
        if not camera.isOpened():
            raise ValueError(
                f"input={given}: no camera {number} here, or another program has it; a camera of the network "
                "is given by its address: input=rtsp://..."
            )
        rate = Fraction(camera.get(cv2.CAP_PROP_FPS) or 30).limit_denominator(1000)
        yield Source(_shots(camera), rate, MILLISECONDS, None, None)
    finally:
        camera.release()


def _shots(camera: Any) -> Iterator[Frame]:
    start, last = time.monotonic(), -1
    while (shot := camera.read())[0]:
        last = max(last + 1, int(1000 * (time.monotonic() - start)))
        yield Frame(cv2.cvtColor(shot[1], cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False), last, last + 1)


def _readable(source: Source, called: str, unreadable: list[dict[str, str]]) -> Iterator[Frame]:
    """The frames up to one that is damaged, or to an end that comes early: both are listed."""
    from av.error import FFmpegError

    begin = end = None
    try:
        for frame in source.frames:
            begin, end = (frame.time if begin is None else begin), frame.end
            yield frame
    except FFmpegError as error:
        unreadable.append({"input": called, "reason": f"{called}: damaged ({error.strerror})"})
        return
    if begin is None or end is None or source.length is None:
        return
    shown = float(max(end - begin, end) * source.clock)  # some files count from 0, wherever they begin
    if shown < source.length - SLACK:
        said = f"{called}: ends after {shown:.1f} of {source.length:.1f} seconds; the rest is missing"
        unreadable.append({"input": called, "reason": said})


def _until(frames: Iterator[Frame], clock: Fraction, seconds: float | None) -> Iterator[Frame]:
    first: int | None = None
    for frame in frames:
        first = frame.time if first is None else first
        if seconds is not None and (frame.time - first) * clock >= seconds:
            return
        yield frame


def _batches(frames: Iterator[Frame], batch_size: int) -> Iterator[list[Frame]]:
    while some := list(itertools.islice(frames, batch_size)):
        yield some


@contextmanager
def closing_video(path: Path, source: Source) -> Iterator[Any]:
    """write(image, frame): uint8 (H, W, 3) in the place of a frame of the source, as H.264."""
    av = pyav()
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    stream: Any = None
    with av.open(str(path), "w") as container:

        def write(image: Pixels, shown: Frame) -> None:
            nonlocal stream
            height, width = image.shape[:2]
            if stream is None:
                stream = container.add_stream(codec, rate=source.rate)
                # the colours of a pixel pair are stored once: sides are even
                stream.width, stream.height, stream.pix_fmt = (
                    width + width % 2,
                    height + height % 2,
                    "yuv420p",
                )
                stream.codec_context.time_base = source.clock
                stream.codec_context.sample_aspect_ratio = shown.aspect
            even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            frame.pts, frame.time_base = shown.time, source.clock
            container.mux(stream.encode(frame))

        try:
            yield write
        finally:
            if stream is not None:
                container.mux(stream.encode(None))


def pyav() -> ModuleType:
    """PyAV.  Raises ValueError: it is not installed."""
    try:
        import av
    except ImportError as error:
        raise ValueError("a video needs PyAV: pip install atrous[video]") from error
    return av
