"""A small data set with damaged files, and the config of a training on it."""

import fabricate
from conftest import compose_command
from PIL import Image


def damaged(folder):
    """A data set of eight training pictures, of which the files of three are damaged in different ways."""
    fabricate.folder(folder)
    (folder / "images/train/picture1.png").write_bytes(b"")
    label = folder / "labels/train/picture4.png"
    label.write_bytes(label.read_bytes()[:-30])
    Image.new("L", (64, 48), 77).save(folder / "labels/train/picture6.png")
    return folder


BAD = {
    "images/train/picture1.png": "cannot be read as a picture (the file is empty); replace the file",
    "labels/train/picture4.png": "cannot be read as a picture",
    "labels/train/picture6.png": "label value 77 is not in label set 'mine'",
}


def config(root, output, *options):
    chosen = (*fabricate.MINE, f"data.root={root}", "data.crop_size=[32,32]", "data.batch_size=2", "seed=3")
    return compose_command("train", ["data=folder", *chosen, *options], output)
