import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.layouts.packed import PackedPairs
from atrous.data.layouts.pairs import Pair

files = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda text: text not in (".", ".."))
paths = st.builds(
    lambda folder, file: Path("/data") / folder / file, st.sampled_from(["a", "b/ü", "c d"]), files
)
pairs = st.lists(
    st.builds(
        Pair,
        st.text(max_size=9).map(lambda text: text.replace("\0", "")),
        paths,
        st.none() | paths,
        st.none() | paths,
    )
)


@given(pairs, st.data())
def test_packed_pairs_are_the_pairs(listed, data):
    packed = PackedPairs(listed)
    assert len(packed) == len(listed)
    assert list(packed) == listed
    where = data.draw(st.slices(len(listed)))
    assert packed[where] == listed[where]
    for index in range(-len(listed), len(listed)):
        assert packed[index] == listed[index]
    with pytest.raises(IndexError):
        packed[len(listed)]


def test_names_that_are_no_text_are_kept():
    odd = Path(os.fsdecode(b"/data/\xff.png"))
    assert list(PackedPairs([Pair("\udcff", odd, None)])) == [Pair("\udcff", odd, None)]


def test_they_take_little_memory():
    listed = [
        Pair(
            f"picture_{index:07d}",
            Path(f"/data/images/{index:07d}.jpg"),
            Path(f"/data/labels/{index:07d}.png"),
        )
        for index in range(2000)
    ]
    packed = PackedPairs(listed)
    assert (len(packed._text) + packed._ends.nbytes + packed._parents.nbytes) / len(packed) < 100
    assert packed._folders == [Path("/data/images"), Path("/data/labels")]
