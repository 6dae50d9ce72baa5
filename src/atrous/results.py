"""What an evaluation leaves in its folder beside the predictions: scores, counts and config."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atrous.data.layouts.pairs import Layout, Pair
from atrous.data.reading import read_pair
from atrous.metrics.evaluation import Evaluation
from atrous.predictions import read_back
from atrous.report.evaluation_page import write_report
from atrous.report.tables import print_scores, shares, write_scores

CONFIG, REPORT = "config.yaml", "report.html"


def publish(
    output: Path,
    evaluation: Evaluation,
    about: Mapping[str, Any],
    config: str,
    layout: Layout,
    pairs: Iterable[Pair],
    num_pictures: int,
) -> None:
    """Write everything, and print the table.

    about: what was scored, and how, for scores.json; it has a "split".
    config: the config behind it, YAML.
    pairs: the split's.  num_pictures: how many are shown in the report, of the worst and as many by chance.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / CONFIG).write_text(config)
    if not evaluation.total[:-1].any():
        print(f"split '{about['split']}' has no labels: no scores; predictions are in {output}")
        return
    scores = write_scores(output, evaluation, about)
    what = about.get("checkpoint") or about.get("predictions")
    title = f"{what} on {about['split']}, {evaluation.num_pictures} pictures, in percent"
    print_scores(scores, shares(evaluation), title)
    if about.get("num_missing"):
        print(f"{about['num_missing']} pictures have no prediction, and are not scored")
    of_name = {pair.name: pair for pair in pairs}

    def picture(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        image, truth = read_pair(of_name[name], layout.labels, layout.label_format)
        return image, truth, read_back(output, name, layout.labels)

    write_report(output / REPORT, evaluation, scores, picture, config, num_pictures)
    print(f"written to {output}, with {REPORT}")
