from functools import partial

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from atrous.models.smp import deeplab, smp_net

ARCHITECTURES = {
    smp.DPT: "tu-vit_tiny_patch16_224",
    smp.DeepLabV3: "resnet18",
    smp.DeepLabV3Plus: "resnet18",
    smp.FPN: "resnet18",
    smp.Linknet: "resnet18",
    smp.MAnet: "resnet18",
    smp.PAN: "resnet18",
    smp.PSPNet: "resnet18",
    smp.Segformer: "mit_b0",
    smp.UPerNet: "resnet18",
    smp.Unet: "resnet18",
    smp.UnetPlusPlus: "resnet18",
}


def make(architecture, **options):
    """A network of the architecture with 5 classes and random weights."""
    encoder = ARCHITECTURES[architecture]
    if architecture is smp.PAN:
        options["multiple"] = 128
    if architecture is smp.DPT:
        architecture = partial(smp.DPT, dynamic_img_size=True)
    return smp_net(architecture, encoder, None, num_classes=5, **options)


def test_every_architecture_of_smp_is_here():
    assert {architecture.__name__ for architecture in ARCHITECTURES} == {
        architecture.__name__ for architecture in smp.MODEL_ARCHITECTURES_MAPPING.values()
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_have_the_size_of_any_input(architecture):
    net = make(architecture).eval()
    with torch.inference_mode():
        for size in ((64, 96), (65, 47)):
            assert net(torch.randn(1, 3, *size)).shape == (1, 5, *size)


STRIDES = {
    smp.DeepLabV3: 8,
    smp.DeepLabV3Plus: 4,
    smp.FPN: 4,
    smp.PAN: 4,
    smp.PSPNet: 8,
    smp.Segformer: 4,
    smp.UPerNet: 4,
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_can_be_had_before_they_are_upsampled(architecture):
    net = make(architecture, multiple=128).eval()
    with torch.inference_mode():
        values, padded, size, _ = net.coarse(torch.randn(1, 3, 100, 140))
    assert (padded, size) == ((128, 256), (100, 140))
    stride = STRIDES.get(architecture, 1)
    assert values.shape == (1, 5, 128 // stride, 256 // stride)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_gradient_reaches_every_trainable_parameter(architecture):
    net = make(architecture)
    counts = [buffer for name, buffer in net.named_buffers() if name.endswith("num_batches_tracked")]
    assert all(count == 0 for count in counts)  # looking for gradients left the statistics alone
    net(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters() if parameter.requires_grad)
    frozen = [name for name, parameter in net.named_parameters() if not parameter.requires_grad]
    assert bool(frozen) == (architecture in (smp.PSPNet, smp.DPT))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_layer_aligns_corners(architecture):
    net = make(architecture)
    assert not any(getattr(layer, "align_corners", False) for layer in net.modules())


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


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_auxiliary_head_is_for_the_training_only(architecture):
    torch.manual_seed(0)
    plain = make(architecture).eval()
    net = make(architecture, auxiliary_weight=0.4)
    net.net.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 72, 80)
    outputs, weights = net.train()(images)
    assert weights == (1.0, 0.4)
    assert [output.shape for output in outputs] == [(2, 5, 72, 80)] * 2
    outputs[1].sum().backward()
    reached = [name for name, parameter in net.named_parameters() if parameter.grad is not None]
    assert {name.split(".")[0] for name in reached} == {"net", "head"}
    assert all("encoder" in name for name in reached if name.startswith("net"))
    net.net.load_state_dict(plain.state_dict())  # batch norm has moved
    with torch.inference_mode():
        assert torch.equal(net.eval()(images), plain(images))


@pytest.mark.parametrize("output_stride", [8, 16])
def test_an_aligned_xception_can_be_dilated(output_stride):
    net = deeplab(
        smp.DeepLabV3Plus, output_stride, encoder="tu-xception41", encoder_weights=None, num_classes=3
    ).eval()
    with torch.inference_mode():
        assert net.net.encoder(torch.randn(1, 3, 64, 64))[-1].shape[-1] == 64 // output_stride
        assert net(torch.randn(1, 3, 65, 47)).shape == (1, 3, 65, 47)


def test_an_encoder_of_one_size_is_refused():
    with pytest.raises(ValueError, match=r"tu-swin_tiny\S+ does not fit .*Input height .* or set model"):
        smp_net(smp.Unet, "tu-swin_tiny_patch4_window7_224", None, num_classes=3)


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
