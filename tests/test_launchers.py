"""Launchers of sweeps: what they carry to other processes, what comes back, and what is refused."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import pytest
import yaml
from conftest import TINY, compose_command
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from omegaconf import OmegaConf

from atrous import build, launching
from atrous.configs import choices, config_folder
from atrous.running import Task
from atrous.sentences import is_told, sentence
from atrous.siblings import FOLDER
from atrous.sweeps.failures import Failed, Sweep
from atrous.sweeps.folder import read_outcomes
from hydra_plugins.atrous_ray import RayLauncher

TASK = Task("train", ("model=unet",), ("train.py", "model=unet"), (sys.executable, "train.py"), os.getpid())


def test_a_task_comes_whole_where_it_is_taken():
    assert cloudpickle.loads(cloudpickle.dumps(TASK)) == TASK


def test_where_a_task_arrives_configs_can_be_read():
    """In a process that has done nothing else, as a launcher's."""
    text = (
        "import sys, cloudpickle; from omegaconf import OmegaConf; "
        "assert not OmegaConf.has_resolver('sweep_folder'); cloudpickle.load(sys.stdin.buffer); "
        "assert OmegaConf.has_resolver('sweep_folder')"
    )
    subprocess.run([sys.executable, "-c", text], input=cloudpickle.dumps(TASK), check=True)


def test_where_a_task_arrives_it_ends_with_who_sent_it(tmp_path):
    """A sweep that is killed leaves no training behind."""
    text = (
        "import sys, time, cloudpickle; cloudpickle.load(open(sys.argv[1], 'rb')); print(1); time.sleep(60)"
    )
    (tmp_path / "task").write_bytes(cloudpickle.dumps(TASK))
    command = [sys.executable, "-u", "-c", text, str(tmp_path / "task")]
    outer = (
        f"import subprocess as s; begun = s.Popen({command!r}, stdout=s.PIPE, stderr=s.DEVNULL); "
        "begun.stdout.readline(); print(begun.pid)"
    )
    done = subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True, check=True)
    for _ in range(300):
        if not Path(f"/proc/{int(done.stdout)}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("it still waits")


def end_of(folder, *returned):
    """What a sweep says at its end, whose jobs have ended in other processes."""
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}, "runtime": {}}})
    sweep = Sweep()
    for number, value in enumerate(returned):
        config.hydra.runtime.output_dir = str(folder / str(number))
        done = JobReturn(
            status=JobStatus.COMPLETED, _return_value=cloudpickle.loads(cloudpickle.dumps(value))
        )
        cloudpickle.loads(cloudpickle.dumps(sweep)).on_job_end(config, done)
    sweep.on_multirun_end(config)


def test_failures_are_counted_wherever_they_happened(tmp_path, capsys):
    with pytest.raises(SystemExit) as raised:
        end_of(tmp_path, 0.5, Failed(), float("nan"), Failed())
    assert raised.value.code == 1
    assert capsys.readouterr().err == "atrous: 2 of the sweep's runs failed: 1, 3\n"
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_without_failures_ends_well(tmp_path):
    (tmp_path / ".failed-another-0").touch()  # of a sweep beside it, in the same folder
    end_of(tmp_path, 0.5, None, float("nan"))


def test_a_run_whose_machine_was_lost_is_a_failed_one(tmp_path, capsys):
    """It cannot leave its mark itself.  Its folder is 3, as in a sweep that goes on, and Ray's count is 1."""
    options = [
        f"hydra.sweep.dir={tmp_path}",
        "hydra.sweep.subdir=3",
        "hydra.job.num=1",
        "hydra.mode=MULTIRUN",
    ]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", options, return_hydra_config=True)
    HydraConfig.instance().set_config(config)

    class Lost(Exception):
        """What Ray raises."""

    def get(job):
        raise Lost("out of memory")

    launcher = RayLauncher(1, None, 0, {})
    callbacks = Callbacks(config)
    launcher.setup(hydra_context=HydraContext(None, callbacks), task_function=None, config=config)
    done = launcher._result(SimpleNamespace(get=get, exceptions=SimpleNamespace(RayError=Lost)), None, config)
    assert isinstance(done.return_value, Failed)
    assert [each.state for each in read_outcomes(tmp_path)] == ["failed"]
    cloudpickle.dumps(callbacks)  # as for the next runs
    with pytest.raises(SystemExit):
        callbacks.on_multirun_end(config=config)
    said = capsys.readouterr().err
    assert said == "atrous: run 3 failed (out of memory)\natrous: 1 of the sweep's runs failed: 3\n"


