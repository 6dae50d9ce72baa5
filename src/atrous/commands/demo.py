"""Open a page to try a checkpoint on; see conf/demo.yaml for what can be chosen."""

from omegaconf import DictConfig

from atrous import build


def demo(cfg: DictConfig) -> None:
    """Serve the page, on this machine alone unless host says otherwise, until Ctrl-C."""
    build.require_demo(cfg)

    from atrous import checkpoint
    from atrous.demo import page, serve

    stored = checkpoint.read(cfg.checkpoint, cfg.weights)
    predictor = build.predictor(stored, cfg.device, cfg.inference, cfg.windows_above, cfg.allow)
    serve(page(predictor, cfg.opacity), cfg.host, cfg.port)
