"""No line of the source reads data as code, or hands text to an interpreter."""

import ast
import tomllib

import pytest
from conftest import CHECKOUT
from packaging.requirements import Requirement

SOURCE = [*sorted((CHECKOUT / "src").rglob("*.py")), CHECKOUT / "train.py", CHECKOUT / "evaluate.py"]
OTHERS = [*sorted((CHECKOUT / "benchmarks").glob("*.py")), *sorted((CHECKOUT / "tools").glob("*.py"))]
PICKLES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "jsonpickle"}
# The one place that reads foreign pickles: trust_checkpoint=true.
TRUSTED = "torch_file.py"


def name_of(node):
    """The dotted name of what is called."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def keyword(call, name):
    """The constant that a call is given by keyword, or None."""
    found = [
        each.value.value
        for each in call.keywords
        if each.arg == name and isinstance(each.value, ast.Constant)
    ]
    return found[0] if found else None


def wrong_call(call, trusted=False):
    """What is unsafe about a call, or None."""
    name = name_of(call.func)
    last = name.rpartition(".")[2]
    rules = {
        "eval or exec": name in ("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"),
        "a shell": name in ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput")
        or keyword(call, "shell") is True,
        "torch.load without weights_only=True": name == "torch.load"
        and not (
            keyword(call, "weights_only") is True or (trusted and keyword(call, "weights_only") is False)
        ),
        "np.load without allow_pickle=False": name in ("np.load", "numpy.load")
        and keyword(call, "allow_pickle") is not False,
        "allow_pickle=True": keyword(call, "allow_pickle") is True,
        "an archive without the data filter": last in ("extractall", "extract", "unpack_archive")
        and keyword(call, "filter") != "data",
        "yaml's unsafe loaders": name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"),
        "torch.hub": name.startswith("torch.hub."),
        "strict=False": last == "load_state_dict" and keyword(call, "strict") is False,
    }
    return next((rule for rule, broken in rules.items() if broken), None)


def wrong_in(tree, trusted=False, pickles=False):
    """Everything unsafe in a module: (line, what)."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (rule := wrong_call(node, trusted)):
            found.append((node.lineno, rule))
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [(node.lineno, name) for name in names if not pickles and name.split(".")[0] in PICKLES]
        if isinstance(node, ast.ImportFrom) and node.module in ("torch", "numpy", "yaml", "os", "subprocess"):
            hidden = {"load", "system", "popen", "unsafe_load", "getoutput"} & {
                alias.name for alias in node.names
            }
            found += [(node.lineno, f"{node.module}.{name} under a name of its own") for name in hidden]
    return found


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_nothing_unsafe(path):
    assert wrong_in(ast.parse(path.read_text()), trusted=path.name == TRUSTED) == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_nothing_unsafe_beside_the_source(path):
    """Benchmarks pickle what processes hand over, and read none from a file."""
    assert wrong_in(ast.parse(path.read_text()), pickles=True) == []


def test_there_is_one_place_that_trusts():
    loads = [
        (path.name, keyword(node, "weights_only"))
        for path in SOURCE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and name_of(node.func) == "torch.load"
    ]
    assert sorted(loads) == [(TRUSTED, False), (TRUSTED, True)]


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "import pickle",
        "from pickle import loads",
        "from torch import load",
        "from os import system",
        "tarfile.open(path).extractall(folder)",
        "zipfile.ZipFile(path).extractall(folder)",
        "shutil.unpack_archive(path)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "torch.hub.load(name)",
        "net.load_state_dict(state, strict=False)",
    ],
)
def test_the_rules_find_what_they_are_for(line):
    assert wrong_in(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "archive.extractall(folder, filter='data')",
        "net.eval()",
        "yaml.safe_load(text)",
        "subprocess.run([program])",
    ],
)
def test_the_rules_let_pass_what_is_safe(line):
    assert wrong_in(ast.parse(line)) == []


# The last version that an advisory is against, and which: floors lie above.
ADVISORIES = {
    "hydra-core": "1.3.7",
    "jinja2": "3.1.5",  # CVE-2025-27516
    "lightning": "2.6.5",
    "opencv-python-headless": "4.13",  # CVE-2025-9951 and others, of the FFmpeg inside
    "pillow": "12.2.0",  # PYSEC-2026-2253 to 2257
    "torch": "2.10.0",  # CVE-2026-24747 (weights_only), CVE-2026-4538
    "wandb": "0.27",  # CVE-2026-39821
}


def test_floors_lie_above_known_advisories():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    requirements = {each.name: each for each in map(Requirement, project["dependencies"])}
    pins = dict(line.split("==") for line in (CHECKOUT / "constraints.txt").read_text().splitlines())
    known = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    for name, version in ADVISORIES.items():
        assert not requirements[name].specifier.contains(version), f"{name} {version} is let in"
    for name, requirement in requirements.items():
        assert requirement.specifier.contains(known[name]), f"constraints.txt has another {name}"
