"""Known advisories against the versions in constraints.txt, by pip-audit in an environment of its own.

Exit status: 0, none is known; 1, some are; 3, not done: no source of advisories could be reached, or
pip-audit could not be installed.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".audit"
FOUND, NOT_DONE = 1, 3


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """The exit status, and what is said of pip-audit's report (its JSON).

    A package that its source does not know was not looked at: where all are such, nothing was.
    """
    packages = report["dependencies"]
    seen = [package for package in packages if "skip_reason" not in package]
    if not seen:
        return NOT_DONE, not_done("the source of advisories knows none of the packages")
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, "
        f"mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in seen
        for found in package["vulns"]
    ]
    unseen = [package["name"] for package in packages if "skip_reason" in package]
    if unseen:
        lines.append(f"not looked at, as the source does not know them: {', '.join(unseen)}")
    num_found = sum(len(package["vulns"]) for package in seen)
    lines.append(f"audit: {num_found} advisories against {len(seen)} packages of constraints.txt")
    return (FOUND if num_found else 0), "\n".join(lines)


def not_done(reason: str) -> str:
    """What is said where nothing was looked at."""
    return f"audit: not done, so nothing is known of these versions: {reason}; run it where the network is"


def audit() -> tuple[int, str]:
    """Install pip-audit if it is not there, and ask its source."""
    program = HOME / "bin" / "pip-audit"
    if not program.exists():
        venv.create(HOME, with_pip=True)
        install = [HOME / "bin" / "python", "-m", "pip", "install", "--quiet", "pip-audit>=2.9"]
        if subprocess.run(install, capture_output=True).returncode:
            return NOT_DONE, not_done("pip-audit could not be installed")
    options = ["--requirement", ROOT / "constraints.txt", "--disable-pip", "--no-deps", "--format", "json"]
    done = subprocess.run([program, *options, "--progress-spinner", "off"], capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines() or ["no answer"]
        return NOT_DONE, not_done(said[-1][:300])
    return verdict(report)


if __name__ == "__main__":
    status, said = audit()
    print(said)
    sys.exit(status)
