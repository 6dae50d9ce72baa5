import copy

import pytest
import torch
from torch import nn

from atrous import build
from atrous.activations import checkpoint_activations
from atrous.models.dilated_unet import dilated_unet
from atrous.models.eomt import eomt
from atrous.models.smp import smp_net

NETS = {
    # batch norm and in-place activations; stochastic depth; transformer blocks; dropout; masks
    "resnet18": lambda smp: smp_net(smp.Unet, "resnet18", None, 5, auxiliary_weight=0.4),
    "efficientnet-b0": lambda smp: smp_net(smp.FPN, "efficientnet-b0", None, 5),
    "mit_b0": lambda smp: smp_net(smp.Segformer, "mit_b0", None, 5),
    "tu-resnet18": lambda smp: smp_net(smp.Unet, "tu-resnet18", None, 5),
    "dilated_unet": lambda smp: dilated_unet(5),
    "eomt": lambda smp: eomt("vit_tiny_patch16_224", None, 5),
}


def scalar(outputs) -> torch.Tensor:
    parts = [outputs] if isinstance(outputs, torch.Tensor) else outputs.outputs
    return sum((part if isinstance(part, torch.Tensor) else part.masks).square().mean() for part in parts)


@pytest.mark.parametrize("name", NETS)
def test_gradients_dropout_and_running_statistics_are_those_without(name):
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    net = NETS[name](smp)
    kept = copy.deepcopy(net)
    checkpoint_activations(net)
    images = torch.randn(2, 3, 64, 64)
    for each in (net, kept):
        torch.manual_seed(1)
        scalar(each(images)).backward()
    assert list(net.state_dict()) == list(kept.state_dict())
    for (key, value), expected in zip(net.state_dict().items(), kept.state_dict().values(), strict=True):
        assert torch.equal(value, expected), key
    for (key, value), expected in zip(net.named_parameters(), kept.parameters(), strict=True):
        assert (value.grad is None) == (expected.grad is None)
        assert value.grad is None or torch.equal(value.grad, expected.grad), key
    norms = zip(net.modules(), kept.modules(), strict=True)
    assert all(ours.momentum == its.momentum for ours, its in norms if isinstance(its, nn.BatchNorm2d))


def test_a_copy_runs_its_own_blocks():
    """As the moving average is one."""
    import segmentation_models_pytorch as smp

    net = smp_net(smp.Unet, "resnet18", None, 5)
    checkpoint_activations(net)
    copied, images = copy.deepcopy(net).eval(), torch.randn(1, 3, 64, 64)
    before = copied(images)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.5)
    assert torch.equal(copied(images), before)


def test_less_is_kept_for_the_gradient():
    import segmentation_models_pytorch as smp

    net = smp_net(smp.Unet, "resnet18", None, 5)
    before = kept_bytes(net)
    checkpoint_activations(net)
    assert kept_bytes(net) < 0.75 * before


def kept_bytes(net) -> int:
    """Of the tensors that live until the gradient needs them."""
    sizes = {}

    def pack(tensor):
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = net(torch.randn(2, 3, 64, 64))
    del output
    return sum(sizes.values())


def test_a_network_without_blocks_is_refused(composed):
    cfg = composed("train", "model=unet", "model.encoder=vgg11_bn", "trainer.checkpoint_activations=true")
    with pytest.raises(ValueError, match="works on the blocks of an encoder, and this network has none"):
        build.module(cfg, build.layout(cfg).labels)
    with pytest.raises(ValueError, match="this network has none"):
        checkpoint_activations(nn.Conv2d(3, 3, 1))
