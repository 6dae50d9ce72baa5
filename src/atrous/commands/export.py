"""Write a network for use without Atrous; see conf/export.yaml for what can be chosen."""

from omegaconf import DictConfig

from atrous import build


def export(cfg: DictConfig) -> None:
    """Write the file, and hold it against the checkpoint on real pictures.

    Raises ValueError: it is too far off, and is kept as NAME.failed.
    """
    output = build.require_export(cfg)

    from atrous import checkpoint
    from atrous.exporting.graph import graph_of, metadata
    from atrous.exporting.parity import compare, reference
    from atrous.exporting.report import draft, publish

    form, limits, timing = build.file_format(cfg, output), build.tolerance(cfg), build.timing(cfg)
    stored = checkpoint.read(cfg.checkpoint, cfg.weights)
    module = build.predictor(stored, "cpu", cfg.inference, None, cfg.allow).module
    samples = build.parity_samples(cfg, stored)
    graph, said = graph_of(module), metadata(module, stored)
    with draft(output) as path:
        form.write(graph, path, said, build.calibration(cfg, stored))
        run = form.load(path, timing.num_threads)
        parity = compare(reference(module, graph), run, samples(), stored.labels.num_classes)
        about = {"checkpoint": str(build.shown(cfg)["checkpoint"]), "format": build.choice("format"), **said}
        publish(path, output, parity, limits, timing.of(graph, run, samples), about)
