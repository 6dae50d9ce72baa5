"""The loss of mask classification: proposals matched with the classes of a picture, then held against them.

Source: Cheng et al., "Masked-attention mask transformer", 2022, whose weights these are.
"""

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from atrous.outputs import Masks


class MaskClassification(nn.Module):
    """Cross entropy of the proposals' classes, and binary cross entropy and Dice of the matched masks.

    Each class that a picture's labels hold is one target, matched to one proposal by the Hungarian algorithm;
    all other proposals are to say "no object".  Ignored pixels take no part, nor do pictures without labels.
    Each step waits for the device: the matching runs on the processor.

    num_points: labelled pixels a picture that the masks are compared at, drawn at random; all of them where
        there are no more.
    no_object_weight: of the proposals without a target, in the mean of the class term.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_weight: float = 2.0,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        no_object_weight: float = 0.1,
        num_points: int = 12544,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.class_weight = class_weight
        self.mask_weight = mask_weight
        self.dice_weight = dice_weight
        self.num_points = num_points
        entropy_weights = torch.ones(num_classes + 1)
        entropy_weights[-1] = no_object_weight
        self.entropy_weights: Tensor
        self.register_buffer("entropy_weights", entropy_weights, persistent=False)

    def forward(self, prediction: Masks, labels: Tensor) -> Tensor:
        """The weighted sum.  labels: int64 (N, H, W), 0..C-1 and the ignore index."""
        if not isinstance(prediction, Masks):
            raise ValueError("loss=mask_classification needs proposals; choose model=eomt, or another loss")
        with torch.autocast(labels.device.type, enabled=False):  # it would take products in half precision
            return self._sum(
                prediction._replace(masks=prediction.masks.float(), classes=prediction.classes.float()),
                labels,
            )

    def _sum(self, prediction: Masks, labels: Tensor) -> Tensor:
        masks, classes = prediction.masks, prediction.classes
        mask_terms, class_logits, class_targets = [], [], []
        for index in range(len(labels)):
            points, truth = self._points(labels[index], prediction.size)
            if len(truth) == 0:
                continue
            logits = at_points(masks[index], points)
            present = torch.unique(truth)
            targets = (truth == present[:, None]).float()
            rows, columns = self._match(logits, classes[index], targets, present)
            mask_terms.append(self._mask_terms(logits[rows], targets[columns]))
            wanted = torch.full((len(logits),), self.num_classes, device=labels.device)
            wanted[rows] = present[columns]
            class_logits.append(classes[index])
            class_targets.append(wanted)
        if not mask_terms:
            return masks.sum() * 0.0 + classes.sum() * 0.0
        entropy = F.cross_entropy(torch.cat(class_logits), torch.cat(class_targets), self.entropy_weights)
        return self.class_weight * entropy + torch.cat(mask_terms).mean()

    def _points(self, labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Float (P, 2): places (x, y) in -1..1 of what the masks cover; int64 (P,): their labels."""
        rows, columns = torch.nonzero(labels != self.ignore_index, as_tuple=True)
        if len(rows) > self.num_points:
            chosen = torch.randint(len(rows), (self.num_points,), device=labels.device)
            rows, columns = rows[chosen], columns[chosen]
        places = torch.stack([(columns + 0.5) / size[1], (rows + 0.5) / size[0]], dim=1)
        return 2 * places - 1, labels[rows, columns]

    @torch.no_grad()
    def _match(
        self, logits: Tensor, classes: Tensor, targets: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Proposals and targets of the cheapest assignment: int64, as many as there are targets."""
        entropy = F.softplus(logits).mean(1, keepdim=True) - logits @ targets.T / logits.shape[1]
        cost = (
            self.mask_weight * entropy
            + self.dice_weight * dice_distance(logits.sigmoid(), targets)
            - self.class_weight * classes.softmax(-1)[:, present]
        )
        # Weights that have diverged are told by the loss, not by the matching.
        rows, columns = linear_sum_assignment(cost.nan_to_num().cpu().numpy())
        return torch.from_numpy(rows).to(logits.device), torch.from_numpy(columns).to(logits.device)

    def _mask_terms(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Float (T,): what the mask of each target costs.  logits, targets: (T, P)."""
        entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)
        distance = dice_distance(logits.sigmoid(), targets).diagonal()
        return self.mask_weight * entropy + self.dice_weight * distance


def dice_distance(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Float (Q, T): 1 - Dice of each proposal with each target, both counted one up.

    probabilities: (Q, P).  targets: (T, P), 0 or 1.
    """
    both = probabilities @ targets.T
    return 1 - (2 * both + 1) / (probabilities.sum(1, keepdim=True) + targets.sum(1) + 1)


def at_points(masks: Tensor, points: Tensor) -> Tensor:
    """Float (Q, P): masks (Q, h, w) at points (P, 2), (x, y) in -1..1, interpolated linearly.

    As F.grid_sample with the border repeated, but its gradient has a deterministic form on a GPU; at many
    points it also takes less time.
    """
    height, width = masks.shape[-2:]
    x = (((points[:, 0] + 1) * width - 1) / 2).clamp(0, width - 1)
    y = (((points[:, 1] + 1) * height - 1) / 2).clamp(0, height - 1)
    left, top = x.long(), y.long()
    right, below = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    flat = masks.flatten(1).T.contiguous()  # (h * w, Q): what belongs to a point lies together

    def row(of: Tensor) -> Tensor:
        sides = [flat.index_select(0, of * width + side) for side in (left, right)]
        return torch.lerp(sides[0], sides[1], (x - left)[:, None])

    return torch.lerp(row(top), row(below), (y - top)[:, None]).T
