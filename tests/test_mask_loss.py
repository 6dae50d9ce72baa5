import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.losses import MaskClassification
from atrous.losses.masks import at_points
from atrous.outputs import Masks

C, IGNORE = 4, 255


def example(seed: int, ignored: float = 0.2, queries: int = 5):
    generator = torch.Generator().manual_seed(seed)
    masks = 2 * torch.randn(2, queries, 6, 5, generator=generator)
    classes = 2 * torch.randn(2, queries, C + 1, generator=generator)
    labels = torch.randint(0, C, (2, 6, 5), generator=generator)
    labels[torch.rand(2, 6, 5, generator=generator) < ignored] = IGNORE
    return Masks(masks, classes, (6, 5)), labels


def by_formula(prediction: Masks, labels: torch.Tensor) -> torch.Tensor:
    """The loss, written down again: all assignments are tried, and no sum is turned into a product."""
    mask_terms, entropies, weights = [], [], []
    for masks, classes, truth in zip(prediction.masks, prediction.classes, labels, strict=True):
        valid = truth != IGNORE
        present = truth[valid].unique().tolist()
        if not present:
            continue

        def cost(query, label, masks=masks, classes=classes, valid=valid, truth=truth):
            target, logits = (truth == label)[valid].float(), masks[query][valid]
            p = logits.sigmoid()
            entropy = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
            dice = 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
            return 5 * entropy + 5 * dice, -2 * classes[query].softmax(0)[label]

        assignments = itertools.permutations(range(len(masks)), len(present))
        best = min(
            assignments,
            key=lambda rows: sum(sum(cost(row, label)) for row, label in zip(rows, present, strict=True)),
        )
        mask_terms += [cost(row, label)[0] for row, label in zip(best, present, strict=True)]
        wanted = torch.full((len(masks),), C)
        wanted[list(best)] = torch.tensor(present)
        entropies.append(F.cross_entropy(classes, wanted, reduction="none"))
        weights.append(torch.where(wanted == C, 0.1, 1.0))
    entropies, weights = torch.cat(entropies), torch.cat(weights)
    return 2 * (weights * entropies).sum() / weights.sum() + torch.stack(mask_terms).mean()


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), ignored=st.floats(0, 0.9))
def test_it_is_its_formula(seed, ignored):
    prediction, labels = example(seed, ignored)
    if (labels != IGNORE).any():
        expected = by_formula(prediction, labels)
        assert torch.allclose(MaskClassification(C, IGNORE)(prediction, labels), expected, rtol=1e-4)


def test_ignored_pixels_take_no_part():
    prediction, labels = example(0)
    disturbed = torch.where((labels == IGNORE)[:, None], 50.0, prediction.masks)
    loss = MaskClassification(C, IGNORE)
    assert torch.allclose(loss(prediction._replace(masks=disturbed), labels), loss(prediction, labels))


def test_a_picture_without_labels_takes_no_part():
    prediction, labels = example(0)
    labels[1] = IGNORE
    alone = Masks(prediction.masks[:1], prediction.classes[:1], prediction.size)
    loss = MaskClassification(C, IGNORE)
    assert torch.allclose(loss(prediction, labels), loss(alone, labels[:1]))


def test_a_batch_without_labels_gives_zero_and_no_gradient():
    prediction, labels = example(0)
    for part in (prediction.masks, prediction.classes):
        part.requires_grad_()
    value = MaskClassification(C, IGNORE)(prediction, torch.full_like(labels, IGNORE))
    value.backward()
    assert value.item() == 0
    assert (prediction.masks.grad == 0).all()
    assert (prediction.classes.grad == 0).all()


def test_sure_and_right_is_nearly_zero():
    labels = torch.arange(C).repeat_interleave(8).repeat(2, 8, 1)
    masks = 100.0 * (2 * F.one_hot(labels, C).movedim(-1, 1).float() - 1)
    masks = torch.cat([masks, torch.full_like(masks[:, :1], -100.0)], dim=1)
    classes = 100.0 * torch.eye(C + 1).repeat(2, 1, 1)
    assert MaskClassification(C, IGNORE)(Masks(masks, classes, (8, 32)), labels).item() == pytest.approx(0)


def test_half_precision_is_computed_in_float32():
    prediction, labels = example(0)
    half = Masks(prediction.masks.bfloat16(), prediction.classes.bfloat16(), prediction.size)
    loss = MaskClassification(C, IGNORE)
    value = loss(half, labels)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(Masks(half.masks.float(), half.classes.float(), half.size), labels))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(value, loss(half, labels))


def test_points_are_places_of_the_picture():
    """Masks at a quarter of the resolution, over a picture that was padded: compared where the pixels are."""
    labels = torch.zeros(1, 14, 10, dtype=torch.int64)
    labels[:, 8:] = 1
    below = torch.full((1, 1, 4, 4), -100.0)
    below[:, :, 2:] = 100.0  # the lower half of 16 x 16 padded pixels
    masks = torch.cat([-below, below], dim=1)
    classes = 100.0 * torch.eye(3)[None, :2]
    loss = MaskClassification(2, IGNORE, class_weight=0.0)
    near_border = loss(Masks(masks, classes, (16, 16)), labels)
    assert near_border < 1.0  # a few pixels beside the border are unsure
    assert loss(Masks(masks, classes, (14, 10)), labels) > 5 * near_border


def test_a_sample_of_points_is_a_fair_estimate():
    generator = torch.Generator().manual_seed(0)
    masks = torch.randn(1, 3, 32, 32, generator=generator)
    labels = torch.randint(0, 2, (1, 64, 64), generator=generator)
    prediction = Masks(masks, torch.zeros(1, 3, 3), (64, 64))
    torch.manual_seed(0)
    sampled = torch.stack(
        [MaskClassification(2, IGNORE, num_points=500)(prediction, labels) for _ in range(40)]
    )
    assert sampled.std() > 0
    assert sampled.mean() == pytest.approx(MaskClassification(2, IGNORE)(prediction, labels).item(), rel=0.01)


def test_logits_are_refused():
    with pytest.raises(ValueError, match="loss=mask_classification needs proposals; choose model=eomt"):
        MaskClassification(C, IGNORE)(torch.randn(1, C, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64))


def test_weights_that_have_diverged_show_in_the_loss():
    prediction, labels = example(0)
    prediction.masks[0, 0, 0, 0] = torch.nan
    assert MaskClassification(C, IGNORE)(prediction, labels).isnan()


@pytest.mark.parametrize("size", [(24, 24), (7, 13), (1, 1)])
def test_points_are_those_of_grid_sample_with_their_gradient(size):
    generator = torch.Generator().manual_seed(0)
    masks = torch.randn(5, *size, generator=generator, dtype=torch.float64, requires_grad=True)
    points = (
        2.2 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 1.1
    )  # some beyond the border
    weights = torch.randn(5, 200, generator=generator, dtype=torch.float64)
    expected = F.grid_sample(
        masks[None], points[None, None], mode="bilinear", padding_mode="border", align_corners=False
    )[0, :, 0]
    found = at_points(masks, points)
    assert torch.allclose(found, expected, atol=1e-12)
    gradients = [torch.autograd.grad((each * weights).sum(), masks)[0] for each in (found, expected)]
    assert torch.allclose(*gradients, atol=1e-12)
