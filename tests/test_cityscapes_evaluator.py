"""Our confusion matrix against the official evaluator of Cityscapes, on its own files."""

import fabricate
import numpy as np
import pytest
from PIL import Image

from atrous.data.layouts.cityscapes import LABEL_SETS, Cityscapes
from atrous.data.reading import read_labels
from atrous.metrics import scores


def test_confusion_and_scores_equal_cityscapesscripts(tmp_path, monkeypatch):
    import torch
    from torchmetrics.classification import MulticlassConfusionMatrix

    root = tmp_path / "cityscapes"
    fabricate.cityscapes(root)
    labels = LABEL_SETS[19]
    raw_of = {index: raw for raw, index in labels.raw_ids.items() if index != 255}
    rng = np.random.default_rng(0)
    metric = MulticlassConfusionMatrix(19, ignore_index=255, validate_args=False)
    truth_files, prediction_files = [], []
    for pair in Cityscapes(root).pairs("val"):
        raw = np.array(Image.open(pair.label))
        Image.fromarray(np.where(raw == 255, 0, raw)).save(pair.label)  # the evaluator knows no licence plate
        truth = read_labels(pair.label, labels)
        predicted = rng.integers(0, 19, truth.shape).astype(np.uint8)
        right = rng.random(truth.shape) < 0.6
        predicted = np.where(right & (truth != 255), truth, predicted)
        metric.update(torch.from_numpy(predicted), torch.from_numpy(truth))
        file = tmp_path / f"{pair.name}.png"
        Image.fromarray(np.vectorize(raw_of.get)(predicted).astype(np.uint8)).save(file)
        truth_files.append(str(pair.label))
        prediction_files.append(str(file))

    monkeypatch.setenv("CITYSCAPES_EXPORT_DIR", str(tmp_path))
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

    monkeypatch.setattr(official.args, "quiet", True)
    monkeypatch.setattr(official.args, "JSONOutput", False)
    monkeypatch.setattr(official.args, "evalInstLevelScore", False)
    result = official.evaluateImgLists(prediction_files, truth_files, official.args)
    confusion = metric.compute()
    ids = [raw_of[index] for index in range(19)]
    assert (np.array(result["confMatrix"])[np.ix_(ids, ids)] == confusion.numpy()).all()
    ours = scores(confusion)
    assert float(ours.miou) == pytest.approx(result["averageScoreClasses"], abs=1e-12)
    for name, iou in zip(labels.classes, ours.iou.tolist(), strict=True):
        assert iou == pytest.approx(result["classScores"][name], nan_ok=True, abs=1e-12)