def test_what_ray_here_never_has_is_not_waited_for(composed):
    ray = SimpleNamespace(cluster_resources=lambda: {"CPU": 2.0, "GPU": 1.0})
    config = composed("train", "trainer=ddp", "trainer.devices=4", "trainer.accelerator=gpu")
    with pytest.raises(ValueError, match="a run needs 4 GPUs, and Ray has 1 here: lower"):
        RayLauncher(1, None, 0, {})._needs(ray, config)
    with pytest.raises(ValueError, match="a run needs 3 CPUs, and Ray has 2 here"):
        RayLauncher(3, 0, 0, {"address": None})._needs(ray, config)
    assert RayLauncher(3, None, 0, {"address": "auto"})._needs(ray, config)["num_gpus"] == 4  # it may grow


def test_the_options_of_hydra_that_the_runs_of_a_sweep_need():
    """Where configs are found, what is logged; not what is of the sweep itself."""
    kept = ["hydra.searchpath=[file:///mine]", "hydra.verbose=true", "hydra.job.chdir=false"]
    left = ["hydra.sweep.dir=here", "hydra/launcher=joblib", "+hydra.sweeper.num_parallel=2"]
    left += ["hydra/sweeper=grid", "hydra.mode=MULTIRUN", "hydra.run.dir=there", "hydra.sweep.subdir=0"]
    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})
    config.hydra.mode = "MULTIRUN"
    config.hydra.runtime.output_dir = "here/0"
    config.hydra.overrides.hydra, config.hydra.overrides.task = kept + left, ["model=unet"]
    HydraConfig.instance().set_config(config)
    (line,) = TASK.command_lines(1)
    assert line[2:] == [*kept, "model=unet", "hydra.mode=RUN", "hydra.run.dir='here/0'"]


@pytest.mark.parametrize(
    "environ", [{"SLURM_STEP_NUM_TASKS": "2"}, {"LOCAL_RANK": "1"}], ids=["srun", "torchrun"]
)
def test_a_sweep_that_is_started_several_times(environ, monkeypatch, capsys):
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(SystemExit):
        Sweep().on_multirun_start(OmegaConf.create())
    said = "atrous: a sweep is started once and starts its runs itself, and this is one of several processes"
    assert capsys.readouterr().err.startswith(said)


def test_every_command_counts_failures(tmp_path):
    """By its config: Hydra asks what stands there."""
    for path in config_folder().glob("*.yaml"):
        assert "hydra/callbacks: sweep" in path.read_text() or "\n  - train\n" in path.read_text(), path


def test_a_job_of_slurm_has_a_task_a_device(tmp_path, monkeypatch):
    """The batch script that submitit writes from our config: nodes, devices, and one way to be put back."""
    from submitit.slurm.slurm import SlurmExecutor, _make_sbatch_string

    node = yaml.safe_load((config_folder() / "hydra/launcher/submitit_slurm.yaml").read_text())
    cfg = compose_command("train", ["trainer=ddp", "trainer.devices=4", "trainer.num_nodes=2"], tmp_path)
    launcher = OmegaConf.create(
        {"hydra": {"launcher": node, "sweep": {"dir": "sweep"}}, "trainer": cfg.trainer}
    )
    wanted = OmegaConf.to_container(launcher.hydra.launcher, resolve=True)
    own = {"_target_", "submitit_folder", "timeout_min", "tasks_per_node"}
    same = {key: value for key, value in wanted.items() if key not in own and value is not None}
    named = SlurmExecutor._equivalence_dict()
    same |= {named[key]: wanted[key] for key in ("timeout_min", "tasks_per_node")}
    text = _make_sbatch_string(command="run", folder="sweep", map_count=3, **same)
    lines = ["nodes=2", "ntasks-per-node=4", "gpus-per-node=4", "signal=USR1@120", "requeue", "time=1440"]
    assert {f"#SBATCH --{line}" for line in [*lines, "array=0-2%3"]} <= set(text.splitlines())
    assert text.count("--signal") == 1


