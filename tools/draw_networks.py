"""The pictures of docs/how-networks-see.md, from real layers on a real CamVid frame.

python tools/draw_networks.py DEEPLAB.ckpt UNET.ckpt CAMVID_FRAME.png
    DEEPLAB.ckpt: of model=deeplabv3plus; UNET.ckpt: of model=unet; both trained on CamVid
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor, nn

from atrous import build, checkpoint
from atrous.models.dilated_unet import DilatedDown

FOLDER = Path(__file__).parents[1] / "docs" / "networks"
RATES = (1, 6, 12, 18)
STRIDE = 16
COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7")


def effective_kernel(kernel: int, rate: int) -> int:
    """The side that a kernel with gaps spans: k + (k - 1)(r - 1)."""
    return kernel + (kernel - 1) * (rate - 1)


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, rate: int = 1) -> int:
    """The side of a convolution's output."""
    return (size + 2 * padding - effective_kernel(kernel, rate)) // stride + 1


def receptive_field(layers: Sequence[tuple[int, int, int]]) -> int:
    """The side that one output pixel sees through layers of (kernel, stride, rate), the first one first."""
    side, step = 1, 1
    for kernel, stride, rate in layers:
        side += (effective_kernel(kernel, rate) - 1) * step
        step *= stride
    return side


