"""The wheel, installed in an environment of its own and used from another folder."""

import subprocess
import sys
import venv
import zipfile

import pytest
from conftest import CHECKOUT, TINY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(folder),
            str(CHECKOUT),
        ],
        check=True,
    )
    (path,) = folder.glob("atrous-*.whl")
    return path


def test_the_wheel_holds_the_configs_and_nothing_of_the_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for config in (CHECKOUT / "conf").rglob("*.yaml"):
        assert f"atrous/conf/{config.relative_to(CHECKOUT / 'conf')}" in names
    assert not [name for name in names if "test" in name]


def test_train_and_evaluate_from_an_installed_wheel(wheel, tmp_path):
    # The dependencies come from this environment: installing them again would test the registry, not the
    # wheel.
    home = tmp_path / "env"
    venv.create(home, with_pip=True, symlinks=True)
    site = subprocess.run(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    own = next((home / "lib").glob("python*")) / "site-packages"
    subprocess.run([home / "bin" / "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # After the wheel's own folder, and without the .pth file that would put the checkout on the path.
    (own / "dependencies.pth").write_text(f"{site}\n")

    def atrous(*args):
        done = subprocess.run([home / "bin" / "atrous", *args], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = subprocess.run(
        [home / "bin" / "python", "-c", "import atrous; print(atrous.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert str(own) in where
    assert "train" in atrous("--help")
    atrous("train", *TINY, "paths.data=data", "hydra.run.dir=run", "model=unet")
    printed = atrous("evaluate", "checkpoint=run/last.ckpt", "data.num_workers=0", "split=test")
    assert "mIoU" in printed
    assert (tmp_path / "run" / "evaluate-test-last" / "scores.json").is_file()
