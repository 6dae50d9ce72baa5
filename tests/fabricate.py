"""Small data sets in the native trees of the real ones.

A choice in conf/data is tested by a function of its name here, one in conf/data/source by source_<name>, one
in conf/data/label_format by label_format_<name>.  Each returns the overrides that the choice needs.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from atrous.data.layouts.camvid import COLORS, VOID
from atrous.labels import voc_color

SIZE = (48, 64)
COUNTS = (("train", 8), ("val", 3), ("test", 3))
MINE = ["data.layout.label_set.name=mine", "data.layout.label_set.classes=[ground,left,right]"]
PERSON = ["data.layout.label_set.name=person", "data.layout.label_set.classes=[ground,person]"]


def grey(ids: np.ndarray) -> Image.Image:
    """The ids as the picture's values."""
    return Image.fromarray(ids.astype(np.uint8))


def palette(ids: np.ndarray) -> Image.Image:
    """The ids as indices of VOC's palette."""
    image = grey(ids)
    image.putpalette([value for index in range(256) for value in voc_color(index)])
    return image


def colored(colors: list) -> Callable[[np.ndarray], Image.Image]:
    """The ids as colours: position in ``colors``."""
    return lambda ids: Image.fromarray(np.array(colors, np.uint8)[ids])


def smooth_mask(ids: np.ndarray) -> Image.Image:
    """Ids 0 and 1 as black and white with soft edges, RGB."""
    return grey(ids * 255).filter(ImageFilter.GaussianBlur(1)).convert("RGB")


def write_pair(
    image: Path,
    label: Path | None,
    ids: list[int],
    seed: int,
    size: tuple[int, int] = SIZE,
    spell: Callable[[np.ndarray], Image.Image] = grey,
) -> None:
    """A picture whose colours say which of ``ids`` a patch has, and its labels as ``spell`` writes them."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, len(ids), (size[0] // 16, size[1] // 16))
    which = patches.repeat(16, 0).repeat(16, 1)
    colors = np.random.default_rng(0).integers(0, 256, (len(ids), 3)).astype(np.uint8)
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colors[which]).save(image)
    if label is not None:
        label.parent.mkdir(parents=True, exist_ok=True)
        spell(np.array(ids)[which]).save(label)


def turned_by(orientation: int) -> Image.Exif:
    """EXIF data that say so."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def write_text(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def synthetic(root: Path) -> list[str]:
    return ["data.layout.size=64", "data.layout.num_scenes={train: 8, val: 3, test: 3}"]


def camvid(root: Path) -> list[str]:
    for split, count in COUNTS:
        for index in range(count):
            name = f"0001TP_{index:06d}.png"
            write_pair(root / split / name, root / f"{split}annot" / name, list(range(12)), index)
    return []


CAMVID_COLORS = [color for colors in COLORS.colors.values() for color in colors] + [VOID]


def camvid_full(root: Path) -> list[str]:
    train = [f"0001TP_{frame:06d}" for frame in (6690, 8520)] + ["0006R0_f00930", "0016E5_08190"]
    val, test = ["0016E5_07959", "0016E5_08159"], ["0001TP_008550", "Seq05VD_f00000"]
    for seed, name in enumerate([*train, *val, *test]):
        write_pair(
            root / "701_StillsRaw_full" / f"{name}.png",
            root / "LabeledApproved_full" / f"{name}_L.png",
            list(range(len(CAMVID_COLORS))),
            seed,
            spell=colored(CAMVID_COLORS),
        )
    return []


def camvid_divided(root: Path) -> None:
    for split, count in COUNTS:
        for index in range(count):
            name = f"0001TP_{index:06d}"
            write_pair(
                root / split / f"{name}.png",
                root / f"{split}_labels" / f"{name}_L.png",
                list(range(len(CAMVID_COLORS))),
                index,
                spell=colored(CAMVID_COLORS),
            )


def cityscapes(root: Path) -> list[str]:
    for split, count in (("train", 8), ("val", 3), ("test", 2)):
        for index in range(count):
            city = ("aachen", "bochum")[index % 2]
            stem = f"{city}_{index:06d}_000019"
            write_pair(
                root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png",
                root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png",
                [0, 1, 3, 7, 8, 11, 13, 19, 21, 23, 24, 26, 33, 255],
                index,
            )
    return []


