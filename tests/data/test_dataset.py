import numpy as np
import pytest
from fabricate import write_pair
from PIL import Image

from atrous.data.augment import CropAugment
from atrous.data.dataset import SampleKey, SegmentationDataset
from atrous.data.layouts.cityscapes import LABEL_SETS, Cityscapes
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import ClassMix
from atrous.data.reading import Files, read_image, read_labels
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)


def saved(path, pixels, mode=None):
    Image.fromarray(pixels, mode).save(path)
    return path


def test_pictures_that_hold_the_same_colors_read_the_same(tmp_path):
    opaque = np.dstack([PIXELS, np.full((6, 5), 255, np.uint8)])
    palette = Image.fromarray(PIXELS).quantize(256)
    palette.save(tmp_path / "palette.png")
    assert (read_image(saved(tmp_path / "rgb.png", PIXELS)) == PIXELS).all()
    assert (read_image(saved(tmp_path / "rgba.png", opaque)) == PIXELS).all()
    assert (read_image(tmp_path / "palette.png") == np.array(palette.convert("RGB"))).all()
    grey = read_image(saved(tmp_path / "grey.png", PIXELS[..., 0]))
    assert grey.shape == (6, 5, 3)
    assert (grey == PIXELS[..., :1]).all()
    assert read_image(saved(tmp_path / "black.png", PIXELS[..., 0] > 127)).max() == 255


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (PIXELS[..., 0].astype(np.uint16) * 256, "picture of mode I;16; expected 8 bits"),
        (np.dstack([PIXELS, PIXELS[..., 0]]), "partly transparent picture (mode RGBA)"),
    ],
)
def test_pictures_that_would_be_silently_wrong_are_refused(tmp_path, pixels, message):
    path = saved(tmp_path / "odd.png", pixels)
    with pytest.raises(ValueError, match=r"odd\.png") as told:
        read_image(path)
    assert message in str(told.value)


@pytest.mark.parametrize("channels", [3, 4])
def test_deep_colors_are_refused(tmp_path, channels):
    import cv2

    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 4, channels), 0x0FFF, np.uint16))
    with pytest.raises(ValueError, match=r"deep\.png: 16 bits a channel"):
        read_image(tmp_path / "deep.png")


@pytest.mark.parametrize(
    ("read", "suffix"),
    [(read_image, ".png"), (read_image, ".jpg"), (lambda path: read_labels(path, LABELS), ".png")],
)
def test_truncated_and_empty_files_are_named(tmp_path, read, suffix):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    whole = saved(tmp_path / f"whole{suffix}", noise).read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("text", b"not a picture")):
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}{suffix}: cannot be read as a picture"):
            read(path)


def test_labels_are_the_index_of_a_palette_not_its_color(tmp_path):
    indices = np.array([[0, 1], [2, 255]], np.uint8)
    image = Image.fromarray(indices)
    image.putpalette([value for color in range(256) for value in (255 - color, color, 7)])
    image.save(tmp_path / "palette.png")
    with Image.open(tmp_path / "palette.png") as saved_image:
        assert saved_image.mode == "P"
    assert (read_labels(tmp_path / "palette.png", LABELS) == indices).all()


def test_raw_ids_go_through_the_table(tmp_path):
    raw = np.array([[7, 8, 0], [33, 255, 26]], np.uint8)
    path = saved(tmp_path / "raw.png", raw)
    assert read_labels(path, LABEL_SETS[19]).tolist() == [[0, 1, 255], [18, 255, 13]]
    assert read_labels(path, LABEL_SETS[20]).tolist() == [[0, 1, 19], [18, 19, 13]]
    assert read_labels(path, LABEL_SETS[34]).tolist() == [[7, 8, 0], [33, 255, 26]]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.array([[0, 34], [33, 40]], np.uint8), "label value 34 is not in label set 'cityscapes_19'"),
        (np.array([[0, 300], [33, 40]], np.uint16), "label value 300 is not in label set 'cityscapes_19'"),
        (PIXELS, "a file of mode RGB; expected one channel"),
    ],
)
def test_labels_outside_the_label_set_are_named(tmp_path, pixels, message):
    path = saved(tmp_path / "labels.png", pixels)
    with pytest.raises(ValueError, match=r"labels\.png") as told:
        read_labels(path, LABEL_SETS[19])
    assert message in str(told.value)
    if "label value" in message:
        assert "known raw ids are 0..33, 255" in str(told.value)


