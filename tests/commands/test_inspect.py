"""inspect as people run it: data with one of each defect, clean data, an interruption, the page."""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import fabricate
import numpy as np
import pytest
from conftest import compose_command
from PIL import Image
from test_conf import CHOICES

from atrous import build
from atrous.commands.inspect import inspect
from atrous.data.processes import CHUNK
from atrous.data.statistics import class_counts
from atrous.labels import voc_color
from atrous.report.layers import STRIPES

CLASSES = ["ground", "left_arm", "right_arm", "hat"]
MINE = [
    "data=folder",
    "data.layout.label_set.name=mine",
    f"data.layout.label_set.classes=[{','.join(CLASSES)}]",
    "data.crop_size=[48,64]",
    "data.num_workers=0",
    "samples=3",
]
COLORED = fabricate.colored([(9, 9, 9), (255, 0, 7)])
PAIRED = "+data.layout.label_set.mirror_pairs=[[left_arm,right_arm]]"


def draw(root, split, name, seed, ids=(0, 1, 2, 3, 255), size=(48, 64), spell=fabricate.grey):
    """A pair of a noisy picture, unlike every other, and labels of patches."""
    rng = np.random.default_rng(seed)
    labels = np.array(ids)[np.arange(12) % len(ids)]
    rng.shuffle(labels)
    labels = labels.reshape(3, 4).repeat(16, 0).repeat(16, 1)[: size[0], : size[1]]
    coarse = Image.fromarray(rng.integers(40, 216, (6, 8, 3)).astype(np.uint8)).resize(size[::-1])
    image, label = (root / kind / split / f"{name}.png" for kind in ("images", "labels"))
    for path in (image, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    coarse.save(image)
    spell(labels).save(label)
    return image, label


def clean(root, val_ids=(0, 1, 2, 3, 255)):
    for start, (split, count) in enumerate((("train", 16), ("val", 3), ("test", 3))):
        for index in range(count):
            ids = val_ids if split == "val" else (0, 1, 2, 3, 255)
            draw(root, split, f"{split}{index}", 100 * start + index, ids=ids)
    return root


def defective(root):
    """One of each defect, and the sentence's kind by the file that it must name."""
    clean(root, val_ids=(0, 1, 2))
    named = {"absent_class": ["hat"]}

    def spoil(kind, path):
        named.setdefault(kind, []).append(str(path))

    for index in range(5, 16):  # too few for a batch of 16
        for kind in ("images", "labels"):
            (root / kind / "train" / f"train{index}.png").unlink()
    image, label = draw(root, "train", "alone", 1001)
    label.unlink()
    spoil("picture_without_label", image)
    image, label = draw(root, "train", "orphan", 1002)
    image.unlink()
    spoil("label_without_picture", label)
    image, _ = draw(root, "train", "truncated", 1003)
    image.write_bytes(image.read_bytes()[:-200])
    spoil("unreadable", image)
    _, label = draw(root, "train", "no_picture_at_all", 1004)
    label.write_text("a text")
    spoil("unreadable", label)
    image, _ = draw(root, "train", "on_its_side", 1011)
    Image.open(image).save(image, exif=fabricate.turned_by(6))
    spoil("turned", image)
    _, label = draw(root, "train", "photo", 1012)
    Image.open(label).save(label, "jpeg")
    spoil("lossy_labels", label)
    _, label = draw(root, "train", "cut", 1005)
    Image.open(label).crop((0, 0, 60, 48)).save(label)
    spoil("size_mismatch", label)
    spoil("unknown_value", draw(root, "train", "value", 1006, ids=(0, 1, 77))[1])
    spoil("binary_mask", draw(root, "train", "binary", 1007, ids=(0, 255))[1])
    spoil(
        "color_mask",
        draw(root, "train", "colors", 1008, ids=(0, 1), spell=COLORED)[1],
    )
    spoil("ignored", draw(root, "train", "ignored", 1009, ids=(255,))[1])
    spoil("small", draw(root, "train", "small", 1010, size=(48, 60))[0])
    shutil.copy(root / "images/train/train0.png", root / "images/val/val0.png")
    spoil("same_picture", root / "images/val/val0.png")
    shutil.copy(root / "images/train/train1.png", root / "images/train/train2.png")
    spoil("copy", root / "images/train/train2.png")
    Image.open(root / "images/train/train3.png").save(root / "images/val/val1.jpg", quality=90)
    (root / "images/val/val1.png").unlink()
    spoil("near_duplicate", root / "images/val/val1.jpg")
    draw(root, "val", "narrow", 1013, ids=(0, 1, 2), size=(48, 48))
    spoil("mixed_sizes", "split 'val'")
    spoil("few_pictures", "split 'train'")
    spoil("mirror_pairs", "left_arm and right_arm")
    for kind in ("images", "labels"):
        shutil.rmtree(root / kind / "test")
        (root / kind / "test").mkdir()
    spoil("empty_split", "split 'test'")
    return named


def inspected(root, output, *options):
    """The exit status, and what inspection.json holds."""
    cfg = compose_command("inspect", [*MINE, f"data.root={root}", *options], output)
    with pytest.raises(SystemExit) as ended:
        inspect(cfg)
    assert (output / "inspection.html").is_file()
    return ended.value.code, json.loads((output / "inspection.json").read_text())


def test_clean_data_have_no_finding(tmp_path):
    status, found = inspected(clean(tmp_path / "data"), tmp_path / "out", PAIRED)
    assert found["findings"] == []
    assert status == 0
    assert found["complete"]
    assert found["label_format"] == "numbers (the value, or the palette's index)"
    assert found["splits"]["train"]["num_sound"] == 16
    assert found["splits"]["val"]["sizes"] == {"64x48": 3}
    assert sum(found["splits"]["train"]["pixels"].values()) == 16 * 48 * 64
    assert found["splits"]["train"]["pictures"]["hat"] == 16
    assert {each["value"]: each["class"] for each in found["label_values"]} == {
        **dict(enumerate(CLASSES)), 255: "ignored",
    }  # fmt: skip


def test_mirror_pairs_are_told_in_words_that_can_be_pasted(tmp_path):
    root = clean(tmp_path / "data")
    _, found = inspected(root, tmp_path / "out", "samples=0")
    ((kind, remedy),) = [(each["kind"], each["remedy"]) for each in found["findings"]]
    assert kind == "mirror_pairs"
    for words in re.findall(r"\S*data\.layout\S+=\[\[.*?\]\]|augment\.\S+", remedy):
        assert inspected(root, tmp_path / "out", "samples=0", words)[1]["findings"] == []


def test_one_of_each_defect_is_found_and_named(tmp_path):
    named = defective(tmp_path / "data")
    status, found = inspected(tmp_path / "data", tmp_path / "out", "data.eval_batch_size=2")
    assert status == 1
    by_kind = {}
    for each in found["findings"]:
        by_kind.setdefault(each["kind"], []).append(each)
    for kind, files in named.items():
        told = [text for each in by_kind[kind] for text in (each["sentence"], *each["examples"])]
        for file in files:
            assert any(file in text for text in told), (kind, file, told)
    assert set(by_kind) == set(named)
    for kind in ("picture_without_label", "color_mask", "unknown_value", "same_picture"):
        assert [each["severity"] for each in by_kind[kind]] == ["error"]
    assert "save these so too" in by_kind["color_mask"][0]["remedy"]  # one file among many
    assert "label value 77" in by_kind["unknown_value"][0]["sentence"]


PEOPLE = ["data=folder", "data.layout.label_set.name=people", "data.layout.label_set.classes=[ground,person]"]


def people(root, spell, ids):
    for start, split in enumerate(("train", "val", "test")):
        for index in range(3):
            draw(root, split, f"{split}{index}", 100 * start + index, ids=ids, spell=spell)
    return [*PEOPLE, f"data.root={root}", "data.batch_size=2", "data.crop_size=[48,64]", "data.num_workers=0"]


@pytest.mark.parametrize(
    ("spell", "ids", "kind", "remedy"),
    [
        (fabricate.grey, (0, 255), "binary_mask", "data/label_format=threshold"),
        (fabricate.smooth_mask, (0, 1), "binary_mask", "data/label_format=threshold"),
        (
            lambda ids: fabricate.smooth_mask(ids).convert("L"),
            (0, 1),
            "binary_mask",
            "data/label_format=threshold",
        ),
        (COLORED, (0, 1), "color_mask", "data/label_format=colors"),
    ],
)
def test_what_the_remedy_says_to_write_works(tmp_path, spell, ids, kind, remedy):
    """The very words, once the classes' names stand before the colours."""
    options = people(tmp_path / "data", spell, ids)
    output = tmp_path / "out"

    def run(*more):
        with pytest.raises(SystemExit) as ended:
            inspect(compose_command("inspect", [*options, "samples=1", *more], output))
        return ended.value.code, json.loads((output / "inspection.json").read_text())

    status, found = run()
    assert status == 1
    told = next(each for each in found["findings"] if each["kind"] == kind)
    assert told["severity"] == "error"
    assert remedy in told["remedy"]
    written = [remedy]
    if "colors" in remedy:
        listed = re.search(r"'(data\.label_format\.colors=.*?)'", told["remedy"])[1]
        written += [listed.replace("CLASS", "ground", 1).replace("CLASS", "person", 1)]
    status, found = run(*written)
    assert status == 0, found["findings"]
    assert found["findings"] == []
    assert found["splits"]["train"]["pictures"]["person"] == 3


def test_a_label_set_that_lists_255_is_told_nothing(tmp_path):
    options = people(tmp_path / "data", fabricate.grey, (0, 255))
    listed = ["++data.layout.label_set.raw_ids={ground: 0, person: 255}", "++data.layout.label_set.ignore=[]"]
    with pytest.raises(SystemExit) as ended:
        inspect(compose_command("inspect", [*options, *listed, "samples=0"], tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "inspection.json").read_text())["findings"] == []
    assert ended.value.code == 0


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "data"])
def test_every_data_set_can_be_looked_at(choice, tmp_path):
    """The fabricated splits share pictures, and that is all that is wrong with them."""
    made = getattr(fabricate, choice)(tmp_path / "data")
    options = [f"data={choice}", *made, f"data.root={tmp_path / 'data'}", "data.batch_size=2", "samples=0"]
    with pytest.raises(SystemExit):
        inspect(compose_command("inspect", [*options, "data.num_workers=0"], tmp_path / "out"))
    found = json.loads((tmp_path / "out" / "inspection.json").read_text())
    assert {each["kind"] for each in found["findings"] if each["severity"] == "error"} <= {"same_picture"}
    assert found["splits"]["train"]["num_sound"] == found["splits"]["train"]["num_pairs"] > 1


