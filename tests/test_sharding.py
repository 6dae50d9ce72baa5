"""A network that is spread over devices computes what it computes whole, and trains as it (trainer=fsdp)."""

import shutil

import pytest
import torch
from conftest import compose_command
from fault_runs import state, values
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.optim import SGD

from atrous import build, checkpoint
from atrous.activations import checkpoint_activations, encoder_blocks
from atrous.callbacks.averaging import Averaging
from atrous.callbacks.seen import gradient_norm
from atrous.configs import config_folder
from atrous.labels import label_set
from atrous.outputs import Masks, Supervised
from atrous.sharding import cut_like, gather, shard, spread, whole

LABELS = label_set("mine", ["ground", "left", "right"])
MODELS = sorted(
    path.stem for path in (config_folder() / "model").glob("*.yaml") if not path.stem.startswith("_")
)
KINDS = ("segformer", "unet", "unet_paper")  # whose blocks differ most
SMALL = {
    "dpt": ["model.encoder=tu-vit_tiny_patch16_224"],
    "eomt": ["model.encoder=vit_tiny_patch16_224"],
    "unet_paper": ["model.net.width=4"],
}


@pytest.fixture
def mesh(tmp_path):
    """Of one device: blocks are taken apart and brought back as on several."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


def network(model, tmp_path):
    torch.manual_seed(0)
    options = [f"model={model}", *SMALL.get(model, ())]
    cfg = compose_command("train", options, tmp_path)
    if "encoder_weights" in cfg.model:
        cfg.model.encoder_weights = None
    net = build.module(cfg, LABELS).net.train()
    return net.to(memory_format=torch.contiguous_format)  # as spread weights lie: for the same roundings


def tensors(outputs):
    if not isinstance(outputs, Supervised):
        return [outputs]
    return [part for each in outputs.outputs for part in (each[:2] if isinstance(each, Masks) else (each,))]


def stepped(net, images):
    """What it returns, the norm of its gradients, and its weights after a step."""
    optimizer = SGD(net.parameters(), lr=0.1)
    torch.manual_seed(1)  # dropout
    outputs = tensors(net(images))
    torch.stack([output.sigmoid().mean() for output in outputs]).sum().backward()
    norm = gradient_norm(net.parameters())
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    optimizer.step()
    return outputs, norm, {name: whole(value) for name, value in net.state_dict().items()}


@pytest.mark.parametrize(
    "model", [name if name in KINDS else pytest.param(name, marks=pytest.mark.faults) for name in MODELS]
)
def test_every_model_takes_the_step_that_it_takes_whole(model, mesh, tmp_path):
    images = torch.randn(2, 3, 64, 64)
    expected = stepped(network(model, tmp_path), images)
    net = network(model, tmp_path)
    names = [name for name, _ in net.named_parameters()]
    shard(net, mesh)
    assert [name for name, _ in net.named_parameters()] == names
    assert all(isinstance(parameter, DTensor) for parameter in net.parameters())
    same_step(stepped(net, images), expected)


def test_blocks_that_compute_twice(mesh, tmp_path):
    images = torch.randn(2, 3, 64, 64)
    net = network("unet", tmp_path)
    expected = stepped(net, images)
    net = network("unet", tmp_path)
    checkpoint_activations(net)
    shard(net, mesh)
    same_step(stepped(net, images), expected)


def test_an_evaluation_brings_the_weights_once(mesh, tmp_path):
    """Processes with unequal numbers of pictures would wait for each other, else."""
    net = network("unet", tmp_path)
    expected = net.eval()(torch.ones(1, 3, 64, 64))
    shard(net, mesh)
    assert len(encoder_blocks(net)) == 8
    gather(net)
    with torch.no_grad():
        for size in (96, 64):
            assert not any(isinstance(parameter, DTensor) for parameter in net.parameters())
            found = net(torch.ones(1, 3, size, size))
    assert torch.equal(found, expected)
    assert not any(isinstance(parameter, DTensor) for parameter in net.parameters())
    spread(net)
    assert all(isinstance(parameter, DTensor) for parameter in net.parameters())
    images = torch.randn(2, 3, 64, 64)
    same_step(stepped(net.train(), images), stepped(network("unet", tmp_path), images))


def same_step(one, other):
    for left, right in zip(one[0], other[0], strict=True):
        assert torch.equal(left, right)
    torch.testing.assert_close(one[1], other[1])  # norms of norms, by parameter
    assert one[2].keys() == other[2].keys()
    for name, value in one[2].items():
        torch.testing.assert_close(value, other[2][name], msg=name)


def test_an_average_of_weights_that_are_spread(mesh, tmp_path):
    cfg = compose_command("train", ["model=unet_paper", "model.net.width=4"], tmp_path)
    module = build.module(cfg, LABELS)
    shard(module.net, mesh)
    with pytest.raises(ValueError, match="trainer=fsdp spreads them: leave one out"):
        Averaging().on_fit_start(None, module)


def test_values_of_other_shapes_stay_as_they_are(mesh):
    weight = torch.distributed.tensor.distribute_tensor(torch.arange(6.0).view(3, 2), mesh)
    moment = torch.arange(6.0).view(3, 2) + 1
    cut = cut_like(weight, moment)
    assert isinstance(cut, DTensor)
    assert torch.equal(whole(cut), moment)
    assert cut_like(weight, 5) == 5
    assert cut_like(weight, step := torch.tensor(3.0)) is step
    assert cut_like(moment, moment) is moment


def close(one, other):
    """Raises AssertionError: two runs differ by more than the order of sums explains."""
    assert one.keys() == other.keys()
    for name, weights in one["state_dict"].items():
        torch.testing.assert_close(weights, other["state_dict"][name], rtol=1e-4, atol=1e-5, msg=name)
    (left,), (right,) = one["optimizer_states"], other["optimizer_states"]
    assert left["state"].keys() == right["state"].keys()
    for number, moments in left["state"].items():
        assert moments.keys() == right["state"][number].keys()
        for name, value in moments.items():
            alike = right["state"][number][name]
            assert is_channels_last(value) == is_channels_last(alike)  # fused optimizers rely on it
            torch.testing.assert_close(value, alike, rtol=1e-3, atol=1e-6)
    assert left["param_groups"] == right["param_groups"]
    assert one["loops"] == other["loops"]


def is_channels_last(value):
    return value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("begun", "gone_on"), [("ddp", "fsdp"), pytest.param("fsdp", "ddp", marks=pytest.mark.faults)]
)
def test_a_training_is_that_of_copies_and_goes_on_as_it(begun, gone_on, trainings):
    """The processes have 3 and 2 pictures to validate."""
    whole, folder = trainings.folder / "whole", trainings.folder / "gone_on"
    for rank in trainings.two("hydra.run.dir=whole", trainer=begun):
        assert rank.code == 0, rank.said
    shutil.copytree(whole, folder)
    (folder / "previous.ckpt").rename(folder / "last.ckpt")
    assert checkpoint.read(folder / "last.ckpt").step == 6
    for rank in trainings.two("hydra.run.dir=gone_on", "resume=auto", trainer=gone_on):
        assert rank.code == 0, rank.said
    close(state(whole), state(folder))
    for one, other in zip(values(whole), values(folder), strict=True):
        assert one == pytest.approx(other, rel=1e-3, nan_ok=True)
