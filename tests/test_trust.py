"""A config out of a checkpoint builds what is listed and nothing else, however it is spelt."""

import importlib
import inspect
import pkgutil
import sys
import tomllib
import warnings
from collections import Counter
from importlib.metadata import packages_distributions

import pytest
from conftest import CHECKOUT
from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError, InterpolationResolutionError

from atrous import build
from atrous.trust import LIBRARIES, NEVER, OWN, TRAINING, require_trusted

DANGEROUS = [
    "torch.load",
    "torch.hub.load",
    "torch.hub.load_state_dict_from_url",
    "torch.serialization.load",
    "torch.utils.cpp_extension.load_inline",
    "numpy.load",
    "numpy.lib.npyio.load",
    "pickle.load",
    "shutil.copy",
    "shutil.rmtree",
    "pathlib.Path",
    "pathlib.Path.write_text",
    "os.system",
    "os.remove",
    "posix.system",
    "subprocess.run",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "builtins.getattr",
    "builtins.__import__",
    "hydra.utils.get_method",
    "hydra.utils.get_class",
    "hydra.utils.get_object",
    "hydra.utils.instantiate",
    "hydra.utils.call",
    "hydra._internal.instantiate._instantiate2.instantiate",
    "importlib.import_module",
    "runpy.run_path",
    "code.InteractiveInterpreter",
    "functools.partial",
    "operator.attrgetter",
    "yaml.unsafe_load",
    "omegaconf.OmegaConf.load",
    "joblib.load",
    "ctypes.CDLL",
    "webbrowser.open",
    "atrous.torch_file.read_trusted",
]
# Real names under which allowed packages hold what others define.
ALIASES = [
    "atrous.cli.os.system",
    "atrous.commands.train.train",
    "atrous.data.dataset.torch.load",
    "atrous.data.decoders.np.load",
    "atrous.data.cache.os.remove",
    "atrous.data.cache.Path",
    "atrous.data.cache.Path.write_text",
    "atrous.data.statistics.np.load",
    "atrous.data.processes.partial",
    "atrous.callbacks.predictions.Path",
    "atrous.models.smp.Path",
    "atrous.models.smp.get_encoder_names",
    "atrous.models.smp.weights_file.__globals__",
    "atrous.models.pretrained.read_plain",
    "atrous.models.eomt.timm.create_model",
    "atrous.losses.torch.hub.load",
    "segmentation_models_pytorch.encoders.load_file",
    "segmentation_models_pytorch.base.hub_mixin.Path",
    "segmentation_models_pytorch.encoders.timm.create_model",
    "segmentation_models_pytorch.from_pretrained",
    "albumentations.load",
    "albumentations.from_dict",
    "albumentations.nowhere",
    "albumentations.core.serialization.SerializableMeta",
    "albumentations.core.serialization.yaml.unsafe_load",
    "albumentations.core.serialization.Path",
    "torch.optim.SGD.mro",
    "torch.optim.optimizer.torch.load",
    "torch.optim.optimizer.torch.hub.load",
    "torch.optim.optimizer.functools.partial",
    "torch.optim.swa_utils.torch.load",
    "lightning.pytorch.callbacks.model_checkpoint.shutil.rmtree",
    "lightning.pytorch.callbacks.model_checkpoint.os.system",
    "lightning.pytorch.callbacks.model_checkpoint.torch.load",
    "lightning.pytorch.callbacks.model_checkpoint.yaml.unsafe_load",
    "lightning.pytorch.trainer.trainer.os.system",
    "lightning.pytorch.strategies.SingleDeviceStrategy.load_checkpoint",
    "lightning.pytorch.strategies.SingleDeviceStrategy.remove_checkpoint",
    "lightning.pytorch.loggers.wandb.os.system",
    "lightning.pytorch.trainer.Trainer.fit",
    "atrous.data.layouts.synthetic._write_png",
]
ODD = [
    " torch.optim.SGD",
    "torch.optim.SGD ",
    "torch.optim. SGD",
    "torch.optim.SGD\n",
    "torch..optim.SGD",
    ".torch.optim.SGD",
    "torch.optim.",
    "torch.optim",
    "torch/optim/SGD",
    "torch.optim:SGD",
    "torch.optim.SGD()",
    "torch.optim.adam\x00.Adam",
    "TORCH.optim.SGD",
    "\uff54orch.optim.SGD",
    "",
    " os.system",
    "os.system ",
    "\tos.system",
    "os . system",
    None,
    7,
    ["os.system"],
]
REFUSED = "is none of the parts that it may build"


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("target", [*DANGEROUS, *ALIASES, *ODD])
def test_everything_else_is_refused(target, training):
    with pytest.raises(ValueError, match=REFUSED):
        require_trusted({"_target_": target}, training=training)