def test_all_files_are_found_that_a_list_names_in_vain(tmp_path):
    root = clean(tmp_path / "data")
    for split in ("train", "val", "test"):
        names = sorted(path.stem for path in (root / "images" / split).iterdir())
        fabricate.write_text(root / f"{split}.txt", names)
    for name in ("train3", "train4"):
        (root / f"labels/train/{name}.png").unlink()
    (root / "images/train/train5.png").unlink()
    (root / "val.txt").write_text("val0\nval1\nval2\nnowhere\n")
    options = ("data/source=ids", PAIRED)
    folders = [f"data.source.folders.{kind}='{kind}/{{split}}'" for kind in ("images", "labels")]
    status, found = inspected(root, tmp_path / "out", *options, *folders, "data.batch_size=8")
    assert status == 1
    told = {each["kind"]: each["examples"] for each in found["findings"]}
    assert told == {
        "picture_without_label": [str(root / f"images/train/train{index}.png") for index in (3, 4)],
        "label_without_picture": [str(root / "labels/train/train5.png")],
        "listing": [f"{root}/val.txt, line 4: 'nowhere' has no picture under {root}"],
    }
    assert [found["splits"][split]["num_sound"] for split in ("train", "val", "test")] == [13, 3, 3]


def test_what_only_a_test_would_read_stops_no_training(tmp_path):
    root = clean(tmp_path / "data")
    draw(root, "test", "alone", 1001)[1].unlink()
    draw(root, "test", "orphan", 1002)[0].unlink()
    draw(root, "test", "broken", 1003)[0].write_bytes(b"")
    draw(root, "test", "value", 1004, ids=(0, 1, 77))
    draw(root, "test", "binary", 1005, ids=(0, 255))
    draw(root, "test", "colors", 1006, ids=(0, 1), spell=COLORED)
    draw(root, "test", "narrow", 1007, size=(48, 48))
    options = ("data.eval_batch_size=2", "samples=0", PAIRED)
    status, found = inspected(root, tmp_path / "out", *options)
    kinds = ["picture_without_label", "label_without_picture", "unreadable", "binary_mask", "color_mask"]
    kinds += ["unknown_value", "mixed_sizes"]
    assert sorted(each["kind"] for each in found["findings"]) == sorted(kinds)
    assert {each["severity"] for each in found["findings"]} == {"warning"}
    assert status == 0
    status, found = inspected(root, tmp_path / "out", *options, "data.splits.val=test")
    assert {each["kind"] for each in found["findings"] if each["severity"] == "error"} == {*kinds} - {
        "binary_mask"
    }
    assert status == 1


