import base64
import io
import json
import re
from html import unescape

import numpy as np
from PIL import Image

from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.labels import label_set
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.evaluation_page import write_report
from atrous.report.tables import write_scores

LABELS = label_set("mine", ["ground", "<b>left</b>", "right & rare", "never"])
ABOUT = {"split": "test", "predictions": "folder <of> predictions", "num_missing": 3}


def scene(seed, labels=LABELS, size=(48, 64), no_class=0.0):
    """Image, truth and prediction: two classes, some pixels mistaken; the upper rim is ignored."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(size, np.uint8)
    truth[:, size[1] // 2 :] = 1
    mistaken = rng.random(size) < 0.05 + 0.02 * (seed % 9)
    predicted = np.where(mistaken, (truth + 1) % min(3, labels.num_classes), truth)
    predicted[rng.random(size) < no_class] = 255
    truth[:4] = 255
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    return image, truth, predicted.astype(np.uint8)


def report(folder, pictures, labels=LABELS, about=ABOUT, num_pictures=2, **counted):
    """Count, score, and write the report: its path."""
    evaluation = Evaluation.of(
        [
            count_picture(name, truth, predicted, labels, **counted)
            for name, (_, truth, predicted) in pictures.items()
        ],
        labels,
    )
    scores = write_scores(folder, evaluation, about)
    write_report(folder / "report.html", evaluation, scores, pictures.__getitem__, "key: <x>\n", num_pictures)
    return folder / "report.html"


def text(path):
    """What a reader of the page reads."""
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", path.read_text(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_the_page_says_what_was_scored_and_how_sure_it_is(tmp_path):
    path = report(tmp_path, {f"scene {seed}": scene(seed, no_class=0.1) for seed in range(6)})
    scores = json.loads((tmp_path / "scores.json").read_text())
    said = text(path)
    low, high = scores["intervals"]["iou"]["<b>left</b>"]
    for words in (
        "folder <of> predictions on test",
        f"{100 * scores['miou']:.2f} % mIoU",
        "missing predictions 3 (not scored)",
        f"hash of the truth {scores['fingerprints']['truth']}",
        f"{100 * scores['iou']['<b>left</b>']:.2f} {100 * low:.1f}\N{EN DASH}{100 * high:.1f}",
        "is taken for (no class)",
        "The 2 worst",
        "2 by chance",
        f"miou_void_as_class {100 * scores['miou_void_as_class']:.2f}",
        "bootstrap over pictures",
        "key: <x>",
    ):
        assert words in said
    assert "calibration error" not in said
    assert "never 3 0.00 0 - - - - - -" in said


def test_one_picture_has_no_interval_and_confidences_give_a_calibration(tmp_path):
    path = report(tmp_path, {"scene": scene(0)}, confidence=np.full((48, 64), 0.9, np.float32))
    said = text(path)
    assert "One picture was scored: there are no intervals." in said
    assert "Calibration: of the pixels" in said
    assert "Among the worst already: scene ." in said


def test_a_binary_task_begins_with_its_object(tmp_path):
    labels = label_set("mads", ["background", "person"])
    said = text(report(tmp_path, {str(seed): scene(seed, labels) for seed in range(3)}, labels))
    assert said.index("Dice of person") < said.index("IoU of person") < said.index("% mIoU")


def test_categories_objects_and_a_picture_without_labels(tmp_path):
    labels = LABEL_SETS[19]
    pictures = {f"city/{seed}": scene(seed, labels) for seed in range(20)}
    pictures["city/3"][1][:] = 255
    objects = np.zeros((48, 64), np.int32)
    objects[20:30, 20:30] = 13 + 256
    said = text(report(tmp_path, pictures, labels, num_pictures=20, objects=objects))
    for words in ("category mIoU", "instance mIoU", "Categories", "Objects", "city/3 · no labelled pixels"):
        assert words in said


def test_no_pictures_are_shown_where_none_are_wanted(tmp_path):
    path = report(tmp_path, {"scene": scene(0)}, num_pictures=0)
    assert "data:image/jpeg" not in path.read_text()
    assert "All pictures" in text(path)


def test_a_click_sorts_the_classes_and_a_key_changes_the_layer(tmp_path, open_page):
    page = open_page(report(tmp_path, {f"scene {seed}": scene(seed) for seed in range(6)}))
    head = page.locator("#class-table th", has_text=re.compile("^IoU"))
    head.click()
    shown = page.locator("#class-table tbody td.iou").all_inner_texts()
    values = [float(value) for value in shown if value != "-"]
    assert values == sorted(values, reverse=True)
    assert shown[-1] == "-"
    head.press("Enter")
    assert page.locator("#class-table tbody td.iou").all_inner_texts()[:-1] == [*reversed(shown[:-1])]

    card = page.locator(".card").first

    def visible():
        return [name for name in ("truth", "prediction", "errors") if card.locator(f".{name}").is_visible()]

    assert visible() == ["prediction"]
    for key, expected in {"1": [], "2": ["truth"], "4": ["errors"]}.items():
        page.keyboard.press(key)
        assert visible() == expected
    page.get_by_role("button", name="prediction 3").click()
    assert visible() == ["prediction"]
    card.locator(".layers").click()
    assert visible() == ["errors"]
    page.keyboard.press("5")
    assert visible() == ["truth", "prediction", "errors"]


def decoded(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def test_a_click_on_a_class_shows_it_alone(tmp_path, open_page):
    page = open_page(report(tmp_path, {"scene": scene(0)}))
    source = page.locator(".truth img").get_attribute("src")
    choice = page.locator(".legend button", has_text="<b>left</b>")
    choice.click()
    page.wait_for_function("source => document.querySelector('.truth img').src !== source", arg=source)
    assert choice.get_attribute("aria-pressed") == "true"
    shown = decoded(page.locator(".truth img").get_attribute("src"))
    truth = scene(0)[1]
    assert (shown[truth == 1] == [*LABELS.colors[1], 255]).all()
    assert (shown[truth != 1, 3] < 255).all()
    choice.click()
    assert page.locator(".truth img").get_attribute("src") == source


def test_500_pictures_open_in_less_than_two_seconds(tmp_path, open_page):
    labels = label_set("eleven", [f"class {index}" for index in range(11)])
    counts = [count_picture("", *scene(seed, labels, (72, 96))[1:], labels) for seed in range(20)]
    pictures = [counts[place % 20]._replace(name=f"scene {place}") for place in range(500)]
    shown = scene(0, labels, (360, 480))
    evaluation = Evaluation.of(pictures, labels)
    scores = write_scores(tmp_path, evaluation, ABOUT)
    path = tmp_path / "report.html"
    write_report(path, evaluation, scores, lambda name: shown, "", 20)
    page = open_page(path)
    assert page.locator("#picture-table tbody tr").count() == 500
    assert page.locator(".card").count() >= 30
    times = []
    for _ in range(3):
        page.reload()
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    assert min(times) < 2000


def test_costs_and_inference_of_a_checkpoint(tmp_path):
    costs = {
        "num_parameters": 4_381_083,
        "gmac": 4.196,
        "size": [360, 480],
        "seconds_per_picture": 0.1,
        "device": "a device",
        "num_threads": 2,
        "training_seconds": 1800.0,
    }
    inference = {"_target_": "x", "scales": [0.75, 1.0], "flip": True, "window": None}
    about = {"split": "val", "checkpoint": "last.ckpt", "step": 7, "costs": costs, "inference": inference}
    said = text(report(tmp_path, {"scene": scene(0)}, about=about))
    for words in (
        "training step 7",
        "scales 0.75, 1.0 · flip",
        "parameters 4.38 M",
        "480x360",
        "training 0.50 h",
    ):
        assert words in said
