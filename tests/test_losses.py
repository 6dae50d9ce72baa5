from functools import partial

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.losses import (
    BoundaryCrossEntropy,
    CrossEntropy,
    Dice,
    Focal,
    Lovasz,
    OnlineHardExampleMining,
    Tversky,
)
from atrous.losses.pixelwise import near_boundary

C, IGNORE = 4, 255
WEIGHTS = [0.5, 2.0, 1.0, 4.0]
WEIGHTED = [CrossEntropy, OnlineHardExampleMining, Focal, BoundaryCrossEntropy]
LOSSES = [*WEIGHTED, *(partial(loss, class_weights=WEIGHTS) for loss in WEIGHTED), Dice, Tversky, Lovasz]


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
    if BoundaryCrossEntropy not in (loss, getattr(loss, "func", None)):  # it is about who lies beside whom
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
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(C, IGNORE)(logits.bfloat16(), labels), value)
    assert loss(C, IGNORE).bfloat16()(logits.bfloat16(), labels).dtype == torch.float32


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
    assert torch.allclose(BoundaryCrossEntropy(C, IGNORE, strength=0)(logits, labels), expected)
    half = Tversky(C, IGNORE, alpha=0.5, beta=0.5)(logits, labels)
    assert torch.allclose(Dice(C, IGNORE)(logits, labels), half)
    if len(labels[labels != IGNORE].unique()) == C:  # smp divides by all classes, we by those present
        dice = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE)
        assert torch.allclose(Dice(C, IGNORE)(logits, labels), dice(logits, labels), atol=1e-5)
        tversky = smp.losses.TverskyLoss("multiclass", ignore_index=IGNORE, alpha=0.2, beta=0.9)
        ours = Tversky(C, IGNORE, alpha=0.2, beta=0.9)(logits, labels)
        assert torch.allclose(ours, tversky(logits, labels), atol=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_class_weights_weigh_pixels_as_torch_does(seed):
    logits, labels = example(seed)
    expected = F.cross_entropy(logits, labels, torch.tensor(WEIGHTS), ignore_index=IGNORE)
    for loss in (
        CrossEntropy(C, IGNORE, WEIGHTS),
        Focal(C, IGNORE, gamma=0, class_weights=WEIGHTS),
        OnlineHardExampleMining(C, IGNORE, min_kept=1.0, class_weights=WEIGHTS),
        BoundaryCrossEntropy(C, IGNORE, strength=0, class_weights=WEIGHTS),
    ):
        assert torch.allclose(loss(logits, labels), expected)


@pytest.mark.parametrize("loss", WEIGHTED)
def test_a_weight_of_two_counts_a_pixel_twice_and_of_zero_not_at_all(loss):
    logits, labels = example(1)
    labels[labels == 0] = IGNORE
    weighted = loss(C, IGNORE, class_weights=[0.0, 2.0, 2.0, 2.0])
    assert torch.allclose(weighted(logits, labels), loss(C, IGNORE)(logits, labels))
    only = torch.zeros_like(labels)
    assert weighted(logits, only).item() == 0
    one_weighs = loss(C, IGNORE, class_weights=[0.0, 1.0, 0.0, 0.0])
    expected = loss(C, IGNORE)(logits, torch.where(labels == 1, 1, IGNORE))
    if loss in (CrossEntropy, Focal):  # the others look at the pixels of the other classes too
        assert torch.allclose(one_weighs(logits, labels), expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_label_smoothing_is_its_formula(weights):
    logits, labels = example(4)
    total = count = 0.0
    for scores, label in zip(
        logits.movedim(1, -1).reshape(-1, C).double().numpy(), labels.flatten(), strict=True
    ):
        if label != IGNORE:
            log_p = scores - np.log(np.exp(scores).sum())
            truth = 0.9 * np.eye(C)[label] + 0.1 / C
            weight = 1.0 if weights is None else weights[label]
            total, count = total - weight * (truth @ log_p), count + weight
    ours = CrossEntropy(C, IGNORE, weights, label_smoothing=0.1)(logits, labels)
    assert ours.item() == pytest.approx(total / count, rel=1e-5)
    if weights is None:
        torchs = F.cross_entropy(logits, labels, ignore_index=IGNORE, label_smoothing=0.1)
        assert torch.allclose(ours, torchs)


def test_tversky_is_its_formula_and_its_prices_are_those_of_the_paper():
    # One of four pixels of class 1 is missed, two of class 0 are wrongly found: hard predictions.
    labels = torch.tensor([[[1, 1, 1, 1, 0, 0, 0, 0]]])
    predicted = torch.tensor([[[1, 1, 1, 0, 1, 1, 0, 0]]])
    logits = 100 * F.one_hot(predicted, 2).movedim(-1, 1).float()
    alpha, beta = 0.3, 0.6
    of_1 = 3 / (3 + alpha * 2 + beta * 1)
    of_0 = 2 / (2 + alpha * 1 + beta * 2)
    ours = Tversky(2, IGNORE, alpha, beta)(logits, labels)
    assert ours.item() == pytest.approx(1 - (of_1 + of_0) / 2, abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0, 1))
def test_near_a_boundary_is_found_as_by_looking_at_every_window(seed, radius, ignored):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (2, 3, 4)).repeat(3, 1).repeat(3, 2)
    labels[rng.random(labels.shape) < ignored] = IGNORE
    expected = np.zeros(labels.shape, bool)
    for n, y, x in np.ndindex(*labels.shape):
        window = labels[n, max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        others = window[(window != IGNORE) & (window != labels[n, y, x])]
        expected[n, y, x] = labels[n, y, x] != IGNORE and others.size > 0
    assert (near_boundary(torch.from_numpy(labels), IGNORE, radius).numpy() == expected).all()


def test_the_edge_of_an_ignored_region_is_no_boundary():
    labels = torch.tensor([[[0, 0, IGNORE, IGNORE, IGNORE, 1, 1, 1, 2]]])
    near = near_boundary(labels, IGNORE, radius=1)
    assert near.flatten().tolist() == [False] * 7 + [True, True]
    across = near_boundary(labels, IGNORE, radius=4)  # two classes this close are neighbours, rim or not
    assert across.flatten().tolist() == [False, True, False, False, False, True, True, True, True]


def test_boundary_cross_entropy_is_its_formula():
    labels = torch.tensor([[[0, 0, 0, 0, 1, 1, 1, IGNORE]]])
    logits = torch.randn(1, 2, 1, 8, generator=torch.Generator().manual_seed(0))
    each = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
    weights = torch.tensor([1.0, 1, 1, 4, 4, 1, 1, 0]) * torch.tensor([2.0, 2, 2, 2, 5, 5, 5, 0])
    ours = BoundaryCrossEntropy(2, IGNORE, radius=1, strength=3.0, class_weights=[2.0, 5.0])
    assert torch.allclose(ours(logits, labels), (each * weights).sum() / weights.sum())


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
    labels[..., 1] = 1
    each = F.cross_entropy(logits, labels, reduction="none").flatten()
    weighted = OnlineHardExampleMining(2, IGNORE, class_weights=[3.0, 1.0])
    assert torch.allclose(weighted(logits, labels), (1 * each[1] + 3 * each[2]) / 4)


@pytest.mark.parametrize("loss", WEIGHTED)
def test_class_weights_are_checked(loss):
    with pytest.raises(ValueError, match="class_weights has 2 entries; expected 4"):
        loss(C, IGNORE, class_weights=[1.0, 2.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(Tversky, alpha=0, beta=0), "alpha=0, beta=0: expected 0 or more, and not 0 for both"),
        (partial(Tversky, alpha=-1), "alpha=-1, beta=0.7"),
        (partial(BoundaryCrossEntropy, radius=0), "radius=0, strength=4.0: expected a radius of 1 pixel"),
    ],
)
def test_numbers_that_make_no_loss_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(C, IGNORE)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_has_a_gradient_where_a_pixel_is_sure(gamma):
    logits = torch.tensor([[200.0, 1.0], [0.0, 0.0]]).view(1, 2, 1, 2).requires_grad_()
    Focal(2, IGNORE, gamma=gamma)(logits, torch.zeros(1, 1, 2, dtype=torch.int64)).backward()
    assert torch.isfinite(logits.grad).all()
