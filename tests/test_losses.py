import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.losses import CrossEntropy, Dice, Focal, Lovasz, OnlineHardExampleMining

C, IGNORE = 4, 255
LOSSES = [CrossEntropy, OnlineHardExampleMining, Focal, Dice, Lovasz]


def example(seed: int, ignored: float = 0.2, scale: float = 3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, C, 6, 5, generator=generator)
    labels = torch.randint(0, C, (2, 6, 5), generator=generator)
    labels[torch.rand(2, 6, 5, generator=generator) < ignored] = IGNORE
    return logits, labels


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), ignored=st.floats(0, 1))
def test_ignored_pixels_are_out_of_the_sum_and_the_denominator(loss, seed, ignored):
    logits, labels = example(seed, ignored)
    term = loss(C, IGNORE)
    valid = labels != IGNORE
    # The same labelled pixels alone, in one row, without any ignored one.
    alone = logits.movedim(1, -1)[valid].T[None, :, None]
    expected = term(alone, labels[valid][None, None]) if valid.any() else torch.tensor(0.0)
    assert torch.allclose(term(logits, labels), expected, atol=1e-5)
    disturbed = torch.where(valid[:, None], logits, 50 * torch.randn_like(logits))
    assert torch.allclose(term(disturbed, labels), term(logits, labels), atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_without_labels_gives_zero_and_no_gradient(loss):
    logits = torch.randn(2, C, 3, 3, requires_grad=True)
    value = loss(C, IGNORE)(logits, torch.full((2, 3, 3), IGNORE))
    value.backward()
    assert value.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_sure_and_right_is_zero_and_gradients_are_finite(loss):
    labels = torch.arange(C).repeat(2, 3, 1)
    logits = 200.0 * F.one_hot(labels, C).movedim(-1, 1).float()
    assert loss(C, IGNORE)(logits, labels).item() == pytest.approx(0, abs=1e-6)
    for scale in (1.0, 1e4):  # far right and far wrong
        extreme = scale * torch.randn(2, C, 3, C)
        extreme.requires_grad_()
        loss(C, IGNORE)(extreme, labels).backward()
        assert torch.isfinite(extreme.grad).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_logits_are_computed_in_float32(loss):
    logits, labels = example(0)
    value = loss(C, IGNORE)(logits.bfloat16(), labels)
    assert value.dtype == torch.float32
    assert torch.allclose(value, loss(C, IGNORE)(logits.bfloat16().float(), labels))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_against_other_implementations(seed):
    logits, labels = example(seed)
    expected = F.cross_entropy(logits, labels, ignore_index=IGNORE)
    assert torch.allclose(CrossEntropy(C, IGNORE)(logits, labels), expected)
    assert torch.allclose(Focal(C, IGNORE, gamma=0)(logits, labels), expected)
    assert torch.allclose(OnlineHardExampleMining(C, IGNORE, min_kept=1.0)(logits, labels), expected)
    lovasz = smp.losses.LovaszLoss("multiclass", ignore_index=IGNORE)
    assert torch.allclose(Lovasz(C, IGNORE)(logits, labels), lovasz(logits, labels), atol=1e-6)
    if len(labels[labels != IGNORE].unique()) == C:  # smp divides by all classes, we by those present
        dice = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE)
        assert torch.allclose(Dice(C, IGNORE)(logits, labels), dice(logits, labels), atol=1e-5)


def test_focal_is_its_formula():
    logits, labels = example(3, ignored=0)
    p = logits.softmax(1).gather(1, labels[:, None])
    assert torch.allclose(Focal(C, IGNORE, gamma=2.0)(logits, labels), (-((1 - p) ** 2) * p.log()).mean())


def test_ohem_keeps_the_hard_pixels():
    logits = torch.tensor([[5.0, 0.0, -5.0, 5.0], [0.0, 0.0, 0.0, 0.0]]).view(1, 2, 1, 4)
    labels = torch.zeros(1, 1, 4, dtype=torch.int64)
    each = F.cross_entropy(logits, labels, reduction="none").flatten()
    ohem = OnlineHardExampleMining(2, IGNORE, threshold=0.7, min_kept=0.25)
    assert torch.allclose(ohem(logits, labels), each[1:3].mean())  # p = 0.5 and 0.007
    sure = OnlineHardExampleMining(2, IGNORE, threshold=1e-9, min_kept=0.25)
    assert torch.allclose(sure(logits, labels), each[2])  # none is hard: the hardest quarter stays


def test_class_weights_are_checked():
    with pytest.raises(ValueError, match="class_weights has 2 entries; expected 4"):
        CrossEntropy(C, IGNORE, class_weights=[1.0, 2.0])