def paths(rates: Sequence[int], side: int = 33) -> Tensor:
    """Through how many paths of 3x3 layers each input pixel reaches the middle output pixel: (side, side)."""
    image = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    output = image
    for rate in rates:
        weight = torch.ones(1, 1, 3, 3, dtype=torch.float64)
        output = F.conv2d(output, weight, padding=rate, dilation=rate)
    output[0, 0, side // 2, side // 2].backward()
    assert image.grad is not None
    return image.grad[0, 0]


def branch_taps(branch: int, side: int = 16) -> Tensor:
    """What one output pixel of a branch of model=dilated_unet's block reads: bool (side, side)."""
    convolution = DilatedDown(1, 1).branches[branch][0]
    nn.init.ones_(convolution.weight)
    image = torch.zeros(1, 1, side, side, requires_grad=True)
    convolution(image)[0, 0, side // 4, side // 4].backward()
    assert image.grad is not None
    return image.grad[0, 0] > 0


def network(path: str) -> nn.Module:
    """The network of a checkpoint, for evaluation."""
    stored = checkpoint.read(path)
    cfg = OmegaConf.create(dict(stored.config))
    cfg.model.encoder_weights = None
    module = build.module(cfg, stored.labels)
    module.load_state_dict(stored.state_dict)
    return module.eval().net.net


def normalised(frame: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) -> float (1, 3, H, W), sides multiples of 32."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    image = (torch.tensor(frame).float() / 255 - mean) / std
    image = image.permute(2, 0, 1)[None]
    return F.pad(image, (0, -image.shape[-1] % 32, 0, -image.shape[-2] % 32))


def branch_fields(deeplab: nn.Module, image: Tensor, row: int, column: int) -> list[np.ndarray]:
    """|gradient| of one pixel of each atrous branch, all channels, by the picture: (H, W) a branch."""
    fields = []
    for branch in list(deeplab.decoder.aspp[0].convs)[:4]:
        seen = image.clone().requires_grad_()
        branch(deeplab.encoder(seen)[-1])[0, :, row, column].sum().backward()
        assert seen.grad is not None
        fields.append(seen.grad[0].abs().sum(0).numpy())
    return fields


def strength(features: Tensor) -> np.ndarray:
    """The mean over channels of |features|, of 1: (H, W)."""
    values = features[0].abs().mean(0).numpy()
    return (values - values.min()) / max(float(np.ptp(values)), 1e-9)


def unet_features(unet: nn.Module, image: Tensor, skips: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The encoder's features and those of each decoder block, with the skips or with zeros in their place."""
    features = unet.encoder(image)
    given = features if skips else [*(torch.zeros_like(each) for each in features[:-1]), features[-1]]
    blocks: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _module, _inputs, output: blocks.append(output))
        for block in unet.decoder.blocks
    ]
    unet.decoder(given)
    for hook in hooks:
        hook.remove()
    return features[1:], blocks


def panels(rows: int, columns: int, width: float, height: float) -> tuple[plt.Figure, np.ndarray]:
    """Axes without ticks, in a figure of so many inches, on white: readable in light and dark pages."""
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained")
    for each in axes.flat:
        each.set(xticks=[], yticks=[])
    return figure, axes


def save(figure: plt.Figure, name: str) -> None:
    """A JPEG of less than 200 kB."""
    figure.savefig(FOLDER / f"{name}.jpg", dpi=110, pil_kwargs={"quality": 85, "optimize": True})
    plt.close(figure)


def draw_taps(frame: np.ndarray, row: int, column: int) -> None:
    """Where the nine taps of each branch lie on the frame."""
    figure, axes = panels(1, 4, 12, 2.8)
    for each, rate, color in zip(axes.flat, RATES, COLORS, strict=True):
        each.imshow(frame)
        offsets = np.array([-1, 0, 1]) * rate * STRIDE
        xs, ys = np.meshgrid(column + offsets, row + offsets)
        each.scatter(xs, ys, s=46, color=color, edgecolors="white", linewidths=1.2, clip_on=False)
        each.set(xlim=(-80, 560), ylim=(480, -120))
        each.set_title(
            f"rate {rate}: {effective_kernel(3, rate)} features, {effective_kernel(3, rate) * STRIDE} px"
        )
    save(figure, "taps")


def draw_fields(frame: np.ndarray, fields: Sequence[np.ndarray], shape: tuple[int, int]) -> None:
    """Which pixels of the frame one feature of each branch depends on, measured."""
    figure, axes = panels(1, 4, 12, 2.8)
    for each, rate, field in zip(axes.flat, RATES, fields, strict=True):
        height, width = shape
        each.imshow(frame[..., :3].mean(-1), cmap="gray", alpha=0.55)
        shown = np.sqrt(field[:height, :width] / np.quantile(field, 0.999)).clip(0, 1)
        each.imshow(shown, cmap="inferno", alpha=np.sqrt(shown))
        each.set_title("1x1 branch" if rate == 1 else f"branch of rate {rate}")
    save(figure, "fields")


def draw_aspp(frame: np.ndarray, deeplab: nn.Module, image: Tensor) -> None:
    """What each branch of the pyramid answers on the frame."""
    with torch.no_grad():
        aspp = deeplab.decoder.aspp[0]
        features = deeplab.encoder(image)[-1]
        answers = [branch(features) for branch in aspp.convs]
        joined = aspp(features)
    figure, axes = panels(2, 4, 12, 4.9)
    axes[0, 0].imshow(frame)
    axes[0, 0].set_title("frame, 480 x 360")
    titles = [
        "1x1",
        *(f"3x3, rate {rate}" for rate in RATES[1:]),
        "pooled, one value a channel",
        "joined by 1x1",
    ]
    maps = [features, *answers, joined]
    height, width = frame.shape[0] / STRIDE, frame.shape[1] / STRIDE
    for each, values, title in zip(axes.flat[1:], maps, ["encoder, stride 16", *titles], strict=True):
        one_value = title.startswith("pooled")
        picture = np.full((24, 30), 0.5) if one_value else strength(values)
        each.imshow(picture[: round(height), : round(width)], cmap="viridis", vmin=0, vmax=1)
        each.set_title(title)
    save(figure, "aspp")


def draw_unet(frame: np.ndarray, unet: nn.Module, image: Tensor) -> None:
    """Features at each resolution: going down, going up with skips, going up with zeros in their place."""
    with torch.no_grad():
        down, with_skips = unet_features(unet, image, skips=True)
        _, without = unet_features(unet, image, skips=False)
    figure, axes = panels(3, 5, 13, 6.6)
    rows = (down, list(reversed(with_skips)), list(reversed(without)))
    for line, (maps, name) in enumerate(
        zip(rows, ("encoder", "decoder", "decoder, skips zero"), strict=True)
    ):
        for each, features in zip(axes[line], maps, strict=True):
            stride = image.shape[-1] // features.shape[-1]
            cut = (slice(0, -(-frame.shape[0] // stride)), slice(0, -(-frame.shape[1] // stride)))
            each.imshow(strength(features)[cut], cmap="viridis", aspect="auto")
            each.set_title(f"{name}, stride {stride}")
    save(figure, "unet")


def draw_grid() -> None:
    """The gaps of equal rates, how other rates fill them, and what the dilated block's branches read."""
    figure, axes = panels(1, 5, 13, 3.1)
    for each, rates in zip(axes.flat, ((2, 2, 2), (1, 2, 3)), strict=False):
        grid(each, (paths(rates, 17) > 0).numpy())
        each.set_title(f"3x3, rates {rates}:\n{share(rates):.0%} of 13 x 13 read")
    for each, branch in zip(axes.flat[2:], range(3), strict=True):
        kernel, _, rate = DilatedDown.BRANCHES[branch]
        grid(each, branch_taps(branch).numpy())
        each.set_title(f"dilated block:\nkernel {kernel}, rate {rate}")
    save(figure, "gridding")


def share(rates: Sequence[int]) -> float:
    """The share of the receptive field that is read at all."""
    seen = receptive_field([(3, 1, rate) for rate in rates])
    return int((paths(rates) > 0).sum()) / seen**2


def grid(axes: Axes, read: np.ndarray) -> None:
    """Pixels that are read, on a chequered ground."""
    axes.pcolormesh(read, cmap="cividis", edgecolors="white", linewidth=0.6)
    axes.set_aspect("equal")


def main() -> None:
    """Draw all of them."""
    deeplab, unet = (network(path) for path in sys.argv[1:3])
    frame = np.asarray(Image.open(sys.argv[3]).convert("RGB"))
    mpl.rcParams.update({"font.size": 10})
    FOLDER.mkdir(exist_ok=True)
    image, row, column = normalised(frame), 11, 15
    draw_taps(frame, row * STRIDE + 8, column * STRIDE + 8)
    draw_fields(frame, branch_fields(deeplab, image, row, column), frame.shape[:2])
    draw_aspp(frame, deeplab, image)
    draw_unet(frame, unet, image)
    draw_grid()


if __name__ == "__main__":
    main()
