"""Mask classification with a plain vision transformer, in the style of EoMT.

Queries join the patch tokens for the last blocks of a ViT; each ends as a mask and a class, and together they
make the logits.  Source: Kerssies et al., "Your ViT is secretly an image segmentation model", 2025.
"""

import math
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers.norm import LayerNorm2d
from timm.layers.patch_embed import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from atrous.coarse import Coarse, CoarseNet
from atrous.models.padding import pad_to_multiple
from atrous.models.pretrained import load_encoder
from atrous.models.weights import weights_file
from atrous.outputs import Masks, Supervised
from atrous.torch_file import Read, read_plain


class EoMT(CoarseNet):
    """A ViT of timm with ``num_queries`` more tokens in its last ``num_query_blocks`` blocks.

    mask_stride: pixels of the picture that a pixel of the masks stands for, at most: a power of two upscaling
        of the patch grid.
    masked_attention: attribute; the probability, in training, that a query sees only the patches of the mask
        it has predicted so far.  ``MaskAnnealing`` lowers it over the training, since evaluation never masks.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        num_classes: int,
        num_queries: int = 100,
        num_query_blocks: int = 4,
        mask_stride: int = 4,
    ) -> None:
        super().__init__()
        if not 1 <= num_query_blocks <= len(encoder.blocks):
            raise ValueError(
                f"model.net.num_query_blocks={num_query_blocks}: the encoder has {len(encoder.blocks)} "
                "blocks; expected 1 to that many"
            )
        if num_queries < 1 or mask_stride < 1:
            raise ValueError(
                f"model.net.num_queries={num_queries}, model.net.mask_stride={mask_stride}: "
                "expected 1 or more"
            )
        dim = encoder.embed_dim
        self.encoder = encoder
        self.patch_size: int = encoder.patch_embed.patch_size[0]
        self.num_query_blocks = num_query_blocks
        self.masked_attention = 0.0
        self.queries = nn.Parameter(torch.randn(1, num_queries, dim))
        self.class_head = nn.Linear(dim, num_classes + 1)
        self.mask_head = nn.Sequential(
            nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim)
        )
        num_doublings = max(0, round(math.log2(self.patch_size / mask_stride)))
        self.upscale = nn.Sequential(*(Doubling(dim) for _ in range(num_doublings)))

    def forward(self, images: Tensor) -> Tensor | Supervised:
        """images: float (N, 3, H, W), normalised.

        In evaluation logits (N, C, H, W); in training the proposals before each of the last blocks and after
        them, each as important.
        """
        if not self.training:
            return self.coarse(images).whole()
        predictions = self.predictions(images)
        return Supervised(tuple(predictions), (1.0,) * len(predictions))

    def coarse(self, images: Tensor) -> Coarse:
        """The logits of evaluation, upsampled later: while they are masks."""
        return semantic_logits(self.predictions(images)[-1], (images.shape[-2], images.shape[-1]))

    def predictions(self, images: Tensor) -> list[Masks]:
        """The proposals after the last block, in training preceded by those before each query block."""
        images = pad_to_multiple(images, self.patch_size)
        patches = self.encoder.patch_embed(images)
        grid: tuple[int, int] = tuple(patches.shape[1:3])
        tokens = self.encoder.norm_pre(self.encoder._pos_embed(patches))
        alone = len(self.encoder.blocks) - self.num_query_blocks
        for block in self.encoder.blocks[:alone]:
            tokens = block(tokens)
        tokens = torch.cat([self.queries.expand(images.shape[0], -1, -1), tokens], dim=1)
        found = []
        for block in self.encoder.blocks[alone:]:
            attention_mask = None
            if self.training:
                found.append(self._predict(tokens, grid))
                attention_mask = self._attention_mask(found[-1].masks, tokens.shape[1], grid)
            tokens = block(tokens, attn_mask=attention_mask)
        return [*found, self._predict(tokens, grid)]

    def _predict(self, tokens: Tensor, grid: tuple[int, int]) -> Masks:
        tokens = self.encoder.norm(tokens)
        num_patches = grid[0] * grid[1]
        queries, patches = tokens[:, : self.queries.shape[1]], tokens[:, -num_patches:]
        pixels = self.upscale(patches.transpose(1, 2).reshape(patches.shape[0], -1, *grid))
        masks = torch.einsum("nqd,ndhw->nqhw", self.mask_head(queries), pixels)
        size = (grid[0] * self.patch_size, grid[1] * self.patch_size)
        return Masks(masks, self.class_head(queries), size)

    def _attention_mask(self, masks: Tensor, num_tokens: int, grid: tuple[int, int]) -> Tensor | None:
        """Bool (N, 1, T, T), True where a token may look: queries only at the patches of their masks."""
        if self.masked_attention == 0:
            return None
        inside = F.interpolate(masks.detach(), grid, mode="bilinear").flatten(2) > 0
        free = torch.rand(inside.shape[:2], device=inside.device) >= self.masked_attention
        inside = inside | free[..., None] | ~inside.any(2, keepdim=True)  # an empty mask hides nothing
        allowed = torch.ones(len(masks), num_tokens, num_tokens, dtype=torch.bool, device=masks.device)
        allowed[:, : inside.shape[1], -inside.shape[2] :] = inside
        return allowed[:, None]


class Doubling(nn.Module):
    """Twice the resolution: float (N, D, h, w) -> (N, D, 2h, 2w)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(dim, dim, 2, stride=2)
        self.mix = nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False)
        self.norm = LayerNorm2d(dim)

    def forward(self, features: Tensor) -> Tensor:
        """Upscale, smooth, normalise."""
        features = self.mix(F.gelu(self.up(features)))
        normalised: Tensor = self.norm(features)
        return normalised


