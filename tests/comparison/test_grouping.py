"""Which evaluations are seeds of one config, and what groups are called."""

from pathlib import Path

import evaluated
import pytest

from atrous.comparison.notes import config_differences, notes
from atrous.comparison.scored import Scored, group
from atrous.settings import differing, names, settings, short_paths

UNET = {"model.net._target_": "smp.smp", "model.net.architecture._target_": "smp.Unet", "optimizer.lr": 0.1}
FPN = UNET | {"model.net.architecture._target_": "smp.FPN"}


def scored(path, config=None, **about):
    return Scored(Path(path), Path(path), evaluated.evaluation(names=range(6)), about, config)


def test_what_cannot_change_the_weights_does_not_matter():
    one = {
        "seed": 0,
        "resume": None,
        "paths": {"output": "a", "data": "d"},
        "data": {
            "num_workers": 1,
            "cache": "disk",
            "cache_dir": "/fast",
            "batch_size": 2,
            "splits": {"train": "train", "test": "val"},
        },
        "inference": {"window_batch": 4, "flip": True},
        "logger": {"csv": {"save_dir": "x"}},
        "trainer": {"max_steps": 3, "accelerator": "gpu"},
        "model": {"widths": [1, 2]},
    }
    assert settings(one) == {
        "seed": 0,
        "paths.data": "d",
        "data.batch_size": 2,
        "data.splits.train": "train",
        "inference.flip": True,
        "trainer.max_steps": 3,
        "model.widths": [1, 2],
    }


def test_differences_are_of_values_not_of_what_points_to_them():
    one = {"a": 1, "b": "${a}", "c": "x"}
    other = {"a": 2, "c": "x", "d": "/data"}
    assert differing([one, other]) == {"a": [1, 2], "d": [None, "/data"]}
    moved = differing([{"root": "${paths.data}/x"}, {"root": "/x"}])
    assert moved == {"root": ["${paths.data}/x", "/x"]}


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([UNET, FPN], ["model=Unet", "model=FPN"]),
        ([UNET, UNET | {"optimizer.lr": 0.01}], ["optimizer.lr=0.1", "optimizer.lr=0.01"]),
        (
            [UNET, FPN, UNET | {"optimizer.lr": 1}],
            ["model=Unet, optimizer.lr=0.1", "model=FPN, optimizer.lr=0.1", "model=Unet, optimizer.lr=1"],
        ),
        ([UNET | {"flip": True}, UNET | {"flip": False}], ["flip=true", "flip=false"]),
        ([UNET | {"n": 1}, UNET | {"n": None}], ["n=1", "n=null"]),
        ([UNET | {"scales": [1.0, 2.0]}, UNET | {"scales": [1.0]}], ["scales=[1.0,2.0]", "scales=[1.0]"]),
        ([UNET, UNET | {"mix._target_": "atrous.data.mix.ClassMix"}], ["0", "mix=ClassMix"]),
        ([UNET, UNET | {"model.dropout": 0.1}], ["0", "1"]),
        ([UNET | {"weights": "x" * 60}, UNET | {"weights": "y" * 60}], ["0", "1"]),
        ([UNET, None], ["0", "1"]),
        ([None, UNET, FPN], ["0", "model=Unet", "model=FPN"]),
    ],
)
def test_names_are_short_and_tell_apart(several, expected):
    assert names(several, [str(place) for place in range(len(several))]) == expected


def test_paths_are_as_short_as_they_can_be():
    paths = [Path("runs/a"), Path("runs/b"), Path("other/b"), Path("b")]
    assert short_paths(paths) == ["a", "runs/b", "other/b", f"{Path.cwd().name}/b"]
    assert short_paths([Path("a"), Path("a/a")])[1] == "a/a"


def test_seeds_of_one_config_are_a_group():
    several = [scored(f"runs/{name}", UNET | {"seed": seed}) for seed, name in enumerate("abc")]
    several.insert(1, scored("runs/d", FPN | {"seed": 0}))
    several.append(scored("theirs"))
    found = group(several)
    assert {name: [each.named.name for each in members] for name, members in found.items()} == {
        "model=Unet": ["a", "b", "c"],
        "model=FPN": ["d"],
        "theirs": ["theirs"],
    }
    assert [each.seed for each in found["model=Unet"]] == [0, 1, 2]
    assert [len(members) for members in group(several, seeds=False).values()] == [1] * 5
    assert next(iter(group(several, seeds=False))) == "model=Unet, seed=0"


def test_a_group_without_a_telling_config_is_called_by_its_first_folder():
    seeds = [scored(f"runs/{name}", UNET | {"seed": seed}) for seed, name in enumerate("ab")]
    assert list(group([*seeds, scored("theirs")])) == ["a and 1 more", "theirs"]


def test_nothing_gets_lost_where_names_are_alike():
    several = [scored("model=Unet"), scored("x", UNET), scored("y", FPN)]
    assert sum(map(len, group(several).values())) == 3


def test_oddities_are_told():
    one = [scored("a", UNET | {"seed": 1}, step=10), scored("b", UNET | {"seed": 1}, step=20)]
    cost = {"device": "x"}
    other = [
        scored("c", FPN | {"seed": 2, "optimizer.lr": 1}, costs=cost),
        scored("d", None, costs={"device": "y"}),
    ]
    groups = {"A": one, "B": other[:1], "C": other[1:]}
    said = " ".join(notes(groups))
    assert "A: a and b have the same seed, 1; their spread is not that of seeds." in said
    assert "A: its runs were evaluated after 10, 20 steps." in said
    assert "different devices: x, y" in said
    assert "configs differ in model.net.architecture._target_, optimizer.lr." in said
    assert "too few for an interval: rare" in said
    assert config_differences(groups)["optimizer.lr"] == {"A": 0.1, "B": 1}
    assert "train each with several" in said
    assert "standard deviation stands beside" in " ".join(notes({"A": one, "B": one}))
