import colorsys

import albumentations.augmentations.pixel.functional as albumentations
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as torchvision

from atrous.data.jitter import ColorJitter, shift_hue

RANGES = {"brightness": (0.5, 1.5), "contrast": (0.6, 1.4), "saturation": (0.7, 1.3), "hue": (-0.1, 0.1)}
FILL = (0.4, 0.5, 0.6)
JITTER = ColorJitter(**RANGES, probability=0.8, ignore_index=255, fill=FILL)
PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 12, 16)).astype(np.uint8))
LABELS = torch.zeros(2, 12, 16, dtype=torch.uint8)


@pytest.mark.parametrize(("place", "name"), list(enumerate(RANGES)))
@pytest.mark.parametrize("end", [0, 1])
def test_each_change_is_the_peers(place, name, end):
    drawn = torch.tensor([[1.0, 1.0, 1.0, 0.0]] * 2)
    drawn[:, place] = value = RANGES[name][end]
    changed = JITTER(PIXELS, LABELS, drawn)
    exact = getattr(torchvision, f"adjust_{name}")(PIXELS / 255, value) * 255
    # torchvision takes luma with other weights in the fourth digit
    assert (changed - exact).abs().max() < 0.2
    if name != "hue":  # OpenCV's 8-bit HSV has two degrees a step
        own = getattr(albumentations, f"adjust_{name}_torchvision")
        rounded = np.stack([own(np.ascontiguousarray(image.permute(1, 2, 0)), value) for image in PIXELS])
        assert np.abs(changed.permute(0, 2, 3, 1).numpy() - rounded).max() <= 1.5


@pytest.mark.parametrize("values", [(1.5, 0.6, 1.3, 0.1), (0.5, 1.4, 0.7, -0.1), (1.5, 1.4, 1.0, 0.0)])
def test_one_after_another_as_the_peers(values):
    """Each change is cut to what a picture holds before the next."""
    changed = JITTER(PIXELS, LABELS, torch.tensor([values] * 2))
    exact = PIXELS / 255
    for name, value in zip(RANGES, values, strict=True):
        exact = getattr(torchvision, f"adjust_{name}")(exact, value)
    assert (changed - 255 * exact).abs().max() < 0.5


@settings(max_examples=50)
@given(st.tuples(*[st.integers(0, 255)] * 3), st.floats(-1, 1))
def test_hue_is_that_of_the_standard_library(color, turns):
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in color))
    expected = [255 * channel for channel in colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)]
    shifted = shift_hue(torch.tensor(color, dtype=torch.float64).view(1, 3, 1, 1), torch.tensor(turns))
    assert shifted.flatten().tolist() == pytest.approx(expected, abs=1e-3)


def test_pictures_are_changed_one_by_one():
    drawn = torch.stack([torch.from_numpy(JITTER.draw(np.random.default_rng(seed))) for seed in (1, 2)])
    together = JITTER(PIXELS, LABELS, drawn)
    alone = torch.cat([JITTER(PIXELS[i : i + 1], LABELS[i : i + 1], drawn[i : i + 1]) for i in (0, 1)])
    assert torch.equal(together, alone)
    assert together.min() >= 0
    assert together.max() <= 255
    neutral = torch.tensor([[1.0, 1.0, 1.0, 0.0]] * 2)
    assert torch.allclose(JITTER(PIXELS, LABELS, neutral), PIXELS.float(), atol=1e-3)


def test_draws_stay_in_their_ranges_and_leave_some_pictures_alone():
    draws = np.stack([JITTER.draw(np.random.default_rng(seed)) for seed in range(400)])
    untouched = (draws == [1, 1, 1, 0]).all(1)
    assert 0.1 < untouched.mean() < 0.3
    for column, (low, high) in enumerate(RANGES.values()):
        assert low <= draws[~untouched, column].min() < low + 0.05 * (high - low) + 0.01
        assert high >= draws[~untouched, column].max() > high - 0.05 * (high - low) - 0.01
    assert (draws == np.stack([JITTER.draw(np.random.default_rng(seed)) for seed in range(400)])).all()


def test_padding_keeps_its_color_and_plays_no_part():
    """As in the workers, where colours change before the padding."""
    fill = torch.tensor([round(255 * channel) for channel in FILL], dtype=torch.uint8)
    padded = fill.view(1, 3, 1, 1).expand(2, 3, 20, 20).clone()
    labels = torch.full((2, 20, 20), 255, dtype=torch.uint8)
    padded[:, :, :12, :16], labels[:, :12, :16] = PIXELS, LABELS
    drawn = torch.tensor([[0.7, 1.3, 0.9, 0.05]] * 2)
    changed = JITTER(padded, labels, drawn)
    assert torch.allclose(changed[:, :, :12, :16], JITTER(PIXELS, LABELS, drawn), atol=1e-3)
    assert (changed[:, :, 12:] == fill.view(1, 3, 1, 1)).all()
    ignored = JITTER(PIXELS, torch.full_like(LABELS, 255), drawn)  # without labels, but no padding
    assert torch.allclose(ignored, JITTER(PIXELS, LABELS, drawn))
