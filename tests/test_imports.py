"""Which way imports run (a floor imports only from those below it), and what a quick answer may import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "atrous"

FLOORS = {
    "labels": 0, "outputs": 0, "coarse": 0, "background": 0, "remote": 0, "run_folder": 0, "siblings": 0,
    "settings": 0, "torch_file": 0, "whole": 0,
    "class_weights": 1, "losses": 1, "metrics": 1, "optim": 1, "schedules": 1, "inference": 1, "models": 1,
    "activations": 1, "compiling": 1, "sharding": 1.5, "contents": 1, "sweeps": 1,
    "data.augment": 1, "data.mix": 1, "data.label_formats": 1, "data.layouts": 1, "data.batch": 1,
    "data.cache": 1, "data.jitter": 1,
    "data.tags": 2, "data.opening": 2, "data.showing": 2,
    "data.decoders": 2, "data.ring": 2, "data.reading": 2, "data.cached": 2, "data.processes": 2,
    "data.workers": 2, "data.dataset": 2, "data.replacing": 2, "data.statistics": 2, "data.sampler": 2,
    "data.datamodule": 2,
    "data.inspection": 2, "exported": 2, "footprint": 2, "module": 2, "report": 2,
    "callbacks": 3, "checkpoint": 3, "costs": 3, "doctor": 3, "exporting": 3.5, "filling": 3, "inspection": 3,
    "predictions": 3, "prediction": 3, "results": 3, "tuning": 3, "trust": 3, "launching": 3,
    "configs": 3, "sweeps.journal": 2, "sweeps.studies": 3, "strategies": 3,
    "build": 4, "demo": 4, "comparison": 4, "folders": 4, "sentences": 4, "spelling": 4, "completion": 4,
    "sweeps.search_space": 4,
    "sweeps.runs": 4.5, "sweeps.leaderboard": 4.5,  # a sweep's own shell, over what its folder holds
    "answering": 5, "commands": 5, "sweeps.failures": 6, "running": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
LIBRARIES = {
    0: {"numpy", "safetensors", "torch"},
    1: {
        "torchvision",
        "scipy",
        "segmentation_models_pytorch",
        "timm",
        "albumentations",
        "torchmetrics",
        "cv2",
    },
    2: {
        "lightning",
        "PIL",
        "kornia_rs",
        "simplejpeg",
        "rich",
        "matplotlib",
        "jinja2",
        "markupsafe",
        "optuna",
        "plotly",
    },
    3: {"av", "gradio", "mlflow", "onnx", "onnxruntime", "packaging", "wandb"},
    4: {"hydra", "omegaconf", "yaml"},
}
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def room(module: str) -> str:
    """The longest prefix of ``module`` that has a floor."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in FLOORS:
            return ".".join(parts[:length])
    raise AssertionError(f"{module} stands in no room: give it a floor")


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            own = node.module == "atrous" or node.module.startswith("atrous.")
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if own else {node.module}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_direction(path):
    here = room(".".join(path.relative_to(SOURCE).with_suffix("").parts))
    for name in imports(path):
        top = name.split(".")[0]
        if top == "atrous":
            there = room(name.removeprefix("atrous."))
            same_folder = here.split(".")[0] == there.split(".")[0]
            below = FLOORS[there] < FLOORS[here] or (same_folder and FLOORS[there] == FLOORS[here])
            assert below, f"{here} imports {there}"
            assert FLOORS[here] < 5 or FLOORS[there] >= 3, (
                f"{here} reaches past the floor below it, to {there}"
            )
        elif top not in sys.stdlib_module_names:
            allowed = set().union(*(LIBRARIES[floor] for floor in range(int(min(FLOORS[here], 4)) + 1)))
            assert top in allowed, f"{here} (floor {FLOORS[here]}) imports {top}"


LIGHT = (
    "atrous",
    "atrous.cli",
    "atrous.build",
    "atrous.commands.export",
    "atrous.commands.export_weights",
    "atrous.commands.train",
    "atrous.commands.tune",
    "atrous.commands.evaluate",
    "atrous.commands.score",
    "atrous.commands.compare",
    "atrous.commands.inspect",
    "atrous.commands.predict",
    "atrous.commands.demo",
    "atrous.commands.doctor",
    "atrous.inspection",
    "atrous.sweeps.leaderboard",
    "atrous.sweeps.runs",
    "hydra_plugins.atrous_grid",
    "hydra_plugins.atrous_optuna",
    "atrous.data.layouts.camvid",
    "atrous.data.layouts.folder",
    "atrous.data.layouts.lists",
    "atrous.data.reading",
    "atrous.metrics.evaluation",
    "atrous.predictions",
    "atrous.results",
    "atrous.comparison.publish",
    "atrous.comparison.runs",
)


@pytest.mark.parametrize("module", LIGHT)
def test_quick_answers_do_not_wait_for_torch(module):
    heavy = "{'torch', 'lightning', 'albumentations', 'optuna', 'plotly', 'wandb'}"
    program = f"import sys, {module}; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
