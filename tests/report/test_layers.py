import base64
import io

import numpy as np
from PIL import Image

from atrous.labels import label_set
from atrous.report.layers import LONGEST, STRIPES, draw_layers
from atrous.report.pictures import CORRECT, WRONG

LABELS = label_set("mine", {"ground": (1, 2, 3), "left": (200, 0, 0), "right": (0, 200, 0)})


def decoded(address):
    head, data = address.split(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == f"data:image/{image.format.lower()};base64"
    return np.asarray(image.convert("RGB"))


def colors(pixels):
    return {tuple(color) for color in pixels.reshape(-1, 3).tolist()}


def test_each_layer_is_in_its_colors_and_what_is_no_class_in_stripes():
    truth, predicted = np.zeros((2, 40, 60), np.uint8)
    truth[:20], truth[20:, :30] = 1, 255
    predicted[:20, :30], predicted[20:] = 1, 254
    layers = draw_layers(np.full((40, 60, 3), 90, np.uint8), truth, predicted, LABELS)
    assert abs(decoded(layers.image).astype(int) - 90).max() <= 2
    assert colors(decoded(layers.truth)[:20]) == {(200, 0, 0)}
    assert colors(decoded(layers.truth)[20:, :30]) == set(STRIPES)
    assert colors(decoded(layers.prediction)[:20, 30:]) == {(1, 2, 3)}
    assert colors(decoded(layers.prediction)[20:]) == set(STRIPES)
    errors = decoded(layers.errors)
    assert colors(errors[:20, :30]) == {CORRECT}
    assert colors(errors[:, 30:]) == {WRONG}
    assert colors(errors[20:, :30]) == set(STRIPES)
    assert layers.classes == {0, 1}


def test_large_pictures_shrink_and_small_ones_do_not():
    for height, width in ((300, 2600), (2000, 1000), (40, 60)):
        indices = np.zeros((height, width), np.uint8)
        layers = draw_layers(np.zeros((height, width, 3), np.uint8), indices, indices, LABELS)
        shape = decoded(layers.errors).shape[:2]
        assert shape == (layers.height, layers.width) == decoded(layers.image).shape[:2]
        assert max(shape) == min(LONGEST, max(height, width))
