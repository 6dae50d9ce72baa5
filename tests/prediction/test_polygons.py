"""A region drawn again from its polygon, or from COCO's run lengths, is the region."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atrous.prediction.polygons import regions, signed_area
from atrous.prediction.writers import run_lengths

INDICES = arrays.arrays(
    "uint8", st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 255])
)


def drawn(rings, shape):
    """Even-odd: a pixel is inside if the edges to its left are of an odd number."""
    edges = np.zeros((shape[0], shape[1] + 1), int)
    for ring in rings:
        for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            assert (x == next_x) != (y == next_y)  # along the edges of pixels, corner to corner
            if x == next_x:
                edges[min(y, next_y) : max(y, next_y), x] += 1
    return edges.cumsum(1)[:, :-1] % 2 == 1


def unrolled(segmentation):
    """As pycocotools reads run lengths."""
    height, width = segmentation["size"]
    inside = np.arange(len(segmentation["counts"])) % 2 == 1
    return np.repeat(inside, segmentation["counts"]).reshape(width, height).T


@given(INDICES)
def test_regions_drawn_again_are_the_picture(indices):
    again = np.full(indices.shape, 255, np.uint8)
    for region in regions(indices, 2):
        rings = (region.outer, *region.holes)
        mask = drawn(rings, indices.shape)
        assert (again[mask] == 255).all()  # no pixel is in two regions
        again[mask] = region.class_index
        assert mask.sum() == region.area == sum(signed_area(ring) for ring in rings)
        assert signed_area(region.outer) > 0
        assert all(signed_area(hole) < 0 for hole in region.holes)
        assert all(len({tuple(point) for point in ring}) == len(ring) for ring in rings)  # none meets itself
        left, top, width, height = region.box
        assert np.array_equal(region.outer.min(0), [left, top])
        assert np.array_equal(region.outer.max(0), [left + width, top + height])
        segmentation = run_lengths(region, *indices.shape)
        assert sum(segmentation["counts"]) == indices.size
        assert np.array_equal(unrolled(segmentation), mask)
    assert np.array_equal(again, indices)


def test_a_ring_of_pixels_has_a_hole_and_what_lies_in_it_is_a_region():
    indices = np.zeros((5, 5), np.uint8)
    indices[1:4, 1:4] = 1
    indices[2, 2] = 0
    around, island, ring = regions(indices, 2)
    assert (around.area, island.area, ring.area) == (16, 1, 8)
    assert [len(each.holes) for each in (around, island, ring)] == [1, 0, 1]
    assert sorted(island.outer.tolist()) == [[2, 2], [2, 3], [3, 2], [3, 3]]


def test_small_regions_can_be_left_out():
    indices = np.array([[1, 0, 1, 1]], np.uint8)
    assert [region.area for region in regions(indices, 2, min_area=2)] == [2]
