import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from atrous.cli import help_text, keyed
from atrous.folders import register_resolvers
from atrous.sentences import is_told, sentence

AWKWARD = st.text("ab/ =,'\"\\[]{}().:*-", min_size=1).filter(lambda path: not path.startswith("-"))


def read(argument):
    (override,) = OverridesParser.create().parse_overrides([argument])
    assert override.key_or_group == "runs"
    return override.value()


def test_arguments_without_a_key_are_collected():
    argv = ["runs/a", "output=x", "--cfg", "job", "-m", "runs/b", "--config-dir=c"]
    *others, ours = keyed(argv, "runs")
    assert others == ["output=x", "--cfg", "job", "-m", "--config-dir=c"]
    assert read(ours) == ["runs/a", "runs/b"]
    assert keyed(["output=x"], "runs") == ["output=x"]


def test_what_lies_on_disk_is_a_path_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model=unet,lr=0.1").mkdir()
    assert read(keyed(["model=unet,lr=0.1", "model=fpn"], "runs")[-1]) == ["model=unet,lr=0.1"]


@given(st.lists(AWKWARD.filter(lambda path: "=" not in path), min_size=1, max_size=3))
def test_hydra_reads_every_path_as_it_was_written(paths):
    assert read(keyed(paths, "runs")[-1]) == paths


def test_paths_and_their_key_together_are_refused():
    with pytest.raises(
        ValueError, match=r"runs= is given beside a; name all as arguments, or all in runs=\[\.\.\.\]"
    ):
        keyed(["a", "runs=[b,c]"], "runs")


def test_help_lists_what_can_be_chosen_and_what_was():
    register_resolvers()
    text = help_text("train", ["model=unet"])
    groups = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0].islower())
    assert groups["optimizer"] == "adadelta, adam, adamw, sgd"  # _base is a part of others
    assert "segmentation_models_pytorch.Unet" in text
    assert "  compile: false" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["model"], "'model': not an option (missing EQUAL at '<EOF>'); expected KEY=VALUE"),
        (
            ["seed=a (b)"],
            "'seed=a (b)': not an option (Unknown function 'a'); expected KEY=VALUE, such as",
        ),
        (["inference=[1,[2,{a: b}]]"], "these options make no config ("),
        (["+="], "these options make no config ("),
        (["+data.root=x"], "Could not append to config. An item is already at 'data.root'. Either remove"),
    ],
)
def test_what_hydra_cannot_read_is_one_sentence(options, said):
    register_resolvers()
    with pytest.raises(Exception, match=r"\S") as raised:
        help_text("train", options)
    assert is_told(raised.value)
    assert sentence(raised.value).startswith(said)
    assert "\n" not in sentence(raised.value)


def test_a_mistake_of_ours_is_no_sentence():
    with pytest.raises(TypeError) as raised:
        keyed(None, "runs")
    assert not is_told(raised.value)