@pytest.mark.parametrize("target", ["os.system", "atrous.data.dataset.torch.load"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda part: {"model": {"net": {"deep": [part]}}},
        lambda part: {"a": [[[{"b": [part]}]]]},
        lambda part: {"_target_": "torch.optim.SGD", "_args_": [part]},
        lambda part: {"_target_": "torch.optim.SGD", "_args_": [[{"inner": part}]]},
        lambda part: {"_target_": "torch.optim.SGD", "_partial_": True, "params": part},
        lambda part: {"_target_": "torch.optim.SGD", "_recursive_": False, "params": part},
        lambda part: {"_target_": "torch.optim.SGD", "_convert_": "none", "params": (part,)},
        lambda part: {**part, "_partial_": True},
        lambda part: {**part, "_recursive_": False, "_convert_": "object"},
        lambda part: {1: {None: part}},
    ],
)
def test_nothing_is_too_deep_to_be_seen(target, wrap):
    require_trusted(wrap({"_target_": "torch.optim.SGD"}))
    with pytest.raises(ValueError, match=f"names '{target}', which {REFUSED}"):
        require_trusted(wrap({"_target_": target}))


@pytest.mark.parametrize(
    "net",
    [
        "${oc.create:{_target_:os.system}}",
        "${oc.create:{inner:[{_target_:os.system}]}}",
        {"_target_": "${oc.decode:'os.system'}"},
        {"_target_": "${oc.decode:os.system}"},
        {"_target_": "${model.name}"},
        {"_target_": "os${model.dot}system"},
        {"_target_": "${oc.env:ATROUS_TEST_TARGET}"},
        {"_target_": "${oc.select:nowhere,os.system}"},
        {"inner": "${model.part}"},
        "${model.part}",
        {"list": ["${model.part}"]},
        {"_target_": "${oc.deprecated:model.name}"},
    ],
)
def test_what_a_stored_config_computes_is_seen(composed, net, monkeypatch):
    monkeypatch.setenv("ATROUS_TEST_TARGET", "os.system")
    warnings.filterwarnings("ignore", message=".*is deprecated")
    config = build.plain(composed("train"))
    config["model"] |= {"name": "os.system", "dot": ".", "part": {"arguments": 1}, "net": net}
    if "part" in str(net):
        config["model"]["part"]["_target_"] = "os.system"
    with pytest.raises(ValueError, match=rf"names 'os\.system', which {REFUSED}"):
        build.evaluation_config(config, composed("evaluate"))


@pytest.mark.parametrize(
    "hidden",
    [
        r"\${oc.create:{_target_:collections.Counter,a:5}}",
        r"\${model.part}",
        r"\\\${model.part}",
        r"${oc.decode:'\${oc.decode:''\${model.part}''}'}",
        r"before \${oc.env:HOME}",
    ],
)
@pytest.mark.parametrize("where", ["net", "inner", "list"])
def test_an_interpolation_behind_another_is_refused(composed, hidden, where):
    """Hydra resolves a config before it builds: what an escaped interpolation gives would be one again."""
    config = build.plain(composed("train", "model=unet"))
    net = config["model"]["net"]
    config["model"]["net"] = (
        hidden if where == "net" else {**net, "x": hidden if where == "inner" else [[hidden]]}
    )
    with pytest.raises((ValueError, GrammarParseError, InterpolationResolutionError)) as told:
        build.evaluation_config(config, composed("evaluate"))
    if type(told.value) is ValueError:
        assert "an interpolation behind another, which may hide what it builds" in str(told.value)


def test_an_escaped_interpolation_would_build_what_it_hides():
    """What the test before guards against: if this fails, Hydra or OmegaConf has mended it."""
    cfg = OmegaConf.create({"_target_": "torch.optim.SGD", "_partial_": True})
    cfg.hidden = r"\${oc.create:{_target_:collections.Counter,a:5}}"
    with pytest.raises(ValueError, match="an interpolation behind another"):
        require_trusted(build.plain(cfg, resolve=True))
    assert build.make(cfg).keywords["hidden"] == Counter(a=5)


def test_what_is_checked_is_what_hydra_would_build():
    """Hydra prefers the attribute of a package to its module of the same name; so does the check."""
    package = importlib.import_module("albumentations.core")
    package.shadow = importlib.import_module("os")
    try:
        with pytest.raises(ValueError, match=REFUSED):
            require_trusted({"_target_": "albumentations.core.shadow.system"})
    finally:
        del package.shadow


def test_a_config_may_name_our_parts():
    for target in (
        "torch.optim.SGD",
        "atrous.losses.Dice",
        "atrous.schedules.poly",
        "segmentation_models_pytorch.Unet",
        "albumentations.Compose",
    ):
        require_trusted({"part": {"_target_": target}})


