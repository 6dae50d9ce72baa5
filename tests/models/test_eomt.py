import pytest
import torch

from atrous.losses import MaskClassification
from atrous.models.eomt import EoMT, eomt, semantic_logits
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
    shares = semantic_logits(Masks(masks, classes, (1, 2))).softmax(1)
    for pixel in range(2):
        by_hand = sum(
            classes[0, query].softmax(0)[:2] * masks[0, query, 0, pixel].sigmoid() for query in range(2)
        )
        assert torch.allclose(shares[0, :, 0, pixel], by_hand / by_hand.sum())


@pytest.mark.parametrize(
    ("encoder", "options", "message"),
    [
        ("vit_small_patch17", {}, "model.encoder=vit_small_patch17: timm has no such model"),
        ("resnet18", {}, "model.encoder=resnet18: not a plain ViT"),
        ("vit_tiny_patch16_224", {"num_query_blocks": 13}, "num_query_blocks=13: the encoder has 12 blocks"),
        ("vit_tiny_patch16_224", {"encoder_weights": "no/where.pth"}, "no/where.pth: no such file"),
    ],
)
def test_wrong_options_are_told(encoder, options, message):
    with pytest.raises(ValueError, match=r"^model\.") as told:
        eomt(encoder, **{"encoder_weights": None, "num_classes": 3, **options})
    assert message in str(told.value)