def semantic_logits(prediction: Masks, size: tuple[int, int]) -> Coarse:
    """Proposals -> logits of (H, W): the log of each class's sum of probability times mask.

    Their softmax is the share of the sum that a class has, so that windows and flips average well.
    """
    classes = prediction.classes.float().softmax(-1)[..., :-1]

    def logits(masks: Tensor) -> Tensor:
        scores = torch.einsum("nqc,nqhw->nchw", classes, masks.sigmoid())
        return scores.clamp(min=torch.finfo(torch.float32).tiny).log()

    return Coarse(prediction.masks.float(), prediction.size, size, logits)


def eomt(
    encoder: str,
    encoder_weights: str | None,
    num_classes: int,
    encoder_options: dict[str, Any] | None = None,
    read_weights: Read = read_plain,
    **options: Any,
) -> EoMT:
    """An EoMT on a ViT of timm.

    encoder: timm's name of a plain ViT.
    encoder_weights: null for random weights, ``timm`` for those that timm has for this name, or a state-dict
        file.
    encoder_options: further arguments of timm's constructor (patch_size, depth, drop_path_rate).
    read_weights: as ``load_encoder`` takes it.
    options: further arguments of ``EoMT``.
    Raises ValueError: no such encoder, none that is a plain ViT, or weights that cannot be had.
    """
    name, made = encoder.removeprefix("tu-"), encoder_options or {}
    file = weights_file(encoder_weights)
    if file is None and encoder_weights not in (None, "timm"):
        raise ValueError(
            f"model.encoder_weights={encoder_weights}: expected timm (its weights for this encoder), a "
            "state-dict file, or null for random weights"
        )
    vit = _plain_vit(name, made)
    if file:
        load_encoder(vit, file, name, passing_over="head.", read=read_weights)
    elif encoder_weights == "timm":
        vit.load_state_dict(_hub_weights(name, made))
    return EoMT(vit, num_classes, **options)


def _plain_vit(name: str, options: dict[str, Any]) -> VisionTransformer:
    """A ViT with random weights.  Raises ValueError: another kind of network, or options it does not take."""
    expected = "expected a plain ViT of timm, such as vit_small_patch16_224"
    if not timm.is_model(name):
        raise ValueError(f"model.encoder={name}: timm has no such model; {expected}")
    with torch.device("meta"):  # costs no memory
        usual = timm.create_model(name)
    if not isinstance(usual, VisionTransformer):
        raise ValueError(f"model.encoder={name}: not a plain ViT; {expected}")
    try:
        vit = timm.create_model(name, num_classes=0, dynamic_img_size=True, **options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ValueError(
            f"model.net.encoder_options={options}: they do not fit model.encoder={name} ({error})"
        ) from error
    assert isinstance(vit, VisionTransformer)
    # Others stack convolutions below the patches, or end in a pooling whose norm the tokens never pass.
    pools = isinstance(vit.norm, nn.Identity) or vit.attn_pool is not None
    if type(vit.patch_embed) is not PatchEmbed or pools:
        raise ValueError(f"model.encoder={name}: a ViT with convolutions below or a pooled head; {expected}")
    return vit


def _hub_weights(name: str, options: dict[str, Any]) -> dict[str, Tensor]:
    """The state dict that timm has for a name.  Raises ValueError: it has none, or cannot download it."""
    try:
        pretrained = timm.create_model(name, pretrained=True, num_classes=0, **options)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"model.encoder_weights=timm: timm has no weights for '{name}', or they could not be "
            f"downloaded ({reason}); give a state-dict file, or null for random weights"
        ) from error
    return pretrained.state_dict()