@pytest.mark.parametrize("name", ["joblib", "submitit"])
def test_a_plug_in_that_is_not_installed(name):
    node = OmegaConf.create({"_target_": f"hydra_plugins.hydra_{name}_launcher.nowhere.Launcher"})
    with pytest.raises(RuntimeError) as raised:
        Plugins.instance()._instantiate(node)
    assert is_told(raised.value)
    said = f"hydra/launcher={name} needs a plug-in of Hydra: pip install atrous[clusters]"
    assert sentence(raised.value) == said


def test_every_launcher_can_be_made(tmp_path):
    for name in choices("hydra/launcher"):
        node = OmegaConf.load(config_folder() / "hydra/launcher" / f"{name}.yaml")
        assert node._target_ in Plugins.instance().class_name_to_class


@pytest.mark.parametrize("strategy", ["ddp_spawn", "ddp_notebook"])
def test_processes_that_nobody_could_stop(strategy, composed):
    cfg = composed("train", f"+trainer.strategy={strategy}")
    with pytest.raises(ValueError, match=rf"trainer\.strategy={strategy}: its processes are copies"):
        build.num_processes(cfg)


def test_processes_that_nobody_starts(composed, monkeypatch):
    monkeypatch.delenv("NODE_RANK", raising=False)
    with pytest.raises(ValueError, match=r"trainer\.num_nodes=2: nothing says which"):
        build.trainer(composed("train", "trainer.num_nodes=2"))


SCRIPT = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NODEID": "0", "SLURM_JOB_NAME": "train"}
TASK_OF_SRUN = SCRIPT | {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "1"}
RANKS = dict.fromkeys(("RANK", "GROUP_RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"), "0")


@pytest.mark.parametrize(
    ("environ", "found", "several"),
    [
        (SCRIPT, "LightningEnvironment", False),
        (TASK_OF_SRUN, "SLURMEnvironment", True),
        (TASK_OF_SRUN | {"SLURM_JOB_NAME": "bash"}, "LightningEnvironment", False),
        (TASK_OF_SRUN | RANKS, "TorchElasticEnvironment", True),
        (TASK_OF_SRUN | {FOLDER: "here", "LOCAL_RANK": "0"}, "LightningEnvironment", True),
    ],
    ids=["script", "srun", "shell", "torchrun", "ours"],
)
def test_who_has_started_the_processes(environ, found, several, composed, monkeypatch):
    """A batch script knows of tasks that only srun starts; waiting for the others would be for ever."""
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    assert launching.is_one_of_several() == several
    trainer = build.trainer(composed("train", "trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"))
    assert type(trainer.strategy.cluster_environment).__name__ == found


def test_a_batch_script_of_several_machines(composed, monkeypatch):
    for key, value in SCRIPT.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(ValueError, match=r"trainer\.num_nodes=2: nothing says which"):
        build.trainer(composed("train", "trainer.num_nodes=2"))


@pytest.fixture
def command(fresh_command):
    """Launchers hand on what python has started with."""
    return fresh_command


@pytest.mark.slow
def test_a_training_fails_alone(command):
    """One of two side by side: the other has its checkpoint, and the end says which one failed."""
    small = ("model=unet_paper", "model.net.width=1", "data.splits.val=nowhere,val", "hydra.sweep.dir=sweep")
    done = command("train.py", "-m", "hydra/launcher=joblib", *TINY, *small, timeout=600)
    is_of_run_0(done)
    sweep = command.folder / "sweep"
    assert [(sweep / number / "last.ckpt").exists() for number in "01"] == [False, True]
    assert not list(sweep.glob(".failed*"))


RAY = pytest.param(
    ("ray", "hydra.launcher.init.num_cpus=2"), marks=pytest.mark.faults
)  # half a minute to start


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [("submitit_local",), RAY], ids=lambda given: given[0])
def test_any_command_fails_alone(launcher, command, small_run):
    name, *options = launcher
    checkpoints = f"checkpoint={small_run}/nowhere.ckpt,{small_run}/last.ckpt"
    given = (f"hydra/launcher={name}", *options, "hydra.sweep.dir=sweep", "output=weights.safetensors")
    is_of_run_0(command("-m", "atrous", "export-weights", "-m", *given, checkpoints, timeout=600))
    assert (command.folder / "weights.safetensors").exists()


def is_of_run_0(done):
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.strip().endswith("atrous: 1 of the sweep's runs failed: 0")
    assert "Traceback" not in done.stderr
