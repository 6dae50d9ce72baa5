from functools import partial

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from atrous import build, compiling
from atrous.checkpoint import load
from atrous.commands.train import train
from atrous.compiling import compiled
from atrous.labels import label_set
from atrous.losses import CrossEntropy
from atrous.module import LossTerm, SegmentationModule
from atrous.run_folder import read_values

LABELS = label_set("mine", ["ground", "left", "right"])


@pytest.fixture(autouse=True)
def own_compilations():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def skip_without_compiler():
    try:
        compiled(nn.Identity())
    except ValueError:
        pytest.skip("no C++ compiler here")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, images):
        return self.head(self.body(images))


def module(compile_net=None):
    torch.manual_seed(0)
    terms = {"cross_entropy": LossTerm(CrossEntropy(3, 255))}
    return SegmentationModule(Net(), LABELS, (0.5,) * 3, (0.2,) * 3, terms, compile_net=compile_net)


def gradients(each, images, labels):
    outputs = each._train_outputs(images).outputs[0]
    each.losses["cross_entropy"](outputs, labels).backward()
    return outputs, [parameter.grad for parameter in each.net.parameters()]


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_the_training_is_compiled_and_the_evaluation_is_not(backend):
    if backend == "inductor":
        skip_without_compiler()
    fast, plain = module(partial(compiled, backend=backend)), module()
    assert list(fast.state_dict()) == list(plain.state_dict())
    images, labels = (
        torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8),
        torch.randint(0, 3, (2, 16, 16)),
    )
    found, expected = gradients(fast, images, labels), gradients(plain, images, labels)
    assert torch.allclose(found[0], expected[0], atol=1e-5)
    for one, other in zip(found[1], expected[1], strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    for one, other in zip(fast.net.buffers(), plain.net.buffers(), strict=True):
        assert torch.allclose(one.float(), other.float(), atol=1e-5)
    assert counters["stats"]["unique_graphs"] == 1

    fast.eval()
    for size in (16, 24, 32):
        fast.predict(torch.zeros(1, 3, size, 2 * size, dtype=torch.uint8))
    fast.train()
    gradients(fast, images, labels)
    assert counters["stats"]["unique_graphs"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "num_graphs"),
    [
        (["model=unet", "model.auxiliary_weight=0.4"], None),
        (["model=eomt", "model.encoder=vit_tiny_patch16_224", "model.net.encoder_options={depth: 4}"], 1),
    ],
)
def test_whole_trainings_are_those_without(model, num_graphs, composed, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "compiled", partial(compiled, backend="aot_eager"))
    lengths = (
        "trainer.max_steps=4",
        "trainer.val_check_interval=2",
        "trainer.accumulate_grad_batches=2",
    )
    runs = {}
    for compiles in (False, True):
        folder = tmp_path / str(compiles)
        folder.mkdir()
        train(composed("train", *model, *lengths, f"trainer.compile={compiles}", output=folder))
        runs[compiles] = load(folder / "last.ckpt")["state_dict"]
    assert list(runs[True]) == list(runs[False])
    for key, value in runs[True].items():
        assert torch.allclose(value.float(), runs[False][key].float(), atol=1e-4), key
    assert num_graphs in (None, counters["stats"]["unique_graphs"])


@pytest.mark.slow
@pytest.mark.faults
def test_two_processes_and_a_resumed_run(command):
    skip_without_compiler()
    tiny = (
        "data.layout.size=64",
        "data.layout.num_scenes={train: 8, val: 2, test: 2}",
        "data.crop_size=[32,32]",
    )
    options = (*tiny, "data.batch_size=2", "data.num_workers=0", "trainer.max_steps=2", "model=unet_paper")
    devices = ("trainer=ddp", "trainer.accelerator=cpu", "model.net.width=2", "model.net.batch_norm=true")
    command.succeed("train.py", *options, *devices, "trainer.compile=true", "hydra.run.dir=run")
    command.succeed("train.py", "resume=run/last.ckpt", "trainer.max_steps=3")
    assert load(command.folder / "run" / "last.ckpt")["global_step"] == 3


def test_what_cannot_be_compiled_is_refused(composed, monkeypatch):
    def made(*options):
        cfg = composed("train", "trainer.compile=true", *options)
        build.module(cfg, build.layout(cfg).labels)

    with pytest.raises(ValueError, match=r"leave out trainer.checkpoint_activations=true, or compile"):
        made("trainer.checkpoint_activations=true")
    with pytest.raises(ValueError, match=r"trainer.compile=ture: expected true or false"):
        made("trainer.compile=ture")
    eomt = ("model=eomt", "model.encoder=vit_tiny_patch16_224", "callbacks=mask_annealing")
    with pytest.raises(ValueError, match=r"trainer.compile=true would compile each anew"):
        train(composed("train", "trainer.compile=true", *eomt))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match=r"needs a C\+\+ compiler, and there is no .* on the PATH"):
        made()


def test_pictures_of_all_sizes_are_not_compiled_for(composed):
    cfg = composed("train", "trainer.compile=true")
    cfg.augment = None
    with pytest.raises(ValueError, match="is for pictures of one size; choose an augment"):
        build.module(cfg, build.layout(cfg).labels)


@pytest.mark.slow
def test_a_real_compilation_trains_stops_and_goes_on(composed, tmp_path):
    """By inductor: the same losses as without, names as without, and a resumed run that compiles anew."""
    skip_without_compiler()
    small = (
        "model=unet_paper",
        "model.net.width=2",
        "trainer.log_every_n_steps=1",
        "callbacks.pictures=null",
    )
    logged = {}
    for compiles in (False, True):
        folder = tmp_path / str(compiles)
        folder.mkdir()
        options = (*small, f"trainer.compile={compiles}", "trainer.val_check_interval=2")
        train(composed("train", *options, "trainer.max_steps=2", output=folder))
        assert (counters["stats"]["unique_graphs"] > 0) == compiles
        train(composed("train", *options, "trainer.max_steps=4", "resume=auto", output=folder))
        logged[compiles] = read_values(folder)
    names = [list(load(tmp_path / str(compiles) / "last.ckpt")["state_dict"]) for compiles in logged]
    assert names[0] == names[1]
    assert not any("_orig_mod" in name for name in names[1])
    for name, closeness in {"train/loss": {"rel": 1e-4}, "val/miou": {"abs": 0.01}}.items():
        plain, fast = ([line[name] for line in logged[way] if name in line] for way in (False, True))
        assert len(plain) >= 2
        assert fast == pytest.approx(plain, **closeness)
