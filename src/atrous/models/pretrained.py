"""Encoder weights out of a file."""

from pathlib import Path

import torch
from torch import nn


def load_encoder(encoder: nn.Module, file: Path, name: str) -> None:
    """Load a state-dict file strictly into an encoder.

    Raises ValueError: no state dict, or one of another encoder.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        encoder.load_state_dict(state)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"model.encoder_weights={file}: not a state dict of encoder '{name}' ({reason}); give the "
            "weights of this encoder, or set model.encoder to the one they are of"
        ) from error
