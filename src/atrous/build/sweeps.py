"""From what the folder of a sweep holds to its page."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from atrous.sweeps.folder import PAGE, STUDY, Outcome
from atrous.sweeps.studies import Direction, of_outcomes, stored

WITHOUT = "No plots: they need optuna and plotly, which pip install 'atrous[sweeps]' brings."


def sweep_page(folder: Path, outcomes: Sequence[Outcome], objective: str, direction: Direction) -> Path:
    """Write the page of the sweep in ``folder``, and return its path.

    outcomes: the best first.  objective: its name.  direction: maximize or minimize it.
    """
    from atrous.report.sweep_page import write_sweep
    from atrous.report.sweep_plots import plots, script

    path = folder / PAGE
    if not all(map(find_spec, ("optuna", "plotly"))):
        write_sweep(path, outcomes, objective, notes=[WITHOUT])
        return path
    study = stored(folder) if (folder / STUDY).exists() else of_outcomes(outcomes, direction)
    drawn, missing = plots(study, objective)
    write_sweep(path, outcomes, objective, drawn, script() if drawn else None, missing)
    return path
