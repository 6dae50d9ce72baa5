"""Where encoder weights come from: a name of the hub, or a file.  Standard library only, so that a wrong path
is told at once.
"""

from pathlib import Path

from atrous.remote import require_local


def weights_file(encoder_weights: object) -> Path | None:
    """The file that ``encoder_weights`` names, or None where it is null or a name of the hub.

    Raises ValueError: no text, an address, or what looks like a path where no file is.
    """
    if encoder_weights is None:
        return None
    if not isinstance(encoder_weights, str):  # a config may hold anything
        raise ValueError(
            f"model.encoder_weights={encoder_weights}: expected null, a name of the hub (imagenet), or the "
            "path of a state-dict file, in quotes if it is a number"
        )
    require_local(encoder_weights, "model.encoder_weights")
    path = Path(encoder_weights).expanduser()
    if path.is_file():
        return path
    if len(path.parts) > 1 or path.suffix in (".pth", ".pt", ".safetensors"):
        raise ValueError(
            f"model.encoder_weights={encoder_weights}: no such file; give a state-dict file, a name of the "
            "hub (imagenet), or null for random weights"
        )
    return None
