"""The page, in a real browser: a picture goes in; what is seen changes without the network."""

import gc
import socket
import sys

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.demo import Shown, area_table, draw, page, serve
from atrous.labels import label_set

LABELS = label_set("mine", {"<ground>": [10, 20, 30], "cat": [200, 100, 0], "dog": None})


def test_only_chosen_classes_are_drawn():
    shown = Shown(np.full((2, 3, 3), 100, np.uint8), np.array([[0, 1, 2], [255, 1, 0]], np.uint8))
    found = draw(shown, 1.0, ["cat"], LABELS)
    assert found[0, 1].tolist() == [200, 100, 0]
    others = np.ones((2, 3), bool)
    others[:, 1] = False
    assert (found[others] == 100).all()
    assert np.array_equal(draw(shown, 0.0, ["cat"], LABELS), shown.image)
    assert (shown.image == 100).all()


def test_the_table_is_the_legend_largest_first_and_names_are_no_html():
    table = area_table({"<ground>": 0.25, "cat": 0.75}, LABELS)
    assert table.index("cat") < table.index("&lt;ground&gt;")
    assert "75.0 %" in table
    assert "rgb(200,100,0)" in table
    assert "<ground>" not in table


# Gradio's own: of files that it serves, and of ports that it tries
leaks = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def collected():
    """What a test leaves is collected while its warnings are ignored."""
    yield
    gc.collect()


def changed(page, before):
    """Wait until the prediction is another picture; its address."""
    page.wait_for_function(
        "before => [...document.images].at(-1)?.src !== before && [...document.images].length > 1", arg=before
    )
    return page.locator("img").last.get_attribute("src")


@leaks
def test_a_picture_is_predicted_once_and_drawn_again(varied, browser, tmp_path, monkeypatch, collected):
    pytest.importorskip("gradio")
    model = atrous.load(varied, device="cpu")
    runs = []
    label = model.label
    monkeypatch.setattr(model, "label", lambda images: runs.append(len(images)) or label(images))
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(tmp_path / "street.png")
    content = (tmp_path / "street.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(content[: len(content) // 2])
    blocks = page(model)
    address = serve(blocks, "127.0.0.1", None, wait=False)
    assert address.startswith("http://127.0.0.1:")
    try:
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        foreign = []
        own = (address, "data:", "blob:")
        opened.on("request", lambda request: request.url.startswith(own) or foreign.append(request.url))
        opened.goto(address)
        opened.set_input_files("input[type=file]", tmp_path / "street.png")
        opened.get_by_text("64x48 pixels in").wait_for()
        assert runs == [1]
        found = np.unique(model.predict(tmp_path / "street.png"))
        del runs[1:]
        first = changed(opened, "")
        name = model.labels.classes[found[0]]
        assert opened.locator("table").get_by_text(name, exact=True).is_visible()
        opened.get_by_label(name, exact=True).first.uncheck()
        second = changed(opened, first)
        opened.locator("input[type=range]").first.focus()
        opened.keyboard.press("Home")
        changed(opened, second)
        assert runs == [1]
        assert foreign == []
        opened.get_by_label("Remove Image").first.click()
        opened.get_by_text("64x48 pixels in").wait_for(state="detached")
        opened.set_input_files("input[type=file]", tmp_path / "broken.png")
        opened.get_by_text("cannot be read as a picture").first.wait_for()
        opened.close()
    finally:
        blocks.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "checkpoint is not given"),
        (["checkpoint=a", "port=0"], "port=0: expected a number from 1 to 65535"),
        (["checkpoint=a", "host=5"], "host=5: expected a text"),
        (["checkpoint=a", "opacity=x"], "opacity=x: expected a share"),
    ],
)
def test_wrong_options_are_told(composed, options, said):
    from atrous.commands.demo import demo

    with pytest.raises(ValueError, match=said):
        demo(composed("demo", *options))


def test_what_is_not_installed_is_told(composed, monkeypatch):
    from atrous.commands.demo import demo
    from atrous.prediction.video import pyav

    monkeypatch.setattr("atrous.build.predicting.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install atrous\[demo\]"):
        demo(composed("demo", "checkpoint=a"))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"pip install atrous\[video\]"):
        pyav()


def test_an_address_that_cannot_be_opened_is_told():
    pytest.importorskip("gradio")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port={port}: cannot be opened"):
            serve(None, "127.0.0.1", port)
        with pytest.raises(ValueError, match=r"host=192\.0\.2\.1 port=None: cannot be opened"):
            serve(None, "192.0.2.1", None)
