"""Whatever is typed, and whatever a checkpoint's config holds, ends in a sentence or in a config."""

import pytest
from conftest import compose_command
from damage import examples, tallied
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from atrous import build
from atrous.configs import config_folder
from atrous.folders import register_resolvers
from atrous.sentences import is_told, sentence
from atrous.trust import require_trusted


def keys(node, start=""):
    """Every dotted key of a config."""
    for key, value in node.items():
        yield f"{start}{key}"
        if isinstance(value, dict):
            yield from keys(value, f"{start}{key}.")


GROUPS = sorted(
    path.relative_to(config_folder()).as_posix() for path in config_folder().rglob("*") if path.is_dir()
)
CHOICES = sorted({path.stem for path in config_folder().rglob("*.yaml")})
ODD = [
    '', 'null', '???', 'true', 'nan', '-1', '1e400', '0x10', '[]', '{}', '[1,[2,{a: b}]]',
    '{a:1,a:2}', '[', '}', "'", '"', '\\', '$', '${', '${}', '${seed}', '${nowhere}',
    '${oc.env:NOWHERE}', "${oc.decode:'['}", '${seed:1}', 'a=b', '=', ',', '1,2', 'range(1,3)',
    'choice(a,b)', 'glob(*)', 'sort(3,1)', 'int(a)', 'str(1)', '..', '/', '~', '@', '\n',
    '\x00', '\U0001f600', 'a b', ' ', '${paths.output}', '${seed}${seed}', '${${seed}}',
    '<redacted>', '${oc.create:{_target_:os.system}}',
]  # fmt: skip
TEXT = st.text(max_size=12)
WORD = st.text("abz019_.-/", min_size=1, max_size=8)
NUMBER = st.one_of(st.integers(-3, 300), st.integers(), st.floats()).map(str)
VALUE = st.one_of(NUMBER, WORD, st.sampled_from(CHOICES), st.sampled_from(ODD), TEXT)


def mostly(usual, seldom):
    """Nine times of ten the first."""
    return st.integers(0, 9).flatmap(lambda drawn: usual if drawn else seldom)


@pytest.fixture(scope="module")
def composing(tmp_path_factory):
    """compose(overrides): the config of a training, as Hydra would hand it over."""
    output = tmp_path_factory.mktemp("fuzz")
    known = sorted(keys(build.plain(compose_command("train", [], output))))
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        register_resolvers()

        def make(overrides):
            own = [f"hydra.runtime.output_dir={output}", f"hydra.run.dir={output}"]
            cfg = compose("train", [*overrides, *own], return_hydra_config=True)
            HydraConfig.instance().set_config(cfg)
            OmegaConf.set_struct(cfg, False)
            del cfg["hydra"]
            return cfg

        yield make, known
    HydraConfig.instance().cfg = None


def as_cli_tells(error):
    text = sentence(error)
    assert text.strip(), repr(error)
    assert "\n" not in text, text


@examples(40)
@given(data=st.data())
def test_whatever_is_typed(composing, data):
    make, known = composing
    tally = tallied("config")
    name = st.sampled_from(known)
    key = mostly(name, mostly(st.sampled_from(GROUPS), TEXT))
    start = mostly(st.just(""), st.sampled_from(["+", "++", "~"]))
    built = st.builds("{}{}={}".format, start, key, VALUE)
    overrides = data.draw(st.lists(mostly(built, VALUE), min_size=1, max_size=3))
    try:
        cfg = make(overrides)
        assert isinstance(build.shown(cfg), dict)
        assert isinstance(build.written(cfg), dict)
        build.require_files(cfg)
        build.layout(cfg)
        build.num_workers(cfg)
    except Exception as error:
        if not is_told(error):
            raise
        as_cli_tells(error)
        tally("our error")
    else:
        assert isinstance(cfg, DictConfig)
        tally("a config")


ALLOWED = [
    "torch.optim.SGD",
    "atrous.losses.Dice",
    "albumentations.Compose",
    "segmentation_models_pytorch.Unet",
]
REFUSED = [
    "os.system",
    "torch.load",
    "atrous.data.dataset.torch.load",
    "atrous.commands.train.train",
    "torch.optim",
    "atrous",
]
WORDS = st.lists(
    st.sampled_from([*ALLOWED, *REFUSED, ".", "..", " ", "_", "torch", "optim", "SGD", "atrous", "losses"]),
    max_size=3,
)
TARGET = st.one_of(
    st.sampled_from([*ALLOWED, *REFUSED]),
    WORDS.map("".join),
    WORDS.map(".".join),
    st.one_of(TEXT, st.none(), st.integers(), st.lists(TEXT, max_size=1)),
)
NAMES = st.one_of(st.sampled_from(["_args_", "_partial_", "_recursive_", "a", "b"]), TEXT, st.integers())
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.sampled_from([*REFUSED, "${seed}"])
)
NODES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.dictionaries(NAMES, inner, max_size=3),
        st.builds(
            lambda node, target: {**node, "_target_": target},
            st.dictionaries(NAMES, inner, max_size=2),
            TARGET,
        ),
    ),
    max_leaves=20,
)


def targets(node):
    """Found by another way than trust.py goes: recursively."""
    if isinstance(node, dict):
        own = [node["_target_"]] if "_target_" in node else []
        return own + [target for value in node.values() for target in targets(value)]
    return [target for value in node for target in targets(value)] if isinstance(node, list | tuple) else []


def hides(node):
    """Whether a value is an interpolation; keys are none."""
    if isinstance(node, dict | list | tuple):
        return any(map(hides, node.values() if isinstance(node, dict) else node))
    return isinstance(node, str) and "${" in node


@examples(200)
@given(config=st.dictionaries(TEXT, NODES, max_size=3))
def test_whatever_a_stored_config_names(config):
    named = targets(config)
    try:
        require_trusted(config)
    except ValueError as error:
        as_cli_tells(error)
        assert hides(config) or any(target not in ALLOWED for target in named)
        tallied("trust")("our error")
    else:
        assert not hides(config)
        assert all(target in ALLOWED for target in named)
        tallied("trust")("trusted, as it should be")