def test_a_training_may_build_more_than_an_evaluation():
    config = {"trainer": {"_target_": "lightning.pytorch.trainer.Trainer"}}
    require_trusted(config, training=True)
    with pytest.raises(ValueError, match="none of the parts"):
        require_trusted(config)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A package of the user's own, which imports others."""
    (tmp_path / "mine_of_test").mkdir()
    (tmp_path / "mine_of_test" / "__init__.py").write_text("")
    (tmp_path / "mine_of_test" / "nets.py").write_text(
        "import os\nfrom os import system\nfrom torch import load\n\n\n"
        "class Net:\n    pass\n\n\ndef net():\n    return Net()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "mine_of_test"
    for name in [name for name in sys.modules if name.startswith("mine_of_test")]:
        del sys.modules[name]


def test_the_user_may_allow_a_package_of_their_own(mine):
    for name in ("Net", "net"):
        own = {"part": {"_target_": f"{mine}.nets.{name}"}}
        with pytest.raises(ValueError, match=rf"if it is your own, allow its package: allow=\[{mine}\]"):
            require_trusted(own)
        require_trusted(own, [mine])
        require_trusted(own, [f"{mine}.nets"])


def test_an_own_package_opens_nothing_that_it_imports(mine):
    for name in ("system", "os.system", "load", "os"):
        with pytest.raises(ValueError, match=rf"{REFUSED}; allow=\['{mine}'\] takes classes and functions"):
            require_trusted({"_target_": f"{mine}.nets.{name}"}, [mine])


@pytest.mark.parametrize("target", [*DANGEROUS, *ALIASES])
def test_nobody_is_told_to_allow_what_runs_any_code(target):
    with pytest.raises(ValueError, match="no option allows it") as told:
        require_trusted({"_target_": target})
    assert "allow=" not in str(told.value)


@pytest.mark.parametrize(
    "package",
    [
        "os",
        "builtins",
        "torch",
        "torch.hub",
        "numpy",
        "hydra",
        "yaml",
        "atrous",
        "atrous.commands",
        "albumentations",
        "lightning",
        "subprocess",
    ],
)
def test_what_would_open_everything_cannot_be_allowed(package):
    with pytest.raises(ValueError, match=rf"allow=\['mine', '{package}'\]: {package} is never allowed"):
        require_trusted({}, ["mine", package])


@pytest.mark.parametrize("also", ["mine", 7, None, {"mine": 1}])
def test_allow_is_a_list(also):
    with pytest.raises(ValueError, match=r"expected a list of packages of your own, such as allow=\[mine\]"):
        require_trusted({}, also)


@pytest.mark.parametrize("package", ["", ".", "mine.", " os", "os ", None, 3, ["mine"], "a-b"])
def test_allow_holds_names_of_packages(package):
    with pytest.raises(ValueError, match="is no package; expected such as"):
        require_trusted({}, [package])


def test_every_library_that_comes_along_is_never_allowed():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in ("tensorboard",) for each in project["optional-dependencies"][extra]),
    ]
    names = {requirement.split(">")[0].lower().replace("_", "-") for requirement in wanted}
    found = set()
    for module, distributions in packages_distributions().items():
        if names & {each.lower().replace("_", "-") for each in distributions}:
            found.add(module)
    assert len(found) >= len(names)
    assert {module for module in found if not module.startswith("_") and module.isidentifier()} <= NEVER


def modules_of(package):
    """Every module of a package that can be imported here."""
    top = importlib.import_module(package)
    yield top
    for found in pkgutil.walk_packages(
        getattr(top, "__path__", []), f"{package}.", onerror=lambda name: None
    ):
        try:
            yield importlib.import_module(found.name)
        except ImportError:  # of an optional library that is not installed
            continue


@pytest.mark.filterwarnings("ignore")  # of old modules in libraries
@pytest.mark.parametrize("package", [*OWN, *LIBRARIES, *TRAINING])
def test_nothing_that_is_allowed_is_from_elsewhere(package):
    """Every public name in every module of the allowed packages: what passes is defined inside them."""
    allowed = (*OWN, *LIBRARIES, *TRAINING)
    passed, refused = 0, 0
    for module in modules_of(package):
        for name in dir(module):
            try:
                require_trusted({"_target_": f"{module.__name__}.{name}"}, training=True)
            except ValueError:
                refused += 1
                continue
            passed += 1
            found = getattr(module, name)
            home = found.__module__
            assert any(home == each or home.startswith(f"{each}.") for each in allowed), f"{module}.{name}"
            assert inspect.isclass(found) or inspect.isfunction(found)
            assert getattr(sys.modules[home], found.__qualname__.split(".")[0], None) is not None
            if inspect.isfunction(found):
                assert home.startswith("atrous."), f"{module}.{name} is a function of a library"
    assert passed > 0
    assert refused > passed / 10


def test_a_checkpoint_cannot_say_that_its_files_are_trusted(composed, tmp_path):
    """The one way to load a foreign pickle is a function that no config can name or make."""
    config = build.plain(composed("train", "model=unet"))
    for target in ("atrous.torch_file.read_trusted", "atrous.models.pretrained.read_trusted"):
        config["model"]["net"]["read_weights"] = {"_target_": target, "_partial_": True}
        with pytest.raises(ValueError, match=REFUSED):
            build.evaluation_config(config, composed("evaluate"))