def instances(label: Path) -> None:
    """The instanceIds beside a Cityscapes label file: of every class that has objects, each patch is one."""
    raw = np.array(Image.open(label)).astype(np.int32)
    patches = np.arange(raw.size // 256).reshape(raw.shape[0] // 16, -1).repeat(16, 0).repeat(16, 1)
    ids = np.where((raw >= 24) & (raw <= 33), 1000 * raw + patches, raw)
    name = label.name.replace("_labelIds", "_instanceIds")
    Image.fromarray(ids.astype(np.uint16)).save(label.with_name(name))


def cihp(root: Path) -> list[str]:
    root = root / "instance-level_human_parsing"
    for folder, split, count in (("Training", "train", 8), ("Validation", "val", 3)):
        names = [f"{index:07d}" for index in range(count)]
        for seed, name in enumerate(names):
            image = root / folder / "Images" / f"{name}.jpg"
            write_pair(image, root / folder / "Category_ids" / f"{name}.png", list(range(20)), seed)
        write_text(root / folder / f"{split}_id.txt", names)
    write_pair(root / "Testing" / "Images" / "0000009.jpg", None, list(range(20)), 9)
    return []


def lip(root: Path) -> list[str]:
    for split, count in (("train", 8), ("val", 3)):
        for index in range(count):
            write_pair(
                root / "TrainVal_images" / f"{split}_images" / f"{index}_1.jpg",
                root / "TrainVal_parsing_annotations" / f"{split}_segmentations" / f"{index}_1.png",
                list(range(20)),
                index,
            )
    return []


def voc2007(root: Path) -> list[str]:
    return _voc(root, 2007)


def voc2012(root: Path) -> list[str]:
    made = _voc(root, 2012)
    root = root / "VOCdevkit/VOC2012"
    names = [f"2012_{index:06d}" for index in range(14)]
    for seed, name in enumerate(names):
        image = root / "JPEGImages" / f"{name}.jpg"
        write_pair(image, root / "SegmentationClassAug" / f"{name}.png", [*range(21), 255], seed)
    write_text(root / "ImageSets/Segmentation/trainaug.txt", names[:10])
    return made


def _voc(root: Path, year: int) -> list[str]:
    """More pictures than labels, as in the real one."""
    root = root / f"VOCdevkit/VOC{year}"
    names = [f"{year}_{index:06d}" for index in range(16)]
    parts = {"train": names[:8], "val": names[8:11], "test": names[11:14]}
    for seed, name in enumerate(names):
        labelled = name in parts["train"] + parts["val"] or (year == 2007 and name in parts["test"])
        label = root / "SegmentationClass" / f"{name}.png" if labelled else None
        write_pair(root / "JPEGImages" / f"{name}.jpg", label, [*range(21), 255], seed, spell=palette)
    for split, listed in (parts | {"trainval": parts["train"] + parts["val"]}).items():
        write_text(root / "ImageSets/Segmentation" / f"{split}.txt", listed)
    return []


def mads(root: Path) -> list[str]:
    root = root / "segmentation_full_body_mads_dataset_1192_img"
    names = [f"HipHop_HipHop1_C0_{index:05d}.png" for index in range(20)]
    for seed, name in enumerate(names):
        write_pair(root / "images" / name, root / "masks" / name, [0, 1], seed, spell=smooth_mask)
    write_text(root / "df.csv", ["images,masks", *(f"images/{name},masks/{name}" for name in names)])
    return []


def mads_divided(root: Path) -> None:
    for split, count in COUNTS:
        for index in range(count):
            image, mask = (root / f"{split.title()}_{kind}" for kind in ("Images", "Masks"))
            write_pair(image / f"{index}.png", mask / f"{index}.png", [0, 1], index, spell=smooth_mask)


def ade20k(root: Path) -> list[str]:
    root = root / "ADEChallengeData2016"
    for folder, short, count in (("training", "train", 8), ("validation", "val", 3)):
        for index in range(1, count + 1):
            name = f"ADE_{short}_{index:08d}"
            image, label = root / "images" / folder / f"{name}.jpg", root / "annotations" / folder
            write_pair(image, label / f"{name}.png", list(range(151)), index)
    return []


def coco_stuff(root: Path) -> list[str]:
    for split, count in (("train2017", 8), ("val2017", 3)):
        for index in range(count):
            image, label = root / "images" / split, root / "annotations" / split
            write_pair(image / f"{index:012d}.jpg", label / f"{index:012d}.png", [0, 12, 89, 181, 255], index)
    return []


def folder(root: Path) -> list[str]:
    for split, count in COUNTS:
        for index in range(count):
            name = f"picture{index}"
            write_pair(
                root / "images" / split / f"{name}.png",
                root / "labels" / split / f"{name}.png",
                [0, 1, 2, 255],
                index,
            )
    return MINE


def source_folders(root: Path) -> list[str]:
    return folder(root)


def _flat(root: Path) -> dict[str, list[str]]:
    """Pairs of all splits in one folder each; names by split."""
    names = {split: [f"{split}{index}" for index in range(count)] for split, count in COUNTS}
    for seed, name in enumerate(name for listed in names.values() for name in listed):
        write_pair(root / "images" / f"{name}.png", root / "labels" / f"{name}.png", [0, 1, 2, 255], seed)
    return names


def source_ids(root: Path) -> list[str]:
    for split, names in _flat(root).items():
        write_text(root / f"{split}.txt", names)
    return MINE


def source_list(root: Path) -> list[str]:
    for split, names in _flat(root).items():
        write_text(
            root / f"{split}.txt", [f"/old/images/{name}.png /old/labels/{name}.png" for name in names]
        )
    return [*MINE, "data.source.prefix=/old"]


def source_csv(root: Path) -> list[str]:
    names = [name for listed in _flat(root).values() for name in listed]
    write_text(
        root / "pairs.csv", ["image,label", *(f"images/{name}.png,labels/{name}.png" for name in names)]
    )
    return [*MINE, "data.fractions={train: 0.6, val: 0.2, test: 0.2}"]


def label_format_index(root: Path) -> list[str]:
    return folder(root)


def _labels(root: Path, ids: list[int], spell: Callable[[np.ndarray], Image.Image]) -> None:
    for split, count in COUNTS:
        for index in range(count):
            image, label = (root / kind / split / f"{index}.png" for kind in ("images", "labels"))
            write_pair(image, label, ids, index, spell=spell)


def label_format_colors(root: Path) -> list[str]:
    _labels(root, [0, 1, 2, 3, 4], colored([(9, 9, 9), (255, 0, 0), (0, 0, 255), (0, 0, 200), (0, 0, 0)]))
    colors = "{ground: [9, 9, 9], left: [255, 0, 0], right: [[0, 0, 255], [0, 0, 200]]}"
    return [*MINE, f"data.label_format.colors={colors}", "data.label_format.ignore=[[0,0,0]]"]


def label_format_threshold(root: Path) -> list[str]:
    _labels(root, [0, 1], smooth_mask)
    return PERSON