@pytest.mark.parametrize("sampling", ["shuffled", "class_uniform"])
def test_the_samples_are_the_first_of_a_training(tmp_path, sampling):
    root = clean(tmp_path / "data")
    cfg = compose_command("inspect", [*MINE, f"data.root={root}", f"sampling={sampling}"], tmp_path / "out")
    layout = build.layout(cfg)
    found = build.pairs(cfg, layout, ("train",))
    counts = class_counts(found["train"], layout.labels, layout.label_format, tmp_path)
    drawn = build.samples(cfg, layout)(found["train"], counts)
    loader = build.data(cfg, found, layout).train_dataloader()
    expected = [loader.dataset[key] for key in loader.sampler][:3]
    for (name, image, labels), sample in zip(drawn, expected, strict=True):
        assert name == sample.name
        assert np.array_equal(image, sample.image.permute(1, 2, 0))
        assert np.array_equal(labels, sample.labels)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("samples=abc", "samples=abc: expected a whole number, 0 or more"),
        ("samples=-1", "samples=-1: expected a whole number, 0 or more"),
        ("data.num_workers=abc", "data.num_workers=abc: expected a whole number, 0 or more"),
        ("data.batch_size=abc", "data.batch_size=abc: expected a whole number, 1 or more"),
        ("data.eval_batch_size=0", "data.eval_batch_size=0: expected a whole number, 1 or more"),
        ("data.limits.train=abc", "data.limits.train=abc: expected a whole number, 1 or more"),
        ("data.crop_size=abc", "data.crop_size=abc: expected two whole numbers, [height,width] in pixels"),
        ("seed=abc", "seed=abc: expected a whole number, 0 or more"),
    ],
)
def test_a_wrong_number_is_told_in_a_sentence(tmp_path, option, said):
    (tmp_path / "data").mkdir()
    cfg = compose_command("inspect", [*MINE, f"data.root={tmp_path / 'data'}", option], tmp_path / "out")
    with pytest.raises(ValueError, match=re.escape(said)):
        inspect(cfg)


