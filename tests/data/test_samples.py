"""Real files of each data set at hand, from their native trees to samples."""

from pathlib import Path

import pytest

from atrous.data.dataset import SampleKey, SegmentationDataset
from atrous.data.layouts.cihp import Cihp
from atrous.data.layouts.cityscapes import Cityscapes
from atrous.data.layouts.mads import Mads
from atrous.data.layouts.voc import Voc
from atrous.data.reading import Files

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
CASES = [
    (
        "cihp_native", Cihp, {}, "train",
        {
            "0002190": {0, 2, 5, 10, 13, 15},
            "0005008": {0, 1, 2, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18},
            "0012008": {0, 1, 2, 5, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19},
            "0026375": {0, 2, 5, 13, 14, 15},
        },
    ),
    ("cihp_native", Cihp, {}, "val", {"0032190": {0, 1, 2, 5, 6, 9, 10, 13, 14, 15}}),
    (
        "cityscapes_small", Cityscapes, {}, "val",
        {"frankfurt_000000_000294": {0, 1, 2, 4, 5, 7, 8, 10, 11, 13, 255}},
    ),
    (
        "cityscapes_small", Cityscapes, {"num_classes": 20}, "val",
        {"frankfurt_000000_000294": {0, 1, 2, 4, 5, 7, 8, 10, 11, 13, 19}},
    ),
    (
        "voc_native", Voc, {"year": 2007}, "trainval",
        {"2011_000003": {0, 5, 15, 255}, "2011_000006": {0, 9, 15, 18, 255}, "2011_000025": {0, 6, 7}},
    ),
    ("mads_native/DeepLab", Mads, {"fractions": SHARES}, "train", {"image": {0, 1}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "layout", "options", "split", "expected"), CASES, ids=lambda value: str(value)[:30]
)
def test_samples(real_data, folder, layout, options, split, expected):
    """Classes as a look into the files gave them: index or raw id, 255 for the ignored."""
    found = layout(real_data / Path("samples") / folder, **options)
    data = SegmentationDataset(found.pairs(split), Files(found.labels, found.label_format), None, seed=0)
    samples = [data[SampleKey(0, index)] for index in range(len(data))]
    assert {sample.name: set(sample.labels.unique().tolist()) for sample in samples} == expected
    assert all(sample.image.shape == (3, *sample.labels.shape) for sample in samples)


def test_the_real_mask_is_smooth_and_mostly_background(real_data):
    layout = Mads(real_data / "samples/mads_native/DeepLab", SHARES)
    data = SegmentationDataset(layout.pairs("train"), Files(layout.labels, layout.label_format), None, 0)
    share = data[SampleKey(0, 0)].labels.float().mean().item()
    assert 0.01 < share < 0.5
