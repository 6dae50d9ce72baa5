"""What an evaluation leaves in its folder beside the predictions: scores, counts and config."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atrous.data.layouts.pairs import Pair
from atrous.metrics.evaluation import Evaluation
from atrous.report.evaluation_page import write_report
from atrous.report.layers import Picture
from atrous.report.tables import print_scores, shares, write_scores

CONFIG, REPORT = "config.yaml", "report.html"


def publish(
    output: Path,
    evaluation: Evaluation,
    about: Mapping[str, Any],
    config: str,
    picture: Picture,
    num_pictures: int,
) -> None:
    """Write everything, and print the table.

    about: what was scored, and how, for scores.json; it has a "split".
    config: the config behind it, YAML.
    picture, num_pictures: what the report shows, as ``write_report`` takes them.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / CONFIG).write_text(config)
    if not evaluation.total[:-1].any():
        print(f"split '{about['split']}' has no labels: no scores; predictions are in {output}")
        return
    scores = write_scores(output, evaluation, about)
    write_report(output / REPORT, evaluation, scores, picture, config, num_pictures)
    what = about.get("checkpoint") or about.get("predictions")
    weights = f"{about['weights']} weights of " if "weights" in about else ""
    title = f"{weights}{what} on {about['split']}, {evaluation.num_pictures} pictures, in percent"
    print_scores(scores, shares(evaluation), title)
    if about.get("num_missing"):
        print(f"{about['num_missing']} pictures have no prediction, and are not scored")
    print(f"written to {output}, with {REPORT}")


def require_whole(evaluation: Evaluation, pairs: Sequence[Pair]) -> None:
    """Raises ValueError: not every picture was scored once, which options of the trainer can bring about."""
    if sorted(pair.name for pair in pairs) != list(evaluation.names):
        raise ValueError(
            f"{evaluation.num_pictures} pictures were scored, but the split has {len(pairs)}: leave out "
            "trainer.limit_test_batches, trainer.use_distributed_sampler and what else takes a part of it"
        )
