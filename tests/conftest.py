"""Fixtures: where the real data lie, small fabricated data, commands in this process and in their own."""

import copy
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forked
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hypothesis import settings
from omegaconf import DictConfig, open_dict, read_write

from atrous.configs import config_folder
from atrous.folders import register_resolvers

CHECKOUT = Path(__file__).resolve().parents[1]
# Taken away, so that no test writes synthetic scenes into the real data; kept for pytest-xdist's processes.
os.environ.setdefault("ATROUS_REAL_DATA", os.environ.pop("ATROUS_DATA", ""))
REAL_DATA = os.environ["ATROUS_REAL_DATA"]

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")
torch.set_num_threads(1)  # small tensors: threads cost more than they give

# A network, scenes and a length that train in a second.
TINY = (
    "data.layout.size=64",
    "data.layout.num_scenes={train: 12, val: 5, test: 5}",
    "data.crop_size=[64,64]",
    "data.batch_size=4",
    "data.num_workers=0",
    "trainer.max_steps=2",
    "callbacks.network=null",
    "trainer.accelerator=cpu",
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data that ATROUS_DATA names."""
    if not REAL_DATA or not Path(REAL_DATA).is_dir():
        pytest.skip("ATROUS_DATA names no folder with real data")
    return Path(REAL_DATA).resolve()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests keep between runs (paths.cache) does not lie in the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATROUS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """What a test leaves in the environment, as Lightning does with LOCAL_RANK, is not there in the next."""
    before = dict(os.environ)
    yield
    for key in os.environ.keys() | before.keys():
        if key.startswith("PYTEST_"):
            continue
        if key in before:
            os.environ[key] = before[key]
        else:
            del os.environ[key]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root for synthetic scenes that all tests share."""
    return tmp_path_factory.mktemp("scenes")


@functools.lru_cache(maxsize=64)
def _composition(command: str, overrides: tuple[str, ...]) -> DictConfig:
    register_resolvers()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose(command, list(overrides), return_hydra_config=True)


def compose_command(command: str, overrides: list[str], output: Path) -> DictConfig:
    """The config as the command would get it, with ``output`` as the run folder."""
    cfg = copy.deepcopy(_composition(command, tuple(overrides)))
    with read_write(cfg.hydra):
        cfg.hydra.runtime.output_dir = cfg.hydra.run.dir = str(output)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


@pytest.fixture
def composed(tmp_path: Path, scenes: Path):
    """compose(command, *overrides) with tiny synthetic data, in this process."""

    def make(command: str, *overrides: str, output: Path = tmp_path) -> DictConfig:
        tiny = [f"data.root={scenes}", *TINY] if command in ("train", "tune") else []
        return compose_command(command, [*tiny, *overrides], output)

    yield make
    HydraConfig.instance().cfg = None


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """The folder of a real training of the smallest network: its last.ckpt has less than 200 kB."""
    from atrous.commands.train import train

    output = tmp_path_factory.mktemp("small_run")
    small = ("model=unet_paper", "model.net.width=1", "callbacks=fixed_schedule", "logger=none")
    train(compose_command("train", [f"data.root={scenes}", *TINY, *small], output))
    HydraConfig.instance().cfg = None
    return output


@pytest.fixture(scope="session")
def val_images(tmp_path_factory: pytest.TempPathFactory, scenes: Path, small_run: Path) -> Path:
    """A folder with the small run's val pictures alone: other tests put other scenes beside them."""
    folder = tmp_path_factory.mktemp("val") / "images"
    folder.mkdir()
    for number in range(5):
        shutil.copy(scenes / "v1-64" / "val" / "images" / f"{number:04d}.png", folder)
    return folder


class Command:
    """A command in a process of its own.

    fresh: begin with python's own start, as people do; else forked from a process that has imported
        everything, which saves seconds.
    """

    def __init__(self, folder: Path, data: Path, fresh: bool = False) -> None:
        self.folder = folder
        self.fresh = fresh
        self.env = {
            **os.environ,
            "ATROUS_DATA": str(data),
            "OMP_NUM_THREADS": "1",  # the same arithmetic in one process as in each of two
            "COLUMNS": "120",
        }
        for account in ("WANDB_MODE", "WANDB_API_KEY"):
            self.env.pop(account, None)

    def __call__(self, *args: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run ``python <args>`` (train.py and evaluate.py are the checkout's)."""
        script = str(CHECKOUT / args[0]) if args[0].endswith(".py") else args[0]
        call = [script, *args[1:]]
        if not self.fresh:
            return forked.run(call, self.folder, self.env, timeout)
        return subprocess.run(
            [sys.executable, *call],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def two(self, *args: str, timeout: float = 300) -> None:
        """Run it as two processes of one run, as they are once started; demand success."""
        devices = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")
        with ThreadPoolExecutor(2) as pool:
            started = [
                pool.submit(Command.succeed, self._with(rank), *args, *devices, timeout=timeout)
                for rank in forked.ranks(self.folder)
            ]
        for each in started:
            each.result()

    def _with(self, environ: dict[str, str]) -> "Command":
        other = copy.copy(self)
        other.env = {**self.env, **environ}
        return other

    def succeed(self, *args: str, timeout: float = 300) -> str:
        """Run, demand success, return what was printed."""
        done = self(*args, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fail(self, *args: str) -> str:
        """Run, demand failure without a traceback, return what was said."""
        done = self(*args)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def command(tmp_path: Path, scenes: Path) -> Command:
    """Run commands from an empty folder."""
    return Command(tmp_path, scenes)


@pytest.fixture
def fresh_command(tmp_path: Path, scenes: Path) -> Command:
    """As ``command``, where it matters how python starts."""
    return Command(tmp_path, scenes, fresh=True)


@pytest.fixture
def trainings(tmp_path: Path, scenes: Path):
    """Trainings that can be killed, from an empty folder (tests/faults)."""
    from fault_runs import Trainings

    return Trainings(tmp_path, scenes)


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory, scenes: Path):
    """unbroken(processes): the folder of a training that nothing happened to (tests/faults)."""
    from fault_runs import Trainings

    made: dict[int, Path] = {}

    def make(processes: int = 1) -> Path:
        if processes not in made:
            runs = Trainings(tmp_path_factory.mktemp("unbroken"), scenes)
            if processes == 1:
                runs.succeed("hydra.run.dir=run")
            else:
                assert [done.code for done in runs.two("hydra.run.dir=run")] == [0, 0]
            made[processes] = runs.folder / "run"
        return made[processes]

    return make


QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="module")
def browser():
    """A Chromium without a window."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on the PATH: the pages were not opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """open_page(path): a page that stands alone.

    What it asks of others, and every error in it, fails the test.
    """
    wrong, pages = [], []

    def make(path: Path):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        own = (path.as_uri(), "data:")
        page.on("request", lambda request: request.url.startswith(own) or wrong.append(request.url))
        page.on("console", lambda said: said.type in ("error", "warning") and wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield make
    for page in pages:
        page.close()
    assert wrong == []


@pytest.fixture(scope="session")
def varied(small_run: Path) -> Path:
    """Weights beside the small run's, of which predictions have several classes."""
    from dataclasses import replace

    from atrous import checkpoint
    from atrous.build import redacted

    stored = checkpoint.read(small_run / "last.ckpt")
    chance = torch.Generator().manual_seed(0)
    drawn = {
        name: torch.randn(value.shape, generator=chance)
        if name.endswith("weight") and value.ndim == 4
        else value
        for name, value in stored.state_dict.items()
    }
    path = small_run / "varied.safetensors"
    checkpoint.export_weights(replace(stored, state_dict=drawn), path, redacted(stored.config))
    return path
