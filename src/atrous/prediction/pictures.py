"""Pictures in, predictions out: read beside the device, predicted in batches, written beside it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from atrous.background import NUM_THREADS, Background
from atrous.labels import LabelSet
from atrous.prediction.inputs import Found
from atrous.prediction.predictor import Predictor, TooLarge, batches, pixels_of
from atrous.prediction.writers import Predicted, Writer

Pixels = NDArray[np.uint8]
Item = TypeVar("Item")
Result = TypeVar("Result")


def predict_pictures(
    predictor: Predictor, found: Sequence[Found], writers: Sequence[Writer], output: Path, batch_size: int
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Predict every picture that can be read, and that the memory holds.

    Ctrl-C ends it: what was predicted until then is whole.
    Returns what predictions.json says of each, and of those that were not predicted, in their order.
    """
    said: dict[str, dict[str, Any]] = {}
    unreadable: list[dict[str, str]] = []
    with Progress(transient=True) as progress, ThreadPoolExecutor(NUM_THREADS) as readers:
        task = progress.add_task("predict", total=len(found))

        def readable() -> Iterator[tuple[Found, Pixels]]:
            for each, image in ahead(_read, found, readers, 2 * batch_size):
                if isinstance(image, ValueError):
                    unreadable.append(_not_predicted(each, str(image)))
                    progress.advance(task)
                else:
                    yield each, image

        writing: Background[None] = Background()
        try:
            for some in batches(readable(), lambda each: each[1].shape, batch_size):
                for predicted in _predicted(predictor, some, writers, unreadable):
                    writing.submit(predicted.name, partial(_write, writers, output, predicted))
                    said[predicted.name] = _about(predicted, predictor)
                progress.advance(task, len(some))
        except KeyboardInterrupt:
            known = {each["input"] for each in unreadable}
            left = [each for each in found if each.name not in said and str(each.path) not in known]
            unreadable += [_not_predicted(each, "interrupted before it") for each in left]
        writing.finish()
    for writer in writers:
        writer.finish(output, predictor.labels)
    return [said[each.name] for each in found if each.name in said], unreadable


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], pool: ThreadPoolExecutor, limit: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with its result, in their order; at most ``limit`` are worked on or wait."""
    pending: deque[tuple[Item, Future[Result]]] = deque()
    for item in items:
        pending.append((item, pool.submit(work, item)))
        if len(pending) >= limit:
            first, future = pending.popleft()
            yield first, future.result()
    while pending:
        first, future = pending.popleft()
        yield first, future.result()


def predict_images(
    predictor: Predictor, images: Sequence[Pixels], writers: Sequence[Writer]
) -> tuple[Pixels, NDArray[np.float32] | None]:
    """Labels, uint8 (N, H, W), of pictures of one size, and their probabilities where a writer needs them."""
    if any(writer.needs_probabilities for writer in writers):
        return predictor.soft(images)
    return predictor.label(images), None


def shares(indices: Pixels, labels: LabelSet) -> dict[str, float]:
    """The part of the picture that each class takes, where it occurs."""
    counts = np.bincount(indices.ravel(), minlength=labels.num_classes)
    return {
        name: int(count) / indices.size for name, count in zip(labels.classes, counts, strict=False) if count
    }


def _predicted(
    predictor: Predictor,
    some: Sequence[tuple[Found, Pixels]],
    writers: Sequence[Writer],
    unreadable: list[dict[str, str]],
) -> Iterator[Predicted]:
    """Of those that the memory does not hold together each alone; what it does not hold alone is listed."""
    try:
        indices, soft = predict_images(predictor, [image for _, image in some], writers)
    except TooLarge as error:
        if len(some) == 1:
            unreadable.append(_not_predicted(some[0][0], f"{some[0][0].path}: {error}"))
            return
        for alone in some:
            yield from _predicted(predictor, [alone], writers, unreadable)
        return
    except ValueError as error:
        error.add_note(f"pictures {', '.join(str(each.path) for each, _ in some)}")
        raise
    for place, (each, image) in enumerate(some):
        own = None if soft is None else soft[place]
        yield Predicted(
            str(each.path), each.relative, each.name, image, indices[place], own, predictor.labels
        )


def _not_predicted(found: Found, reason: str) -> dict[str, str]:
    return {"input": str(found.path), "reason": reason}


def _read(found: Found) -> Pixels | ValueError:
    try:
        return pixels_of(found.path)
    except ValueError as error:
        return error


def _write(writers: Sequence[Writer], output: Path, predicted: Predicted) -> None:
    for writer in writers:
        writer(output, predicted)


def _about(predicted: Predicted, predictor: Predictor) -> dict[str, Any]:
    height, width = predicted.indices.shape
    return {
        "input": predicted.file,
        "name": predicted.name,
        "width": width,
        "height": height,
        "in_windows": predictor.in_windows((height, width)),
        "shares": shares(predicted.indices, predicted.labels),
    }
