"""trainer.deterministic=true: every model, loss and evaluation runs, here and on a GPU."""

from contextlib import nullcontext

import pytest
import torch
from test_conf import CHOICES, NEEDS, SMALL_NET
from torch.utils._python_dispatch import TorchDispatchMode

from atrous import build

# What torch 2.15 refuses on a GPU (the docstring of torch.use_deterministic_algorithms), as operators.
# F.interpolate takes other operators there by itself.
REFUSED = {
    "_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward", "adaptive_max_pool2d_backward",
    "avg_pool3d_backward", "fractional_max_pool2d_backward", "max_unpool2d", "_ctc_loss_backward",
    "reflection_pad1d_backward", "reflection_pad2d_backward", "grid_sampler_2d_backward",
    "_upsample_bilinear2d_aa_backward", "_upsample_bicubic2d_aa_backward", "put_", "histc", "scatter_reduce",
    "scatter_reduce_", "median", "nanmedian", "kthvalue",
}  # fmt: skip
MEAN, WEIGHTS = 3, 1  # where these arguments stand


class AsOnGpu(TorchDispatchMode):
    """Raises where a GPU would."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        reduced = name == "nll_loss2d_forward" and args[MEAN] != 0
        weighted = name == "bincount" and len(args) > WEIGHTS and args[WEIGHTS] is not None
        if name in REFUSED or reduced or weighted:
            raise AssertionError(f"{func} has no deterministic kernel on a GPU")
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def as_before():
    yield
    torch.use_deterministic_algorithms(False)


PARTS = [
    (group, choice) for group, choice in CHOICES if group in ("model", "loss", "mix", "augment", "optimizer")
]
PARTS += [("inference", choice) for group, choice in CHOICES if group == "inference"]


# Transformers whose position embedding is resampled, unless the crop is square and of their own size.
RESAMPLED = {("model", "eomt"), ("model", "dpt"), ("loss", "mask_classification")}


def fit(composed, group, choice, *options, mode=nullcontext):
    """A step and an evaluation."""
    own_size = ["data.crop_size=[224,224]", "data.batch_size=2"] if (group, choice) in RESAMPLED else []
    given = NEEDS.get((group, choice), [])
    if group != "model" and not any(option.startswith("model=") for option in given):
        given = [*given, *SMALL_NET]
    auxiliary = ["model.auxiliary_weight=0.4"] if choice in ("pspnet", "upernet", "deeplabv3") else []
    own = (f"{group}={choice}", *given, *auxiliary, *own_size)
    cfg = composed(
        "train",
        *own,
        "trainer.deterministic=true",
        "trainer.max_steps=1",
        "trainer.val_check_interval=1",
        "data.limits.val=2",
        "callbacks=fixed_schedule",
        *options,
    )
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    module = build.module(cfg, layout.labels)
    trainer = build.trainer(cfg)
    with mode():
        trainer.fit(module, datamodule=data)
    assert torch.are_deterministic_algorithms_enabled()
    return trainer


@pytest.mark.parametrize(("group", "choice"), PARTS)
def test_nothing_is_used_that_a_gpu_refuses(group, choice, composed):
    assert "val/miou" in fit(composed, group, choice, mode=AsOnGpu).callback_metrics


@pytest.mark.parametrize(("group", "choice"), sorted(RESAMPLED))
def test_a_crop_of_another_size_than_the_transformer_s_is_refused(group, choice, composed):
    """As docs/reliability.md says; if this fails, it need not say so any more."""
    with pytest.raises(AssertionError, match="bicubic2d_aa_backward"):
        fit(composed, group, choice, "data.crop_size=[64,64]", mode=AsOnGpu)


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: torch.nn.functional.adaptive_avg_pool2d(x, 2).sum().backward(),
        lambda x: torch.nn.functional.cross_entropy(x, torch.zeros(1, 6, 6).long()),
        lambda x: torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect").sum().backward(),
        lambda x: torch.bincount(x.flatten().long().abs(), weights=x.detach().flatten()),
    ],
)
def test_what_a_gpu_refuses_is_found(refused):
    x = torch.randn(1, 3, 6, 6, requires_grad=True)
    with pytest.raises(AssertionError, match="no deterministic kernel"), AsOnGpu():
        refused(x)


def test_memory_is_not_filled_before_it_is_written(composed):
    """It would be a pass more over most tensors."""
    build.trainer(composed("train", "trainer.deterministic=true"))
    assert not torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize(("group", "choice"), PARTS)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_gpu_refuses_nothing(group, choice, precision, composed):
    options = ("trainer.accelerator=gpu", f"trainer.precision={precision}")
    assert "val/miou" in fit(composed, group, choice, *options).callback_metrics


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("model", ["deeplabv3plus", "pspnet", "segformer"])
def test_a_gpu_computes_the_same_weights_twice(model, composed):
    options = ("trainer.accelerator=gpu", "trainer.max_steps=4", "seed=1")
    twice = []
    for _ in range(2):
        torch.manual_seed(0)
        trainer = fit(composed, "model", model, *options)
        twice.append([weight.cpu() for weight in trainer.lightning_module.state_dict().values()])
    assert all(map(torch.equal, *twice))
