import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from atrous.inference import most_likely, slide, starts, whole


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_windows_cover_everything_and_stay_inside(length, window, data):
    window = min(window, length)
    stride = data.draw(st.integers(1, window))
    begins = starts(length, window, stride)
    assert begins[0] == 0
    assert begins[-1] + window == length
    assert all(0 < b - a <= stride for a, b in itertools.pairwise(begins))


@settings(max_examples=20)
@given(st.integers(5, 20), st.integers(5, 20), st.integers(1, 5), st.integers(1, 5))
def test_sliding_equals_whole_for_a_network_without_context(height, width, row_step, column_step):
    torch.manual_seed(0)
    net = nn.Conv2d(3, 4, 1)
    images = torch.randn(2, 3, height, width)
    slid = slide(net, images, (7, 6), (row_step, column_step))
    assert torch.allclose(slid, whole(net, images).softmax(1), atol=1e-6)


def test_overlaps_average_probabilities_not_logits():
    class FirstColumn(nn.Module):
        def forward(self, images):
            """Class 1 in proportion to the window's first column."""
            return torch.stack(
                [torch.zeros_like(images[:, 0]), images[:, 0, :, :1].expand_as(images[:, 0])], 1
            )

    images = torch.tensor([0.0, 10.0, 0.0]).expand(1, 3, 1, 3)
    slid = slide(FirstColumn(), images, (1, 2), (1, 1))
    p = torch.tensor([[0.0, 0.0], [0.0, 10.0]]).softmax(1)[:, 1]  # of the two windows
    assert torch.allclose(slid[0, 1, 0], torch.stack([p[0], p.mean(), p[1]]))


def test_a_stride_that_leaves_gaps_is_refused():
    with pytest.raises(ValueError, match=r"inference.stride=\[8, 4\] with inference.window=\[4, 4\]"):
        slide(nn.Identity(), torch.zeros(1, 3, 16, 16), (4, 4), (8, 4))


def test_scores_that_are_not_finite_are_no_prediction():
    scores = torch.randn(1, 3, 2, 2)
    assert (most_likely(scores) == scores.argmax(1)).all()
    scores[0, 1, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        most_likely(scores)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_a_scaled_network_predicts_at_native_size(scale):
    seen = []

    class Net(nn.Module):
        def forward(self, images):
            seen.append(tuple(images.shape[-2:]))
            return images

    images = torch.linspace(0, 1, 40)[None, None, :, None].expand(1, 3, 40, 30)
    logits = whole(Net(), images, scale=scale)
    assert seen == [(round(40 * scale), round(30 * scale))]
    assert logits.shape == images.shape
    # A ramp survives the way there and back, but for the half pixel at the rim that resizing holds constant.
    assert torch.allclose(logits[..., 2:-2, :], images[..., 2:-2, :], atol=1e-5)
    assert torch.allclose(logits, images, atol=0.02)
    assert torch.equal(logits, images) == (scale == 1.0)


def test_a_wrong_scale_is_told():
    with pytest.raises(ValueError, match=r"inference\.scale=0: expected a number above 0"):
        whole(nn.Identity(), torch.zeros(1, 3, 4, 4), scale=0)
