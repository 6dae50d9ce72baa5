import albumentations as A
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from atrous.build.loaders import augment as build_augment
from atrous.data.augment import CropAugment, Window, draw_window, largest_class_share
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"], mirror_pairs=[("left", "right")])
MEAN = (0.4, 0.5, 0.6)
sides = st.integers(1, 60)


def augment(crop=(24, 32), **options):
    return CropAugment(crop, LABELS.mirror_table, LABELS.ignore_index, MEAN, **options)


def example(height=40, width=50, seed=0):
    """Labels whose class stands in the picture's red channel."""
    labels = np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.uint8)
    return np.dstack([labels * 100] * 3), labels


@given(sides, sides, sides, sides, st.floats(0.25, 4), st.integers(0, 2**32))
def test_windows_lie_inside_and_keep_the_scale(height, width, crop_height, crop_width, factor, seed):
    window = draw_window((height, width), (crop_height, crop_width), factor, np.random.default_rng(seed))
    assert 0 <= window.top <= window.top + window.height <= height
    assert 0 <= window.left <= window.left + window.width <= width
    assert 1 <= window.out_height <= crop_height
    assert 1 <= window.out_width <= crop_width
    for length, out in ((window.height, window.out_height), (window.width, window.out_width)):
        assert abs(out - length * factor) <= max(1, factor)  # a pixel, of the source or of the crop


@given(sides, sides, sides, sides, st.floats(0.25, 4), st.data())
def test_windows_hold_the_pixel_that_they_must(height, width, crop_height, crop_width, factor, data):
    pixel = data.draw(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    window = draw_window((height, width), (crop_height, crop_width), factor, rng, pixel)
    assert 0 <= window.top <= pixel[0] < window.top + window.height <= height
    assert 0 <= window.left <= pixel[1] < window.left + window.width <= width


def scale_then_crop(shape, crop_size, factor, rng):
    """The usual way: what a crop of the scaled picture shows, (top, left, height, width) in source pixels."""
    scaled = [max(1, round(side * factor)) for side in shape]
    lengths = [min(crop, side) for crop, side in zip(crop_size, scaled, strict=True)]
    starts = [rng.integers(0, side - length + 1) for side, length in zip(scaled, lengths, strict=True)]
    return [value / factor for value in (*starts, *lengths)]


@pytest.mark.parametrize("shape", [(100, 200), (60, 300)])
def test_windows_are_distributed_as_scale_then_crop(shape):
    """Place and size, over 4,000 draws of each way: Kolmogorov and Smirnov see no difference."""
    crop, draws = (48, 96), 4000
    rng = np.random.default_rng(0)
    ours = [draw_window(shape, crop, rng.uniform(0.5, 2), rng)[:4] for _ in range(draws)]
    usual = [scale_then_crop(shape, crop, rng.uniform(0.5, 2), rng) for _ in range(draws)]
    for column in range(4):
        # noise of a pixel: windows begin and end at whole source pixels, scaled crops between them
        pair = [np.array(drawn)[:, column] + rng.normal(0, 1, draws) for drawn in (ours, usual)]
        assert ks_2samp(*pair).pvalue > 0.01, column
    spoilt = [draw_window(shape, crop, rng.uniform(0.6, 2), rng)[:4] for _ in range(draws)]
    assert ks_2samp(np.array(spoilt)[:, 2], np.array(usual)[:, 2]).pvalue < 1e-6  # it would see one


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_the_crop_of_the_scaled_picture(factor, seed):
    """Where both begin at whole pixels: the same but for the outermost pixels, which lack neighbours."""
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3)).astype(np.uint8), (0, 0), 1.5)
    top, left = (int(4 * rng.integers(0, end)) for end in (6, 16))
    window = Window(top, left, round(24 / factor), round(36 / factor), 24, 36)
    ours = CropAugment._resize(image, window, cv2.INTER_LINEAR)
    scaled = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    usual = scaled[round(top * factor) :, round(left * factor) :][:24, :36]
    difference = np.abs(ours.astype(int) - usual)
    assert difference[1:-1, 1:-1].max() <= 1  # OpenCV rounds coordinates
    assert difference.max() < 40
    columns = np.tile(np.arange(160, dtype=np.uint8), (120, 1))
    nearest = CropAugment._resize(columns, window, cv2.INTER_NEAREST_EXACT)
    centres = left + (np.arange(36) + 0.5) / factor  # on an edge either side is as near
    assert ((nearest <= np.floor(centres)) & (nearest >= np.ceil(centres) - 1)).all()


