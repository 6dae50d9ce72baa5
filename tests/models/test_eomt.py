import pytest
import timm
import torch

from atrous.losses import MaskClassification
from atrous.models.eomt import Doubling, EoMT, eomt, semantic_logits
from atrous.outputs import Masks

OPTIONS = {"patch_size": 8, "depth": 3, "embed_dim": 32, "num_heads": 2}


def tiny(masked_attention: float = 0.0) -> EoMT:
    torch.manual_seed(0)
    options = {"num_queries": 6, "num_query_blocks": 2, "encoder_options": OPTIONS}
    net = eomt("vit_tiny_patch16_224", None, num_classes=5, **options)
    net.masked_attention = masked_attention
    return net


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (8, 8), (5, 3)])
def test_logits_have_the_size_of_any_input(size):
    with torch.inference_mode():
        assert tiny().eval()(torch.randn(2, 3, *size)).shape == (2, 5, *size)


@torch.inference_mode()
def test_masks_can_be_upsampled_a_few_rows_at_a_time():
    net, images = tiny().eval(), torch.randn(2, 3, 33, 47)
    coarse = net.coarse(images)
    assert coarse.values.shape == (2, 6, 10, 12)
    rows = torch.cat([coarse.rows(top, min(33, top + 5)) for top in range(0, 33, 5)], -2)
    assert torch.allclose(rows, net(images), atol=1e-5)


def test_training_supervises_the_last_blocks():
    outputs, weights = tiny().train()(torch.randn(2, 3, 33, 48))
    assert weights == (1.0,) * 3  # before each of the two blocks, and after them
    for masks, classes, size in outputs:
        assert masks.shape == (2, 6, 10, 12)  # a mask pixel for 4 x 4 pixels of the padded 40 x 48
        assert classes.shape == (2, 6, 6)
        assert size == (40, 48)


@pytest.mark.parametrize("masked_attention", [0.0, 1.0])
def test_a_gradient_reaches_every_parameter(masked_attention):
    net = tiny(masked_attention=masked_attention)
    loss = MaskClassification(5, 255)
    labels = torch.arange(5).repeat_interleave(8).expand(2, 40, 40)
    sum(loss(output, labels) for output in net(torch.randn(2, 3, 40, 40)).outputs).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


def test_what_a_query_may_look_at():
    net = tiny(masked_attention=1.0)
    masks = torch.full((1, 6, 8, 8), -1.0)
    masks[0, 0, :4] = 1.0  # the upper half; the other masks are empty, which hides nothing
    allowed = net._attention_mask(masks, num_tokens=6 + 1 + 16, grid=(4, 4))[0, 0]
    assert allowed[0].tolist() == [True] * 7 + [True] * 8 + [False] * 8
    assert allowed[1:].all()
    assert tiny(masked_attention=0.0)._attention_mask(masks, 23, (4, 4)) is None


def test_evaluation_never_masks():
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(tiny(masked_attention=1.0).eval()(images), tiny().eval()(images))


def test_semantic_logits_are_the_shares_of_the_proposals():
    masks = torch.tensor([[2.0, -1.0], [0.5, 3.0]]).view(1, 2, 1, 2)
    classes = torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]])[None]
    shares = semantic_logits(Masks(masks, classes, (1, 2)), (1, 2)).whole().softmax(1)
    for pixel in range(2):
        by_hand = sum(
            classes[0, query].softmax(0)[:2] * masks[0, query, 0, pixel].sigmoid() for query in range(2)
        )
        assert torch.allclose(shares[0, :, 0, pixel], by_hand / by_hand.sum())


@pytest.mark.parametrize(
    ("encoder", "options", "message"),
    [
        ("vit_small_patch17", {}, "model.encoder=vit_small_patch17: timm has no such model"),
        ("vit_tiny_r_s16_p8_224", {}, "a ViT with convolutions below or a pooled head"),
        ("vit_little_patch16_reg1_gap_256", {}, "a ViT with convolutions below or a pooled head"),
        ("vit_base_patch16_siglip_224", {}, "a ViT with convolutions below or a pooled head"),
        (
            "vit_tiny_patch16_224",
            {"encoder_weights": "imagenet"},
            "model.encoder_weights=imagenet: expected timm",
        ),
        (
            "vit_tiny_patch16_224",
            {"encoder_options": {"dept": 3}},
            "encoder_options={'dept': 3}: they do not fit",
        ),
        ("vit_tiny_patch16_224", {"num_queries": 0}, "model.net.num_queries=0"),
        ("vit_tiny_patch16_224", {"mask_stride": 0}, "model.net.mask_stride=0"),
        ("resnet18", {}, "model.encoder=resnet18: not a plain ViT"),
        (
            "tu-vit_tiny_patch16_224",
            {"num_query_blocks": 13},
            "num_query_blocks=13: the encoder has 12 blocks",
        ),
        ("vit_tiny_patch16_224", {"encoder_weights": "no/where.pth"}, "no/where.pth: no such file"),
    ],
)
def test_wrong_options_are_told(encoder, options, message):
    with pytest.raises(ValueError, match=r"^model\.") as told:
        eomt(encoder, **{"encoder_weights": None, "num_classes": 3, **options})
    assert message in str(told.value)


def test_a_download_that_fails_says_how_to_go_on(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no connection")

    monkeypatch.setattr("timm.models._builder.load_pretrained", no_network)
    with pytest.raises(
        ValueError, match=r"encoder_weights=timm: .* \(no connection\); give a state-dict file"
    ):
        eomt("vit_tiny_patch16_224", "timm", num_classes=3)


@pytest.mark.parametrize("num_classes", [0, 10])
def test_weights_come_from_a_file_with_or_without_a_classifier(tmp_path, num_classes):
    source = timm.create_model("vit_tiny_patch16_224", num_classes=num_classes, **OPTIONS)
    torch.save(source.state_dict(), tmp_path / "vit.pth")
    net = eomt(
        "vit_tiny_patch16_224",
        str(tmp_path / "vit.pth"),
        num_classes=3,
        encoder_options=OPTIONS,
        num_query_blocks=2,
    )
    loaded = dict(net.encoder.named_parameters())
    assert all(
        torch.equal(loaded[name], value) for name, value in source.named_parameters() if "head" not in name
    )


def test_a_mask_pixel_depends_on_its_neighbourhood_only():
    """A crop of a picture and the whole picture must give the same masks but near the crop's rim."""
    features = torch.randn(1, 8, 4, 16)
    far = features.clone()
    far[..., 10:] *= 20
    with torch.inference_mode():
        block = Doubling(8)
        assert torch.equal(block(features)[..., :16], block(far)[..., :16])