def test_ignored_pixels_do_not_look_like_a_black_class(tmp_path):
    root = clean(tmp_path / "data")
    inspected(root, tmp_path / "out", PAIRED, "samples=1", "augment=crop", "data.batch_size=2")
    written = (tmp_path / "out" / "inspection.html").read_text()
    drawn = re.search(r'base64,([^"]*)" alt="labels: ground', written)[1]
    labels = Image.open(io.BytesIO(base64.b64decode(drawn))).convert("RGB")
    colors = {color for _, color in labels.getcolors()}
    assert colors == {*map(voc_color, range(4)), *STRIPES}
    assert '<span class="swatch striped"></span>ignored</span>' in written


def test_exit_statuses_and_sentences_of_the_command(command):
    clean(command.folder / "data")
    options = ("-m", "atrous", "inspect", *MINE, PAIRED, "data.root=data", "hydra.run.dir=out", "samples=0")
    assert "nothing is wrong" in command.succeed(*options)
    (command.folder / "data/labels/val/val1.png").unlink()
    done = command(*options)
    assert (done.returncode, done.stderr) == (1, "")
    assert "data/images/val/val1.png: picture without label" in done.stdout
    assert "data.root=nowhere: no such folder" in command.fail(*options, "data.root=nowhere")
    assert "no such option, did you mean samples" in command.fail("-m", "atrous", "inspect", "sample=3")
    assert "Exit status" in command.succeed("-m", "atrous", "inspect", "--help")


