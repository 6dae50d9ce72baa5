import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from atrous.models.smp import deeplab, smp_net

ARCHITECTURES = [
    smp.DeepLabV3,
    smp.DeepLabV3Plus,
    smp.FPN,
    smp.PSPNet,
    smp.Segformer,
    smp.UPerNet,
    smp.Unet,
    smp.UnetPlusPlus,
]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_have_the_size_of_any_input(architecture):
    net = smp_net(architecture, "resnet18", None, num_classes=5).eval()
    with torch.inference_mode():
        for size in ((64, 96), (65, 47)):
            assert net(torch.randn(1, 3, *size)).shape == (1, 5, *size)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_gradient_reaches_every_trainable_parameter(architecture):
    net = smp_net(architecture, "resnet18", None, num_classes=5)
    counts = [buffer for name, buffer in net.named_buffers() if name.endswith("num_batches_tracked")]
    assert all(count == 0 for count in counts)  # looking for gradients left the statistics alone
    net(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters() if parameter.requires_grad)
    frozen = [name for name, parameter in net.named_parameters() if not parameter.requires_grad]
    assert bool(frozen) == (architecture is smp.PSPNet)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_layer_aligns_corners(architecture):
    net = smp_net(architecture, "resnet18", None, num_classes=5)
    assert not any(layer.align_corners for layer in net.modules() if isinstance(layer, nn.Upsample))


@pytest.mark.parametrize("architecture", [smp.DeepLabV3, smp.DeepLabV3Plus])
@pytest.mark.parametrize(("output_stride", "rates"), [(8, {12, 24, 36}), (16, {6, 12, 18})])
def test_atrous_rates_follow_the_output_stride(architecture, output_stride, rates):
    net = deeplab(architecture, output_stride, encoder="resnet18", encoder_weights=None, num_classes=5)
    dilations = {
        layer.dilation[0] for name, layer in net.net.decoder.named_modules() if isinstance(layer, nn.Conv2d)
    }
    assert dilations == {1, *rates}
    with torch.inference_mode():
        features = net.net.encoder(torch.randn(1, 3, 64, 64))
    assert features[-1].shape[-1] == 64 // output_stride


def test_timm_encoders():
    net = deeplab(
        smp.DeepLabV3Plus, 16, encoder="tu-mobilenetv3_small_050", encoder_weights=None, num_classes=3
    ).eval()
    with torch.inference_mode():
        assert net(torch.randn(1, 3, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "resnet17"}, "model.encoder=resnet17: no such encoder; did you mean resnet1"),
        ({"encoder": "tu-resnet17"}, "model.encoder=tu-resnet17: no such encoder; did you mean tu-resnet1"),
        ({"encoder": "xception"}, "model.encoder=xception does not fit this architecture"),
        (
            {"encoder_weights": "imagenette"},
            "model.encoder_weights=imagenette: no such weights for encoder 'resnet18'",
        ),
        (
            {"encoder_weights": "nowhere/weights.pth"},
            "model.encoder_weights=nowhere/weights.pth: no such file",
        ),
        ({"output_stride": 4}, "model.output_stride=4: DeepLab runs at output stride 8 or 16"),
    ],
)
def test_wrong_options_are_told(options, message):
    usual = {"encoder": "resnet18", "encoder_weights": None, "output_stride": 16, "num_classes": 3}
    with pytest.raises(ValueError, match=r"^model\.") as told:
        deeplab(smp.DeepLabV3Plus, **{**usual, **options})
    assert message in str(told.value)


def test_a_download_that_fails_says_how_to_go_on(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no connection")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", no_network)
    with pytest.raises(
        ValueError, match=r"\(no connection\); to go on without a network .* or null for random"
    ):
        smp_net(smp.Unet, "resnet18", "imagenet", num_classes=3)


def test_weights_come_from_a_file(tmp_path):
    file = tmp_path / "encoder.pth"
    source = smp_net(smp.Unet, "resnet18", None, num_classes=3).net.encoder
    torch.save(source.state_dict(), file)
    loaded = smp_net(smp.FPN, "resnet18", str(file), num_classes=4).net.encoder
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), loaded.parameters(), strict=True))


@pytest.mark.parametrize("content", ["other encoder", "no state dict", "no tensors"])
def test_a_file_that_does_not_fit_is_refused(tmp_path, content):
    file = tmp_path / "encoder.pth"
    if content == "other encoder":
        torch.save(smp_net(smp.Unet, "resnet34", None, num_classes=3).net.encoder.state_dict(), file)
    elif content == "no state dict":
        torch.save([1, 2], file)
    else:
        file.write_text("hello")
    with pytest.raises(ValueError, match="not a state dict of encoder 'resnet18'") as told:
        smp_net(smp.Unet, "resnet18", str(file), num_classes=3)
    assert str(file) in str(told.value)


def test_the_real_imagenet_weights_load_strictly(real_data):
    file = real_data / "weights" / "mobilenet_v2_imagenet.pth"
    net = smp_net(smp.DeepLabV3Plus, "mobilenet_v2", str(file), num_classes=3)
    state = torch.load(file, weights_only=True)
    assert torch.equal(net.net.encoder.features[0][0].weight, state["features.0.0.weight"])
