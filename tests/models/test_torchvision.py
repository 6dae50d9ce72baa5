import pytest
import torch
from torchvision.models import mobilenet_v3_large
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

from atrous.models.torchvision import deeplabv3_mobilenet_v3


def test_logits_are_those_of_torchvision():
    torch.manual_seed(0)
    theirs = deeplabv3_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
    ours = deeplabv3_mobilenet_v3(None, num_classes=5).eval()
    ours.encoder.load_state_dict(theirs.backbone.state_dict())
    ours.decoder.load_state_dict(theirs.classifier.state_dict())
    for size in ((64, 96), (65, 47)):
        images = torch.randn(1, 3, *size)
        with torch.inference_mode():
            assert torch.equal(ours(images), theirs(images)["out"])


def test_weights_come_from_a_file(tmp_path):
    source = mobilenet_v3_large()
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    net = deeplabv3_mobilenet_v3(str(tmp_path / "weights.pth"), num_classes=3)
    assert torch.equal(net.encoder["16"][0].weight, source.features[16][0].weight)


def test_unknown_weights_are_told():
    with pytest.raises(ValueError, match=r"model\.encoder_weights=coco: torchvision has no such weights"):
        deeplabv3_mobilenet_v3("coco", num_classes=3)


def test_a_download_that_fails_says_how_to_go_on(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no connection")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    with pytest.raises(ValueError, match=r"encoder_weights=imagenet: .* \(no connection\); to go on"):
        deeplabv3_mobilenet_v3("imagenet", num_classes=3)
