"""Encoder weights out of a file."""

from pathlib import Path

import torch
from torch import nn


def load_encoder(encoder: nn.Module, file: Path, name: str, passing_over: str | None = None) -> None:
    """Load a state-dict file strictly into an encoder.

    passing_over: how the names of the classifier's weights begin, which an encoder does not have.
    Raises ValueError: no state dict, or one of another encoder.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        if passing_over is not None:
            state = {key: value for key, value in state.items() if not key.startswith(passing_over)}
        encoder.load_state_dict(state)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"model.encoder_weights={file}: not a state dict of encoder '{name}' ({reason}); give the "
            "weights of this encoder, or set model.encoder to the one they are of"
        ) from error
