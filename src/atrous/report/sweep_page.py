"""The page of a sweep: its runs as a table, means over seeds, and plots (sweep.html)."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from atrous.report.page import write_page
from atrous.report.sweep_plots import Plot
from atrous.sweeps.folder import Outcome
from atrous.sweeps.table import columns, seeds, short, varied


def write_sweep(
    path: Path,
    outcomes: Sequence[Outcome],
    objective: str,
    plots: Sequence[Plot] = (),
    script: Markup | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the page to ``path``.

    outcomes: the best first.  objective: its name.
    script: what the plots need.  notes: why plots are missing.
    """
    names = varied(outcomes)
    alike = {name: outcomes[0].given[name] for name in columns(outcomes) if name not in names}
    write_page(
        path,
        "sweep.html",
        title=f"Sweep {path.absolute().parent.name}",
        objective=objective,
        names=names,
        others=[name for name in names if name != "seed"],
        rows=[(each, None if math.isnan(each.objective) else each.objective) for each in outcomes],
        states=Counter(each.state for each in outcomes),
        alike=[f"{name}={value}" if value else name for name, value in alike.items()],
        seeds=seeds(outcomes),
        plots=plots,
        short=short,
        plotly=script,
        notes=notes,
    )
