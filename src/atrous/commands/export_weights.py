"""Write the weights of a checkpoint for others; see conf/export_weights.yaml for what can be chosen."""

from omegaconf import DictConfig

from atrous import build


def export_weights(cfg: DictConfig) -> None:
    """Write NAME.safetensors, and NAME.json that says of what they are."""
    output = build.export_path(cfg)

    from atrous import checkpoint

    stored = checkpoint.read(cfg.checkpoint, cfg.weights)
    checkpoint.export_weights(stored, output, build.redacted(stored.config))
    print(
        f"{stored.weights} weights in {output}, and what they are of in "
        f"{output.with_suffix('.json').name} beside them"
    )
