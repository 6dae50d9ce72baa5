"""A stand-in for SLURM's programs on this machine: enough of sbatch, srun, sacct and scontrol for submitit.

``install(folder)`` puts them into a folder for the PATH.  Tasks are processes, each node this machine.
"""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("sbatch", "srun", "sacct", "scontrol")
JOB = "77"


def install(folder: Path) -> Path:
    """Write the programs; what they say of their jobs lies beside them."""
    folder.mkdir()
    for name in PROGRAMS:
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__)} {name} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return folder


def sbatch(state: Path, script: str) -> None:
    """Begin the job, or each of its array, and go; the script is kept."""
    (state / "script").write_text(Path(script).read_text())
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", Path(script).read_text(), re.MULTILINE))
    tasks, nodes = options["ntasks-per-node"], options["nodes"]
    env = {"JOB_NAME": options["job-name"], "NTASKS": str(int(tasks) * int(nodes)), "NTASKS_PER_NODE": tasks}
    env |= {"NNODES": nodes, "JOB_NUM_NODES": nodes, "NODELIST": "localhost"}
    places = [{"JOB_ID": JOB}]
    if "array" in options:
        last = int(options["array"].partition("%")[0].partition("-")[2])
        places = [
            {"JOB_ID": str(int(JOB) + number), "ARRAY_JOB_ID": JOB, "ARRAY_TASK_ID": str(number)}
            for number in range(last + 1)
        ]
    for place in places:
        subprocess.Popen(
            [sys.executable, __file__, "job", str(state / "script")],
            env={**os.environ, **{f"SLURM_{key}": value for key, value in (env | place).items()}},
            stdout=(state / f"{place['JOB_ID']}.log").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    print(f"Submitted batch job {JOB}")


def name() -> str:
    """The number of the job that this process is part of."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]


def job(state: Path, script: str) -> None:
    """Run it until nobody puts it back."""
    wanted = state / f"{name()}.requeue"
    while True:
        (state / f"{name()}.state").write_text("RUNNING")
        done = subprocess.run(["bash", script], check=False)
        if not wanted.exists():
            break
        wanted.rename(state / f"{name()}.requeued")
    (state / f"{name()}.state").write_text("FAILED" if done.returncode else "COMPLETED")


def srun(state: Path, *args: str) -> None:
    """The tasks, each with its place; the largest exit status."""
    outputs = {}
    while args[0].startswith("-"):
        flag, *args = args
        if flag in ("--output", "--error"):
            outputs[flag], *args = args
    command, env = args, os.environ
    per_node = int(env["SLURM_NTASKS_PER_NODE"])
    started = []
    for rank in range(int(env["SLURM_NTASKS"])):
        place = {"SLURM_PROCID": rank, "SLURM_LOCALID": rank % per_node, "SLURM_NODEID": rank // per_node}
        out, err = (
            open(re.sub("%A_%a|%j", name(), outputs[flag]).replace("%t", str(rank)), "a")  # noqa: SIM115
            for flag in ("--output", "--error")
        )
        place["SLURM_STEP_NUM_TASKS"] = env["SLURM_NTASKS"]
        own = {**env, **{key: str(value) for key, value in place.items()}}
        started.append(subprocess.Popen(command, env=own, stdout=out, stderr=err))
    sys.exit(max(process.wait() % 256 for process in started))


def sacct(state: Path, *args: str) -> None:
    """The states of the jobs."""
    print("JobID|State|NodeList")
    for path in state.glob("*.state"):
        print(f"{path.stem}|{path.read_text()}|localhost")


def scontrol(state: Path, what: str, name: str) -> None:
    """Put a job back."""
    assert what == "requeue"
    (state / f"{name}.requeue").touch()


if __name__ == "__main__":
    here = Path(os.environ["PATH"].split(":")[0])
    globals()[sys.argv[1]](here, *sys.argv[2:])
