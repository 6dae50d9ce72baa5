"""Average pooling to a few bins, whose gradient a GPU can compute in one order."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from atrous.coarse import is_recorded


class BinAverage(nn.Module):
    """nn.AdaptiveAvgPool2d; where deterministic algorithms are asked for, its gradient has one on a GPU too.

    torch has none for more than one bin, and would refuse it.  ONNX has no such layer at all.
    """

    def __init__(self, num_bins: tuple[int, int]) -> None:
        super().__init__()
        self.num_bins = num_bins

    def forward(self, values: Tensor) -> Tensor:
        """values: float (N, K, H, W) -> float (N, K, *num_bins)."""
        deterministic = torch.is_grad_enabled() and torch.are_deterministic_algorithms_enabled()
        if deterministic or is_recorded():
            return averaged(values, self.num_bins)
        return F.adaptive_avg_pool2d(values, self.num_bins)


def averaged(values: Tensor, num_bins: tuple[int, int]) -> Tensor:
    """F.adaptive_avg_pool2d as two products: float (N, K, H, W) -> float (N, K, *num_bins)."""
    rows, columns = (
        _shares(size, bins, values) for size, bins in zip(values.shape[-2:], num_bins, strict=True)
    )
    with torch.autocast(values.device.type, enabled=False):
        return rows @ values @ columns.T


def _shares(size: int, num_bins: int, like: Tensor) -> Tensor:
    """What each place counts in each bin: (num_bins, size), of the type and on the device of ``like``."""
    places = torch.arange(size, device=like.device)
    bins = torch.arange(num_bins, device=like.device)[:, None]
    first, end = bins * size // num_bins, -(-(bins + 1) * size // num_bins)
    inside = ((places >= first) & (places < end)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def replace_pooling(net: nn.Module) -> None:
    """Have a network's pooling to several bins, as many in rows as in columns, computed by ``BinAverage``."""
    for parent in list(net.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, nn.AdaptiveAvgPool2d):
                bins = layer.output_size
                bins = bins[0] if isinstance(bins, tuple) and bins[0] == bins[1] else bins
                if isinstance(bins, int) and bins > 1:
                    setattr(parent, name, BinAverage((bins, bins)))
