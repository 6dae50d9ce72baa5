import json
import shutil
from pathlib import Path

import evaluated
import pytest
from evaluated import write, write_run

from atrous.comparison.runs import find_scored
from atrous.comparison.scored import group

FLIP = "evaluate-test-last-flip"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three runs, one of them with a second evaluation, a sweep with a failed run, and two scored folders."""
    root = tmp_path_factory.mktemp("made")
    for seed in range(2):
        write_run(root / "runs" / f"a{seed}", seed=seed)
    write_run(root / "runs" / "b", seed=0, changes={"optimizer.lr": 0.2})
    for number in (0, 1, 10, 2):
        write_run(root / "sweep" / str(number), changes={"optimizer.lr": number / 10})
    (root / "sweep" / "3").mkdir()
    (root / "sweep" / "3" / "config.yaml").write_text("seed: 0\n")
    write_run(root / "flip", name="evaluate-test-last-flip")
    write(root / "flip" / "evaluate-test-last", evaluated.TRAINING)
    write(root / "scored" / "ours")
    write(root / "scored" / "theirs, with=signs", seed=2)
    write_run(root / "untested", name="evaluate-val-best")
    return root


def folders(root, *paths, evaluation=None):
    scored, notes = find_scored([str(root / path) for path in paths], evaluation)
    return [str(each.folder.relative_to(root)) for each in scored], notes


def test_a_scores_file_and_its_folder_are_the_same(made):
    expected = ["scored/ours", "scored/theirs, with=signs"]
    assert folders(made, "scored/ours", "scored/theirs, with=signs") == (expected, [])
    files = [f"{folder}/{name}" for folder, name in zip(expected, ("scores.json", "counts.npz"), strict=True)]
    assert folders(made, *files) == (expected, [])
    assert folders(made, "scored")[0] == expected


def test_a_run_is_its_evaluation(made):
    found, notes = folders(made, "runs/a0", "runs/b")
    assert found == ["runs/a0/evaluate-test-last", "runs/b/evaluate-test-last"]
    assert notes == []
    scored, _ = find_scored([str(made / "runs")])
    assert {name: len(members) for name, members in group(scored).items()} == {
        "optimizer.lr=0.1": 2,
        "optimizer.lr=0.2": 1,
    }
    assert scored[0].named == made / "runs" / "a0"
    assert scored[0].seed == 0


def test_a_sweep_is_its_runs_in_order_and_a_failed_one_is_told(made):
    found, (note,) = folders(made, "sweep")
    assert found == [f"sweep/{number}/evaluate-test-last" for number in (0, 1, 2, 10)]
    assert note == f"{made}/sweep/3 has no scores, and is left out."


def test_the_evaluation_that_all_runs_share_is_taken(made):
    assert folders(made, "runs/b", "flip")[0] == ["runs/b/evaluate-test-last", "flip/evaluate-test-last"]
    chosen = folders(made, "runs/b", "flip", evaluation="validation")[0]
    assert chosen == ["runs/b/validation", "flip/validation"]


def test_without_one_the_validations_are_compared_and_known_by_their_training(made):
    found, (note,) = folders(made, "runs/b", "untested")
    assert found == ["runs/b/validation", "untested/validation"]
    assert note.startswith("No evaluation is common to the runs but the last validation")
    scored, _ = find_scored([str(made / "runs"), str(made / "untested")])
    assert [len(members) for members in group(scored).values()] == [3, 1]


def test_what_is_named_twice_counts_once(made):
    found, notes = folders(made, "runs/a0", "runs", "runs/a0/evaluate-test-last")
    assert found == [f"runs/{name}/evaluate-test-last" for name in ("a0", "a1", "b")]
    assert notes == [
        f"{made}/runs/a0 was named before, and counts once.",
        f"{made}/runs/a0/evaluate-test-last was named before, and counts once.",
    ]


def test_two_evaluations_of_one_run_are_two(made):
    found, _ = folders(made, "flip/evaluate-test-last", "flip/evaluate-test-last-flip")
    assert found == ["flip/evaluate-test-last", "flip/evaluate-test-last-flip"]


@pytest.mark.parametrize(
    ("paths", "evaluation", "message"),
    [
        ([], None, "two or more evaluations are needed: atrous compare runs/a runs/b"),
        (["runs/b"], None, "two or more evaluations are needed, not one, that of {}/runs/b: atrous"),
        (["runs/b", "runs/b/evaluate-test-last"], None, "two or more evaluations are needed"),
        (["runs/b", "nowhere"], None, "{}/nowhere: no such file or folder; give a scores.json"),
        (["runs/b", "runs/b/config.yaml"], None, "{}/runs/b/config.yaml: not a scores.json; give one"),
        (["runs/b", "sweep/3"], None, "{}/sweep/3: holds no evaluation (scores.json); write one: "),
        (["flip", "flip2"], None, f"the runs share several evaluations: evaluate-test-last, {FLIP}; "
         "choose one: evaluation=evaluate-test-last"),
        (["runs/b", "flip"], FLIP, f"evaluation={FLIP}: {{}}/runs/b has none of this name; it has "
         "evaluate-test-last, validation"),
        (["runs/b", "bare"], None, "no evaluation is common to the runs: {}/runs/b has evaluate-test-last, "
         "validation; {}/bare has evaluate-val-best; evaluate the runs alike"),
        (["scored"], "x", "evaluation=x: none of {}/scored is a run folder; leave it out"),
        (["runs/b", "old"], None, "{}/old/scores.json: not of format 1, which this Atrous reads"),
        (["runs/b", "torn"], None, "{}/torn/scores.json: cannot be read (Expecting"),
        (["runs/b", "torn_config"], None, "{}/torn_config/config.yaml: cannot be read as a config ("),
        (["runs/b", "list_config"], None, "{}/list_config/config.yaml: not a config"),
        (["runs/b", "no_counts"], None, "{}/no_counts/counts.npz: cannot be read as counts"),
    ],
)  # fmt: skip
def test_what_cannot_be_found_or_read_is_told(made, tmp_path, paths, evaluation, message):
    root = tmp_path / "copy"
    shutil.copytree(made, root)
    shutil.copytree(root / "flip", root / "flip2")
    shutil.copytree(root / "untested", root / "bare")
    shutil.rmtree(root / "bare" / "validation")
    for name, file, text in (
        ("old", "scores.json", json.dumps({"format": 0})),
        ("torn", "scores.json", "{"),
        ("torn_config", "config.yaml", "a: [1"),
        ("list_config", "config.yaml", "[1]"),
        ("no_counts", "counts.npz", ""),
    ):
        Path(shutil.copytree(root / "scored" / "ours", root / name) / file).write_text(text)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        find_scored([str(root / path) for path in paths], evaluation)
    assert message.replace("{}", str(root)) in str(raised.value)
