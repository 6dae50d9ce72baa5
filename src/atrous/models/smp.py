"""The architectures of segmentation-models-pytorch, with any of its encoders or timm's.

Interpolation follows one policy, align_corners=False.  smp's heads and the decoders of DeepLabV3+ and PAN are
made with True and changed here; what smp fixes inside a function stays True: the pyramids of FPN and PSPNet,
PAN's pooled branch, DPT's fusion and head.
"""

import difflib
from collections.abc import Callable
from typing import Any

import torch
from segmentation_models_pytorch.base import SegmentationHead, SegmentationModel
from segmentation_models_pytorch.encoders import get_encoder_names
from torch import nn

from atrous.models.auxiliary import WithAuxiliaryHead
from atrous.models.padding import AnySize
from atrous.models.pooling import replace_pooling
from atrous.models.pretrained import load_encoder
from atrous.models.weights import weights_file
from atrous.torch_file import Read, read_plain

Architecture = Callable[..., SegmentationModel]

# The atrous rates that belong to an output stride: the same field of view.  Source: Chen et al., "Rethinking
# atrous convolution for semantic image segmentation", 2017, section 4.1.
ATROUS_RATES = {8: (12, 24, 36), 16: (6, 12, 18)}


def smp_net(
    architecture: Architecture,
    encoder: str,
    encoder_weights: str | None,
    num_classes: int,
    auxiliary_weight: float = 0.0,
    multiple: int = 32,
    read_weights: Read = read_plain,
    **options: Any,
) -> nn.Module:
    """A network of smp whose logits have the input's size, whatever that is.

    architecture: a class of segmentation_models_pytorch.
    encoder: a name of smp's, or ``tu-<name>`` for one of timm's.
    encoder_weights: None for random weights, a name that smp's hub knows ("imagenet"), or the path of a
        state-dict file.
    auxiliary_weight: of the loss of an auxiliary head in training; 0: none.
    multiple: pixels; the picture's sides are padded to a multiple of it.
    read_weights: as ``load_encoder`` takes it.
    options: further arguments of the architecture.
    Raises ValueError: an unknown encoder, an encoder that the architecture cannot take, weights that cannot
    be had.
    """
    check_encoder(encoder)
    file = weights_file(encoder_weights)
    hub_name = None if file else encoder_weights
    try:
        net = architecture(encoder_name=encoder, encoder_weights=hub_name, classes=num_classes, **options)
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        raise ValueError(_explain(encoder, hub_name, error)) from error
    if file:
        load_encoder(net.encoder, file, encoder, read=read_weights)
    for layer in net.modules():
        if getattr(layer, "align_corners", False):  # of nn.Upsample, and of blocks of smp's own
            layer.align_corners = False
    replace_pooling(net)
    try:
        freeze_unused(net, side=multiple * -(-128 // multiple))
    except (RuntimeError, ValueError, AssertionError) as error:  # an encoder of another picture size
        raise ValueError(_explain(encoder, None, error)) from error
    if isinstance(net.segmentation_head, SegmentationHead):  # DPT has another, which ends with a function
        net.segmentation_head[1] = nn.Identity()  # the upsampling, which AnySize does
    any_size = AnySize(net, multiple)
    if not auxiliary_weight:
        return any_size
    return WithAuxiliaryHead(any_size, net.encoder.out_channels[-2], num_classes, auxiliary_weight)


def freeze_unused(net: nn.Module, side: int) -> None:
    """Freeze the parameters that no gradient reaches: DDP would wait for them, weight decay shrink them.

    PSPNet, for one, leaves the deeper half of its encoder unused.
    side: pixels, of a picture that the network takes.
    """
    net.eval()
    try:  # on the meta device, where nothing is computed
        reached = _reached(net, side, torch.device("meta"))
    except (RuntimeError, NotImplementedError):  # an encoder that makes tensors of its own elsewhere
        reached = _reached(net, side, torch.device("cpu"))
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in reached)
    net.train()


def _reached(net: nn.Module, side: int, device: torch.device) -> set[str]:
    """The names of the trainable parameters that the output depends on."""
    tensors = (*net.named_parameters(), *net.named_buffers())
    state = {name: tensor.detach().to(device) for name, tensor in tensors}
    names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    trainable = [state[name].requires_grad_() for name in names]
    output = torch.func.functional_call(net, state, torch.zeros(1, 3, side, side, device=device))
    gradients = torch.autograd.grad(output.sum(), trainable, allow_unused=True)
    return {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None}


def deeplab(architecture: Architecture, output_stride: int, **options: Any) -> nn.Module:
    """DeepLabV3 or V3+ at output stride 8 or 16, with the atrous rates that belong to it.

    options: of ``smp_net``.
    """
    if output_stride not in ATROUS_RATES:
        raise ValueError(f"model.output_stride={output_stride}: DeepLab runs at output stride 8 or 16")
    return smp_net(
        architecture,
        encoder_output_stride=output_stride,
        decoder_atrous_rates=ATROUS_RATES[output_stride],
        **options,
    )


def check_encoder(encoder: str) -> None:
    """Raises ValueError: no encoder has this name; the message proposes some."""
    if encoder.startswith("tu-"):
        import timm

        if timm.is_model(encoder.removeprefix("tu-")):
            return
        known = [f"tu-{name}" for name in timm.list_models()]
    else:
        known = get_encoder_names()
    if encoder not in known:
        close = difflib.get_close_matches(encoder, known, n=5) or known[:5]
        raise ValueError(
            f"model.encoder={encoder}: no such encoder; did you mean {', '.join(close)}? (smp's names, or "
            "tu-NAME for any of timm's)"
        )


def _explain(encoder: str, hub_name: str | None, error: Exception) -> str:
    reason = " ".join(str(error).split())[:300]
    if hub_name is None:
        return (
            f"model.encoder={encoder} does not fit this architecture ({reason}); choose another encoder, or "
            "set model.net.multiple to what the sides of its pictures must be a multiple of"
        )
    return (
        f"model.encoder_weights={hub_name}: no such weights for encoder '{encoder}', or they could not be "
        f"downloaded ({reason}); to go on without a network set model.encoder_weights=FILE (a state dict of "
        "this encoder), or null for random weights"
    )