def test_windows_around_a_pixel_take_every_place_that_shows_it():
    rng = np.random.default_rng(0)
    lefts = [draw_window((1, 10), (1, 4), 1.0, rng, (0, 2)).left for _ in range(500)]
    assert set(lefts) == {0, 1, 2}
    assert min(lefts.count(left) for left in (0, 1, 2)) > 120


def test_a_focus_is_in_the_crop():
    labels = np.zeros((200, 200), np.uint8)
    labels[150, 37], labels[3, 199] = 1, 1
    image = np.dstack([labels * 100] * 3)
    crops = {}
    for focus in (None, 1):
        one = augment((20, 30), scale=(1, 2), max_class_share=0.75, flip_probability=0)
        crops[focus] = [one(image, labels, np.random.default_rng(seed), focus)[1] for seed in range(100)]
    assert all((crop == 1).any() for crop in crops[1])
    assert sum((crop == 1).any() for crop in crops[None]) < 10


@settings(max_examples=30)
@given(sides, sides, st.integers(0, 2**32))
def test_crops_have_the_size_and_only_labels_that_were_there(height, width, seed):
    image, labels = example(height, width, seed)
    crop, cropped = augment()(image, labels, np.random.default_rng(seed))
    assert crop.shape == (24, 32, 3)
    assert cropped.shape == (24, 32)
    assert (crop.dtype, cropped.dtype) == (np.uint8, np.uint8)
    assert set(np.unique(cropped)) <= {0, 1, 2, 255}


def test_picture_and_labels_move_together():
    for seed in range(20):
        image, labels = example(seed=seed)
        crop, cropped = augment(scale=(1, 1), flip_probability=0)(image, labels, np.random.default_rng(seed))
        assert (crop[..., 0] == cropped * 100).all()


def test_a_flip_swaps_mirror_pairs():
    image, labels = example()
    rng = np.random.default_rng
    plain = augment((40, 50), scale=(1, 1), flip_probability=0)(image, labels, rng(0))
    flipped = augment((40, 50), scale=(1, 1), flip_probability=1)(image, labels, rng(0))
    assert (flipped[0] == plain[0][:, ::-1]).all()
    swapped = np.array([0, 2, 1])[plain[1]]
    assert (flipped[1] == swapped[:, ::-1]).all()


def test_small_pictures_are_padded_with_the_mean_and_ignored():
    image, labels = example(10, 12)
    jitter = A.Compose([A.ColorJitter(brightness=(0.5, 0.5), p=1.0)])
    rng = np.random.default_rng
    crop, cropped = augment(scale=(1, 1), flip_probability=0, photometric=jitter)(image, labels, rng(0))
    assert (crop[:10, :12] != image).any()
    assert (cropped[:10, :12] == labels).all()
    assert (crop[10:] == np.round(255 * np.array(MEAN))).all()
    assert (cropped[10:] == 255).all()
    assert (cropped[:, 12:] == 255).all()


def test_crops_of_one_class_are_drawn_again():
    labels = np.zeros((200, 200), np.uint8)
    labels[:, 100:] = 1
    image = np.zeros((200, 200, 3), np.uint8)
    shares = {}
    for limit in (1.0, 0.75):
        crops = [
            augment((20, 20), scale=(1, 1), max_class_share=limit)(
                image, labels, np.random.default_rng(seed)
            )[1]
            for seed in range(200)
        ]
        shares[limit] = np.mean([largest_class_share(crop, 255) > 0.75 for crop in crops])
    # A window of 20 shows more than 15 columns of one side in 171 of 181 places; ten draws all miss with
    # 0.945^10 = 0.57.
    assert shares[1.0] == pytest.approx(0.945, abs=0.05)
    assert shares[0.75] == pytest.approx(0.57, abs=0.11)