def test_picture_and_labels_of_different_size(tmp_path):
    image, label = saved(tmp_path / "i.png", PIXELS), saved(tmp_path / "l.png", np.zeros((5, 6), np.uint8))
    dataset = SegmentationDataset([Pair("i", image, label)], Files(LABELS), None, seed=0)
    with pytest.raises(ValueError, match=r"l\.png: labels of 6x5 pixels for a picture of 5x6 \(.*i\.png\)"):
        dataset[SampleKey(0, 0)]


def test_a_sample_is_uint8_at_native_size(tmp_path):
    write_pair(tmp_path / "i.png", tmp_path / "l.png", [0, 1, 2, 255], 0)
    pair = Pair("i", tmp_path / "i.png", tmp_path / "l.png")
    image, labels, name, *_ = SegmentationDataset([pair], Files(LABELS), None, seed=0)[SampleKey(0, 0)]
    assert (image.dtype, labels.dtype, name) == (labels.dtype, image.dtype, "i")
    assert str(image.dtype) == "torch.uint8"
    assert image.shape == (3, 48, 64)
    assert labels.shape == (48, 64)
    unlabelled = SegmentationDataset([pair._replace(label=None)], Files(LABELS), None, seed=0)[
        SampleKey(0, 0)
    ]
    assert (unlabelled.labels == 255).all()


def two_pairs(folder):
    for index in range(2):
        write_pair(folder / f"{index}.png", folder / f"{index}l.png", [0, 1, 2, 255], index)
    return [Pair(f"p{index}", folder / f"{index}.png", folder / f"{index}l.png") for index in range(2)]


def test_a_sample_is_a_function_of_seed_and_key(tmp_path):
    augment = CropAugment((24, 24), LABELS.mirror_table, 255, (0.5, 0.5, 0.5))
    mix = ClassMix(LABELS, probability=0.5)

    def pixels(seed, *key):
        sample = SegmentationDataset(two_pairs(tmp_path), Files(LABELS), augment, seed, mix=mix)[
            SampleKey(*key)
        ]
        return sample.image.numpy().tobytes() + sample.labels.numpy().tobytes()

    keys = [
        (s, e, i, d, f) for s in (0, 1) for e in (0, 1) for i in (0, 1) for d in (0, 1) for f in (None, 1)
    ]
    first = [pixels(*key) for key in keys]
    assert first == [pixels(*key) for key in reversed(keys)][::-1]
    assert len(set(first)) == len(keys)  # draw and focus included


def test_a_partner_is_augmented_too_and_only_its_pixels_are_pasted(tmp_path):
    pairs = two_pairs(tmp_path)
    calls = []

    def augment(image, labels, rng, focus=None):
        calls.append(focus)
        return np.full_like(image, len(calls)), labels

    class Everything:
        def partner(self, num_samples, rng):
            assert num_samples == 2
            return 1, 2

        def paste(self, first, second, rng):
            assert (first[0] == 1).all()
            assert (second[0] == 2).all()
            assert (second[1] == read_labels(pairs[1].label, LABELS)).all()
            return second

    image, labels, name, *_ = SegmentationDataset(pairs, Files(LABELS), augment, 0, mix=Everything())[
        SampleKey(0, 0)
    ]
    assert calls == [None, 2]
    assert name == "p0"
    assert (labels.numpy() == read_labels(pairs[1].label, LABELS)).all()
    assert (image == 2).all()


def test_real_labels_of_cityscapes(real_data):
    layout = Cityscapes(real_data / "samples" / "cityscapes_small")
    (pair,) = layout.pairs("val")
    labels = read_labels(pair.label, layout.labels)
    assert labels.shape == read_image(pair.image).shape[:2] == (128, 256)
    train_ids = np.array(Image.open(str(pair.label).replace("labelIds", "labelTrainIds")))
    # The two files were resized on their own: they differ on 0.23 % of the pixels, not on whole classes.
    assert (labels != train_ids).mean() < 0.005
