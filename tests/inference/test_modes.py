import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from atrous.inference import Inference, labelling
from atrous.inference.modes import starts


class Position(nn.Module):
    """A network with context: what it says of a pixel depends on where in its input the pixel lies."""

    def __init__(self, num_classes=4):
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Conv2d(5, num_classes, 3, padding=1)

    def forward(self, images):
        rows = (
            torch.linspace(0, 1, images.shape[-2])
            .view(1, 1, -1, 1)
            .expand(len(images), 1, *images.shape[-2:])
        )
        columns = torch.linspace(0, 1, images.shape[-1]).expand_as(rows)
        return 4 * self.mix(torch.cat([images, rows, columns], 1))


def images(height, width, n=2, seed=0):
    return torch.randn(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def reference(net, pictures, scales, flip, window, stride, mirror):
    """Probabilities in the plainest form: every view at native size, in full, then their mean."""
    views = []
    height, width = pictures.shape[-2:]
    for scale, flipped in itertools.product(scales, (False, True) if flip else (False,)):
        total, count = torch.zeros(()), torch.zeros(height, width)
        tall, wide = (
            (height, width)
            if window is None
            else [
                min(side, max(1, round(w / scale))) for side, w in zip((height, width), window, strict=True)
            ]
        )
        down, right = (
            (tall, wide)
            if stride is None
            else [min(side, max(1, round(s / scale))) for side, s in zip((tall, wide), stride, strict=True)]
        )
        total = 0
        for top in starts(height, tall, down):
            for left in starts(width, wide, right):
                part = pictures[..., top : top + tall, left : left + wide]
                size = (max(1, round(tall * scale)), max(1, round(wide * scale)))
                seen = nn.functional.interpolate(part, size, mode="bilinear")
                logits = net(seen.flip(-1)).flip(-1)[:, mirror] if flipped else net(seen)
                logits = nn.functional.interpolate(logits, (tall, wide), mode="bilinear")
                pad = (left, width - left - wide, top, height - top - tall)
                total = total + nn.functional.pad(logits.softmax(1), pad)
                count[top : top + tall, left : left + wide] += 1
        views.append(total / count)
    return torch.stack(views).mean(0)


@settings(max_examples=60)
@given(
    st.integers(5, 24),
    st.integers(5, 24),
    st.lists(st.sampled_from([0.5, 0.75, 1.0, 1.5, 1.75]), min_size=1, max_size=3, unique=True),
    st.booleans(),
    st.none() | st.tuples(st.integers(3, 12), st.integers(3, 12)),
    st.integers(1, 4),
    st.integers(1, 5),
)
@torch.inference_mode()
def test_any_combination_is_the_mean_of_its_views_probabilities(
    height, width, scales, flip, window, divisor, window_batch
):
    net, pictures, mirror = Position(), images(height, width), [0, 2, 1, 3]
    stride = None if window is None else tuple(max(1, side // divisor) for side in window)
    expected = reference(net, pictures, scales, flip, window, stride, mirror)
    labels, confidence = Inference(scales, flip, window, stride, window_batch)(net, pictures, mirror)
    assert labels.dtype == torch.uint8
    assert confidence.dtype == torch.float32
    assert torch.allclose(confidence, expected.amax(1), atol=1e-5)
    chosen = expected.gather(1, labels.long()[:, None])[:, 0]
    assert torch.allclose(chosen, expected.amax(1), atol=1e-5)  # the largest, or a tie of it


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_windows_cover_everything_and_stay_inside(length, window, data):
    window = min(window, length)
    stride = data.draw(st.integers(1, window))
    begins = starts(length, window, stride)
    assert begins[0] == 0
    assert begins[-1] + window == length
    assert all(0 < b - a <= stride for a, b in itertools.pairwise(begins))


@torch.inference_mode()
def test_sliding_equals_whole_for_a_network_without_context():
    torch.manual_seed(0)
    net, pictures = nn.Conv2d(3, 4, 1), images(20, 17)
    whole = Inference()(net, pictures)
    slid = Inference(window=(7, 6), stride=(3, 5))(net, pictures)
    assert (whole.labels == slid.labels).all()
    assert torch.allclose(whole.confidence, slid.confidence, atol=1e-6)


@torch.inference_mode()
def test_a_mirrored_view_swaps_classes_before_it_is_averaged():
    """A network that calls the left half 1 and the right half 2: mirror pairs make the two views agree."""

    class Sides(nn.Module):
        def forward(self, pictures):
            left = torch.arange(pictures.shape[-1]) < pictures.shape[-1] / 2
            scores = torch.stack([torch.zeros_like(left), left, ~left]).float() * 3
            return scores[None, :, None, :].expand(len(pictures), 3, *pictures.shape[-2:])

    one = Inference()(Sides(), images(4, 8))
    right = Inference(flip=True)(Sides(), images(4, 8), mirror=[0, 2, 1])
    assert (one.labels == right.labels).all()
    assert torch.allclose(one.confidence, right.confidence)
    wrong = Inference(flip=True)(Sides(), images(4, 8), mirror=[0, 1, 2])
    assert wrong.confidence.max() < one.confidence.min()


@torch.inference_mode()
def test_strips_change_nothing(monkeypatch):
    net, pictures = Position(), images(23, 31)
    every = (Inference(), Inference((0.5, 1.0), True), Inference(window=(9, 9), stride=(5, 5)))
    before = [each(net, pictures) for each in every]
    monkeypatch.setattr(labelling, "STRIP_BYTES", 1)
    for each, expected in zip(every, before, strict=True):
        found = each(net, pictures)
        assert torch.equal(found.labels, expected.labels)
        assert torch.allclose(found.confidence, expected.confidence, atol=1e-7)


@torch.inference_mode()
def test_confidence_is_the_labels_probability():
    net, pictures = Position(), images(9, 9)
    labels, confidence = Inference()(net, pictures)
    probabilities = net(pictures).softmax(1)
    assert (labels == probabilities.argmax(1)).all()
    assert torch.allclose(confidence, probabilities.amax(1), atol=1e-6)
    assert 0 < confidence.min() <= confidence.max() <= 1


def test_the_network_sees_a_few_windows_at_once():
    seen = []

    class Net(nn.Module):
        def forward(self, pictures):
            seen.append(tuple(pictures.shape))
            return pictures

    Inference((0.5, 2.0), True, (8, 8), (8, 8), window_batch=3)(Net(), images(16, 32, n=2))
    assert {shape[1:] for shape in seen} == {(3, 8, 8)}
    assert [shape[0] for shape in seen] == 2 * [2 * 2] + 2 * (10 * [2 * 3] + [2 * 2])


def test_windows_at_once_have_no_more_pixels_than_the_picture():
    seen = []

    class Net(nn.Module):
        def forward(self, pictures):
            seen.append(len(pictures))
            return pictures

    Inference((2.0,), window=(16, 32), stride=(8, 16), window_batch=4)(Net(), images(16, 32, n=1))
    assert seen == [1] * 9
    seen.clear()
    Inference(window=(8, 20), stride=(4, 10), window_batch=4)(Net(), images(16, 32, n=1))
    assert seen == [3, 3, 3]


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_a_scaled_network_predicts_at_native_size(scale):
    seen = []

    class Net(nn.Module):
        def forward(self, pictures):
            seen.append(tuple(pictures.shape[-2:]))
            return pictures

    ramp = torch.linspace(0, 1, 40)[None, None, :, None].expand(1, 3, 40, 30)
    labels, confidence = Inference((scale,))(Net(), torch.cat([ramp[:, :1], 0.5 + 0 * ramp[:, 1:]], 1))
    assert seen == [(round(40 * scale), round(30 * scale))]
    assert labels.shape == confidence.shape == (1, 40, 30)
    # The ramp crosses 0.5 in the middle, also after the way there and back.
    assert (labels[0, :19] == 1).all()
    assert (labels[0, 21:] == 0).all()


MODES = [
    {},
    {"flip": True},
    {"scales": [0.5]},
    {"scales": [0.5, 1.0]},
    {"window": (4, 4), "stride": (2, 2)},
    {"window": (4, 4), "stride": (2, 2), "flip": True, "scales": [0.5, 1.0]},
]


@pytest.mark.parametrize("options", MODES)
def test_scores_that_are_not_finite_are_no_prediction(options):
    class Net(nn.Module):
        def forward(self, pictures):
            pictures = pictures.clone()
            pictures[0, 1, 0, 0] = float("nan")
            return pictures

    with pytest.raises(ValueError, match="not finite: the weights have diverged"):
        Inference(**options)(Net(), images(8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": []}, r"inference\.scales=\[\]: expected a list of numbers from 0.01 to 100"),
        ({"scales": 0.5}, r"inference\.scales=0\.5: expected a list of numbers from 0.01 to 100"),
        ({"scales": [1.0, 0]}, r"inference\.scales=\[1\.0, 0\]: expected a list of numbers from 0.01 to 100"),
        ({"scales": [float("inf")]}, r"inference\.scales=\[inf\]: expected a list of numbers from 0\.01"),
        ({"flip": "yes"}, r"inference\.flip=yes: expected true or false"),
        ({"window_batch": 0}, r"inference\.window_batch=0: expected a whole number of windows, 1 or more"),
        ({"window_batch": 2.0}, r"inference\.window_batch=2\.0: expected a whole number of windows"),
        ({"window": 8, "stride": 8}, r"inference\.window=8, inference\.stride=8: expected \[height, width\]"),
        (
            {"window": [0.5, 0.5], "stride": [0.5, 0.5]},
            r"=\[0\.5, 0\.5\]: expected \[height, width\] in whole pix",
        ),
        ({"window": [8, 8]}, r"inference\.stride=None: expected \[height, width\] in whole"),
        ({"window": [4, 4], "stride": [8, 4]}, r"inference\.stride=\[8, 4\] with inference\.window=\[4, 4\]"),
    ],
)
def test_what_cannot_be_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        Inference(**options)


def test_a_picture_smaller_than_the_window_is_one_window():
    assert np.array_equal(starts(5, 5, 3), [0])
    found = Inference(window=(100, 100), stride=(50, 50))(Position(), images(6, 7))
    assert torch.equal(found.labels, Inference()(Position(), images(6, 7)).labels)
