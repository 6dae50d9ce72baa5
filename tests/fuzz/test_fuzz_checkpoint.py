"""Damaged checkpoints end in a sentence, or in the right content to the last bit."""

import torch
from damage import STEPS, damaged, examples, require_ours, tallied
from hypothesis import example, given
from hypothesis import strategies as st

from atrous import exported
from atrous.checkpoint import load, read


def same(one, other):
    """Equal to the last bit, however deep."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@examples(150)
@given(steps=STEPS)
@example(steps=[("flip", 0.5, 0, 1, b"a")])
def test_a_damaged_checkpoint(small_run, tmp_path, steps):
    whole = small_run / "last.ckpt"
    path, tally = tmp_path / "last.ckpt", tallied("checkpoint")
    path.write_bytes(damaged(whole.read_bytes(), steps))
    try:
        found, stored = load(path), read(path)
    except ValueError as error:
        require_ours(error, path.parent)
        tally("our error")
    else:
        assert same(found, load(whole))
        right = read(whole)
        assert same(dict(stored.state_dict), dict(right.state_dict))
        assert (stored.config, stored.labels, stored.step, stored.seconds) == (
            right.config, right.labels, right.step, right.seconds,
        )  # fmt: skip
        tally("right result")


@examples(100)
@given(steps=STEPS, which=st.sampled_from(["net.safetensors", "net.json"]))
def test_damaged_exported_weights(small_run, tmp_path, steps, which):
    right, tally = read(small_run / "last.ckpt"), tallied("exported weights")
    path = tmp_path / "net.safetensors"
    if not (tmp_path / "whole.safetensors").exists():
        described = exported.About(right.config, right.labels, right.step, right.seconds)
        exported.write(tmp_path / "whole.safetensors", described, right.state_dict)
    for name in ("safetensors", "json"):
        content = (tmp_path / f"whole.{name}").read_bytes()
        chosen = which == f"net.{name}"
        (tmp_path / f"net.{name}").write_bytes(damaged(content, steps) if chosen else content)
    try:
        stored = read(path)
    except ValueError as error:
        require_ours(error, path.parent)
        tally("our error")
    else:
        assert same(dict(stored.state_dict), {name: right.state_dict[name] for name in stored.state_dict})
        assert (stored.config, stored.labels, stored.step, stored.seconds) == (
            right.config, right.labels, right.step, right.seconds,
        )  # fmt: skip
        tally("right result")


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(torch.zeros(2)),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(-2, 300)), inner, max_size=3),
    ),
    max_leaves=8,
)


def places(data, path=()):
    """The paths of all entries of nested mappings and lists, without the optimizer's."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


@examples(150)
@given(data=st.data())
def test_contents_of_other_kinds(small_run, tmp_path, data):
    """An entry, wherever it lies, is gone or something else; the file itself is whole."""
    tally, path = tallied("checkpoint contents"), tmp_path / "last.ckpt"
    whole = load(small_run / "last.ckpt")
    own = {key: whole[key] for key in ("atrous", "state_dict", "global_step")}
    chosen = data.draw(st.sampled_from(sorted(places(own), key=repr)))
    place = own
    for key in chosen[:-1]:
        place = place[key]
    if data.draw(st.booleans()):
        del place[chosen[-1]]
    else:
        place[chosen[-1]] = data.draw(VALUES)
    torch.save(own, path)
    try:
        stored = read(path)
    except ValueError as error:
        require_ours(error, path.parent)
        tally("our error")
    else:
        assert stored.labels.num_classes == len(stored.labels.colors) >= 2
        assert isinstance(stored.config, dict)
        assert all(isinstance(tensor, torch.Tensor) for tensor in stored.state_dict.values())
        assert stored.step >= 0
        assert stored.seconds >= 0
        tally("read as what it now holds")