def test_the_share_is_of_labelled_pixels():
    assert largest_class_share(np.array([[1, 1, 2, 255, 255]], np.uint8), 255) == pytest.approx(2 / 3)
    assert largest_class_share(np.full((2, 2), 255, np.uint8), 255) == 0


def test_a_sample_is_a_function_of_its_random_numbers():
    image, labels = example()
    photometric = A.Compose([A.ColorJitter(p=1.0), A.GaussNoise(p=0.5)])
    one, other = (augment(photometric=photometric) for _ in range(2))
    first = [one(image, labels, np.random.default_rng([7, seed])) for seed in range(5)]
    again = [other(image, labels, np.random.default_rng([7, seed])) for seed in reversed(range(5))]
    for (image_a, labels_a), (image_b, labels_b) in zip(first, reversed(again), strict=True):
        assert (image_a == image_b).all()
        assert (labels_a == labels_b).all()
    assert (first[0][0] != first[1][0]).any()


@pytest.mark.parametrize("factor", [0.61, 0.83, 1.37, 1.71])
def test_scaled_labels_lie_where_the_picture_does(factor):
    """An edge at half height in the picture is the edge of the labels: on average, neither left nor right."""
    shifts = []
    for edge in range(60, 140):
        labels = np.zeros((200, 200), np.uint8)
        labels[:, edge:] = 1
        image = np.dstack([labels * 200] * 3)
        one = augment((200, 200), scale=(factor, factor), max_class_share=1.0, flip_probability=0)
        crop, cropped = one(image, labels, np.random.default_rng(0))
        shown = cropped[0] != LABELS.ignore_index
        shifts.append(int((crop[0, :, 0] >= 100)[shown].sum()) - int((cropped[0] == 1)[shown].sum()))
    assert abs(np.mean(shifts)) < 0.1


def test_each_part_of_photometric_draws_its_own_numbers():
    """Alone, together or not at all, also in a Compose in a Compose."""
    image = np.full((24, 32, 3), 100, np.uint8)
    parts = [
        A.RandomBrightnessContrast((0.2, 0.2), (0, 0), p=0.5),
        A.Compose([A.ToGray(p=0.5), A.InvertImg(p=0.5)]),
    ]
    image[..., 0] = 50
    one = augment(scale=(1, 1), flip_probability=0, photometric=A.Compose(parts))
    labels = np.zeros((24, 32), np.uint8)
    seen = [tuple(one(image, labels, np.random.default_rng(seed))[0][0, 0]) for seed in range(400)]
    counts = [seen.count(each) for each in set(seen)]
    assert len(counts) == 8  # all combinations of the three
    assert min(counts) > 25


def test_a_photometric_that_normalises_is_refused():
    image, labels = example()
    with pytest.raises(
        ValueError, match=r"augment\.photometric gives float32 .*pictures are normalised later"
    ):
        augment(photometric=A.Compose([A.Normalize()]))(image, labels, np.random.default_rng(0))


def test_a_photometric_that_moves_pixels_is_refused(composed):
    moves = "augment.photometric.transforms=[{_target_: albumentations.HorizontalFlip, p: 1.0}]"
    cfg = composed("train", moves)
    with pytest.raises(
        ValueError, match=r"augment\.photometric: HorizontalFlip moves pixels, and the labels"
    ):
        build_augment(cfg, LABELS)


@pytest.mark.parametrize(
    ("options", "message"), [({"scale": (2, 1)}, "augment.scale"), ({"crop": (0, 5)}, "data.crop_size")]
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        augment(**options)


def test_a_focus_keeps_its_class_where_a_flip_would_change_it():
    """A left shoe that is drawn for is a left shoe in the crop, though half of all crops are flipped."""
    image, labels = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    labels[10:20, 10:20] = 1
    table = np.arange(256, dtype=np.uint8)
    table[1], table[2] = 2, 1
    one = CropAugment((24, 24), table, 255, (0, 0, 0), scale=(1, 1), max_class_share=1.0)
    crops = [one(image, labels, np.random.default_rng(seed), 1)[1] for seed in range(40)]
    assert all((crop == 1).any() and not (crop == 2).any() for crop in crops)
    free = [one(image, labels, np.random.default_rng(seed), 0)[1] for seed in range(40)]
    assert any((crop == 2).any() for crop in free)
