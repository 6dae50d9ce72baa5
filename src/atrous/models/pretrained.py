"""Encoder weights out of a file."""

from pathlib import Path
from typing import Any

from torch import nn

from atrous.torch_file import Foreign, Read, read_plain

RISK = "would run any code that the file holds, with all that you may do here"


def load_encoder(
    encoder: nn.Module, file: Path, name: str, passing_over: str | None = None, read: Read = read_plain
) -> None:
    """Load a state-dict file strictly into an encoder.

    passing_over: how the names of the classifier's weights begin, which an encoder does not have.
    read: from the file to what it holds; ``torch_file.read_trusted`` takes more than tensors.
    Raises ValueError: no state dict, or one of another encoder; a file with more than tensors.
    """
    try:
        state = _state_dict(read(file))
        if passing_over is not None:
            state = {key: value for key, value in state.items() if not key.startswith(passing_over)}
        encoder.load_state_dict(state)
    except Foreign as error:
        raise ValueError(
            f"model.encoder_weights={file}: not loaded: {error}; trust_checkpoint=true {RISK}: set it only "
            "if you trust whoever made the file, or save its state dict alone and give that"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"model.encoder_weights={file}: not a state dict of encoder '{name}' ({reason}); give the "
            "weights of this encoder, or set model.encoder to the one they are of"
        ) from error


def _state_dict(data: Any) -> Any:
    """That of a whole network, or the one in a training's checkpoint, as other programs save them."""
    if isinstance(data, nn.Module):
        return data.state_dict()
    inner = data.get("state_dict") if isinstance(data, dict) else None
    return data if inner is None else inner
