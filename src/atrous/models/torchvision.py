"""torchvision's DeepLabV3 on MobileNetV3-Large, whose parts smp does not have."""

from torch import Tensor, nn
from torchvision.models import MobileNet_V3_Large_Weights, mobilenet_v3_large
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

from atrous.coarse import Coarse, CoarseNet
from atrous.models.pretrained import load_encoder
from atrous.models.weights import weights_file
from atrous.torch_file import Read, read_plain


class TorchvisionNet(CoarseNet):
    """A segmentation network of torchvision that returns logits at input size, whatever that is."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, H, W), normalised -> logits: float (N, C, H, W)."""
        return self.coarse(images).whole()

    def coarse(self, images: Tensor) -> Coarse:
        """The same, upsampled later."""
        size = (images.shape[-2], images.shape[-1])
        return Coarse(self.decoder(self.encoder(images)["out"]), size, size)


def deeplabv3_mobilenet_v3(
    encoder_weights: str | None, num_classes: int, read_weights: Read = read_plain
) -> TorchvisionNet:
    """DeepLabV3 on a dilated MobileNetV3-Large at output stride 16.

    encoder_weights: None for random weights, ``imagenet`` for torchvision's, or a state-dict file of
        torchvision's mobilenet_v3_large.
    read_weights: as ``load_encoder`` takes it.
    Raises ValueError: weights that cannot be had.
    """
    file = weights_file(encoder_weights)
    if file is None and encoder_weights not in (None, "imagenet"):
        raise ValueError(
            f"model.encoder_weights={encoder_weights}: torchvision has no such weights; give imagenet, a "
            "state-dict file of its mobilenet_v3_large, or null for random weights"
        )
    hub = MobileNet_V3_Large_Weights.IMAGENET1K_V1 if encoder_weights == "imagenet" else None
    try:
        net = deeplabv3_mobilenet_v3_large(num_classes=num_classes, weights_backbone=hub)
    except OSError as error:
        raise ValueError(
            f"model.encoder_weights={encoder_weights}: the weights could not be downloaded ({error}); to go "
            "on without a network give a state-dict file of torchvision's mobilenet_v3_large, or null"
        ) from error
    if file:
        classifier = mobilenet_v3_large()
        load_encoder(classifier, file, "mobilenet_v3_large", read=read_weights)
        net.backbone.load_state_dict(classifier.features.state_dict())
    return TorchvisionNet(net.backbone, net.classifier)
