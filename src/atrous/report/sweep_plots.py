"""What was varied in a sweep against its objective: Optuna's plots, which answer to the mouse."""

from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

if TYPE_CHECKING:
    import optuna

IMPORTANCES = (
    "How well an option tells the better of {} finished runs from the others (PED-ANOVA); of few, a guess."
)
LARGEST = 20  # parallel axes that can still be read


class Plot(NamedTuple):
    """A plot inside a page that holds plotly.js, and what it shows."""

    drawn: Markup
    caption: str


def script() -> Markup:
    """plotly.js, about 5 MB: the page loads nothing from elsewhere."""
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


def plots(study: "optuna.Study", objective: str) -> tuple[list[Plot], list[str]]:
    """The plots that the study has enough for, and a sentence for each that it has not.

    objective: its name.
    """
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.visualization import (
        plot_intermediate_values,
        plot_parallel_coordinate,
        plot_param_importances,
    )

    drawn: list[Plot] = []
    missing: list[str] = []
    complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    names = sorted({name for trial in complete for name in trial.params})
    if len(complete) < 2 or not names:
        missing.append("The plots need two finished runs with different options.")
    else:
        lines = plot_parallel_coordinate(study, names[:LARGEST], target_name=objective)
        drawn.append(Plot(_inside(lines, 420), "A line a finished run; the mouse tells its values."))
        if len({trial.value for trial in complete}) < 2:
            missing.append("No importances: all finished runs have the same objective.")
        else:
            evaluator = PedAnovaImportanceEvaluator()
            bars = plot_param_importances(study, evaluator, target_name=objective)
            drawn.append(Plot(_inside(bars, 120 + 50 * len(names)), IMPORTANCES.format(len(complete))))
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        courses = plot_intermediate_values(study)
        courses.update_layout(xaxis_title="percent of the training", yaxis_title=objective, showlegend=True)
        drawn.append(Plot(_inside(courses, 420), "The validations of each run, pruned ones too."))
    return drawn, missing


def _inside(figure: Any, height: int) -> Markup:
    """The figure as a part of a page, as wide as its place.  height: pixels."""
    figure.update_layout(template="simple_white", title=None, height=height, margin={"t": 60, "b": 60})
    options = {"displaylogo": False, "responsive": True}
    return Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=options))