def test_an_interruption_leaves_what_was_read(command):
    """Two of the pictures are pipes, at which both processes wait when Ctrl-C comes."""
    root = command.folder / "data"
    for index in range(8):
        draw(root, "train", f"{index:03}", index)
        draw(root, "val", f"{index}", 100 + index)
    for index in range(8, 96):  # names of one file
        for kind in ("images", "labels"):
            (root / kind / "train" / f"{index:03}.png").symlink_to(root / kind / "train" / "000.png")
    pipes = [root / "images/train" / f"{index:03}.png" for index in (2 * CHUNK, 3 * CHUNK)]
    for pipe in pipes:
        pipe.unlink()
        os.mkfifo(pipe)
    script = [sys.executable, "-m", "atrous", "inspect", *MINE, "data.root=data", "output=out"]
    splits = "data.splits={train: train, val: val}"
    running = subprocess.Popen(
        [*script, splits, "data.num_workers=2", "samples=0"],
        cwd=command.folder,
        env=command.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # what starts in the background, as these tests may, would hand on that it ignores Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    watchdog = threading.Timer(60, os.killpg, (running.pid, signal.SIGKILL))  # or a failure would hang
    watchdog.start()
    assert running.stdout.readline() == "reading 104 pictures and their labels\n"
    held = [opened_by_a_reader(pipe, running) for pipe in pipes]
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    assert running.stdout.readline() == "interrupted: waiting for the pictures that are being read\n"
    for pipe in held:
        os.close(pipe)
    printed, said = running.communicate(timeout=60)
    watchdog.cancel()
    assert running.returncode == 130, printed + said
    assert "Traceback" not in said
    found = json.loads((command.folder / "out" / "inspection.json").read_text())
    assert not found["complete"]
    assert 4 * CHUNK <= found["num_read"] < 104
    assert f"interrupted: {found['num_read']} of 104 pictures were read" in printed
    assert (command.folder / "out" / "inspection.html").is_file()
    assert " more files: the same picture twice in one split" in printed


def opened_by_a_reader(pipe, running):
    """The pipe's other end, once a process waits at it."""
    while running.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # no reader yet
            time.sleep(0.01)
    raise AssertionError("".join(running.communicate()))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of the defective data, in a real browser."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        pytest.skip("no chromium here")
    folder = tmp_path_factory.mktemp("page")
    defective(folder / "data")
    inspected(folder / "data", folder)
    quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=[*quiet, "--disable-sync"])
        opened = browser.new_page()
        opened.said, opened.asked = [], []
        opened.on("console", lambda message: opened.said.append(message.text))
        opened.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.goto((folder / "inspection.html").as_uri())
        yield opened
        browser.close()


def test_the_page_stands_alone(page):
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    sizes = page.eval_on_selector_all("img", "all => all.map(each => each.naturalWidth)")
    assert len(sizes) == 2 + 2 * 3  # a pair of near-duplicates; samples and their labels
    assert min(sizes) > 0


def test_the_page_opens_with_the_errors(page):
    severities = page.eval_on_selector_all(".finding", "all => all.map(each => each.classList[1])")
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert set(severities) == {"error", "warning", "note"}
    assert "label value 77" in page.inner_text(".finding.error:has-text('unknown in all')")


def test_the_class_table_sorts(page):
    def names():
        return page.eval_on_selector_all(
            "#classes ~ div tbody tr", "all => all.map(each => each.cells[0].innerText)"
        )

    assert names()[:4] == CLASSES
    page.click("#classes ~ div th:has-text('train %')")
    shares = page.eval_on_selector_all(
        "#classes ~ div:first-of-type tbody td:nth-child(2)", "all => all.map(each => +each.dataset.value)"
    )
    assert shares == sorted(shares, reverse=True)


def test_the_labels_fade(page):
    page.eval_on_selector("#dial", "dial => { dial.value = 1; dial.dispatchEvent(new Event('input')); }")
    assert page.eval_on_selector(".stack img + img", "image => getComputedStyle(image).opacity") == "1"
