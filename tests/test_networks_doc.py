"""The numbers and pictures of docs/how-networks-see.md, computed anew from layers."""

import importlib.util
import re

import pytest
import torch
from conftest import CHECKOUT
from torch import nn

SPEC = importlib.util.spec_from_file_location("draw_networks", CHECKOUT / "tools" / "draw_networks.py")
draw = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(draw)
PAGE = (CHECKOUT / "docs" / "how-networks-see.md").read_text()


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "rate"), [(3, 1, 6, 6), (4, 2, 3, 2), (3, 2, 3, 3), (2, 2, 0, 1)]
)
def test_the_formula_of_the_size_is_torchs(kernel, stride, padding, rate):
    layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation=rate)
    for size in (32, 33):
        assert (
            draw.output_size(size, kernel, stride, padding, rate)
            == layer(torch.zeros(1, 1, size, size)).shape[-1]
        )


def test_the_receptive_field_is_what_gradients_reach():
    layers = [(3, 2, 1), (3, 1, 2), (2, 2, 1)]
    net = nn.Sequential(*(nn.Conv2d(1, 1, kernel, stride, dilation=rate) for kernel, stride, rate in layers))
    image = torch.zeros(1, 1, 41, 41, requires_grad=True)
    net(image)[0, 0, 3, 3].backward()
    reached = image.grad[0, 0].abs().sum(0).nonzero()
    assert int(reached.max() - reached.min()) + 1 == draw.receptive_field(layers)


def test_the_page_has_the_numbers_of_the_rates():
    rows = {
        int(rate): (int(span), int(pixels))
        for rate, span, pixels in re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.M)
    }
    assert rows == {
        rate: (draw.effective_kernel(3, rate), draw.effective_kernel(3, rate) * draw.STRIDE)
        for rate in draw.RATES
    }


def test_gaps_are_as_the_page_says():
    side = draw.receptive_field([(3, 1, 2)] * 3)
    assert (
        f"{side} x {side} pixels, but read only {int((draw.paths((2, 2, 2)) > 0).sum())} of its {side**2}"
        in PAGE
    )
    assert draw.share((1, 2, 3)) == 1
    spans = [
        int(draw.branch_taps(branch).any(0).nonzero().max() - draw.branch_taps(branch).any(0).nonzero().min())
        + 1
        for branch in range(3)
    ]
    assert f"They span {spans[0]}, {spans[1]} and\n{spans[2]} pixels" in PAGE


def test_pictures_are_small():
    pictures = [CHECKOUT / "docs" / path for path in re.findall(r"\]\((networks/\S+\.jpg)\)", PAGE)]
    assert len(pictures) == 5
    assert all(path.stat().st_size < 200_000 for path in pictures)
