import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.mix import ClassMix, CopyPaste
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right", "pole"])
# Class 2 is in pictures 1 and 3, class 3 in picture 4, class 1 in none; the last column are ignored pixels.
COUNTS = np.array([[9, 0, 0, 0, 1], [9, 0, 1, 0, 0], [9, 0, 0, 0, 0], [9, 0, 5, 0, 0], [9, 0, 0, 2, 0]])


def sample(seed, first=True):
    """Labels whose class stands in the green channel, and which sample it is in the red one."""
    labels = np.random.default_rng(seed).choice([0, 1, 2, 3, 255], (6, 7)).astype(np.uint8)
    return np.dstack([np.full_like(labels, 1 if first else 2), labels, labels]), labels


def class_mix(**options):
    return ClassMix(LABELS, **options)


def copy_paste(*classes, **options):
    return CopyPaste(LABELS, lambda: COUNTS, classes, **options)


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_picture_and_labels_are_pasted_together_whole_classes_and_no_ignored_pixel(seed, other):
    first, second = sample(seed), sample(other, first=False)
    for mix in (class_mix(), copy_paste("pole")):
        image, labels = mix.paste(first, second, np.random.default_rng(seed))
        assert (image.dtype, labels.dtype) == (np.uint8, np.uint8)
        assert (image[..., 1] == labels).all()
        pasted = image[..., 0] == 2
        chosen = set(np.unique(second[1][pasted]))
        assert 255 not in chosen
        assert (pasted == np.isin(second[1], list(chosen))).all()
        assert (labels[~pasted] == first[1][~pasted]).all()
        present = set(np.unique(second[1])) - {255}
        assert len(chosen) == len(present) // 2 if mix.__class__ is ClassMix else chosen == present & {3}


def test_class_mix_takes_every_class_half_of_the_time():
    labels = np.array([[0, 1, 2, 3]], np.uint8)
    second = np.dstack([labels] * 3) + 10, labels
    first = np.zeros((1, 4, 3), np.uint8), np.full((1, 4), 255, np.uint8)
    taken = [class_mix().paste(first, second, np.random.default_rng(seed))[1] != 255 for seed in range(1000)]
    assert np.mean(taken, axis=0) == pytest.approx(np.full((1, 4), 0.5), abs=0.06)


def test_a_sample_of_one_class_gives_nothing():
    first = sample(0)
    second = np.full_like(first[0], 9), np.full_like(first[1], 2)
    assert (class_mix().paste(first, second, np.random.default_rng(0))[1] == first[1]).all()


def test_class_mix_takes_any_partner_as_often_as_told():
    rng = np.random.default_rng(0)
    partners = [class_mix(probability=0.25).partner(5, rng) for _ in range(4000)]
    assert np.mean([partner is not None for partner in partners]) == pytest.approx(0.25, abs=0.03)
    assert {partner for partner in partners if partner} == {(index, None) for index in range(5)}
    assert all(class_mix(probability=0).partner(5, rng) is None for _ in range(50))
    assert None not in [class_mix(probability=1).partner(5, rng) for _ in range(50)]


def test_copy_paste_takes_partners_that_hold_a_named_class_each_class_as_often():
    rng = np.random.default_rng(0)
    partners = [copy_paste("pole", "right", probability=1.0).partner(5, rng) for _ in range(4000)]
    shares = {partner: partners.count(partner) / 4000 for partner in set(partners)}
    assert shares == pytest.approx({(4, 3): 0.5, (1, 2): 0.25, (3, 2): 0.25}, abs=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: copy_paste("poles"), r"label set 'mine' has no class 'poles'; its classes: ground, left"),
        (lambda: copy_paste("left"), r"mix.classes: no training picture shows a pixel of 'left'; leave it"),
        (lambda: copy_paste(), r"mix.classes=\(\): expected a list of class names, such as \[pole,bicyclist"),
        (lambda: CopyPaste(LABELS, lambda: COUNTS, "pole"), r"mix.classes=pole: expected a list of class"),
        (lambda: class_mix(probability=2), r"mix.probability=2: expected a number from 0 to 1"),
        (lambda: copy_paste("pole", probability=-1), r"mix.probability=-1: expected a number from 0 to 1"),
    ],
)
def test_wrong_choices_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
