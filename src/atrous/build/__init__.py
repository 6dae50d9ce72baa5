"""The only place where a config becomes objects.

Heavy imports stay inside the functions: a wrong path in a config is told before torch is imported.
"""

from atrous.build.exporting import calibration, file_format, require_export, timing, tolerance
from atrous.build.exporting import samples as parity_samples
from atrous.build.inspection import plan, samples
from atrous.build.loaders import (
    cache_folder,
    data,
    layout,
    listings,
    num_workers,
    pairs,
    reader,
    set_class_weights,
)
from atrous.build.network import evaluation_module, exports, module, warn_of_small_batches
from atrous.build.options import (
    as_yaml,
    choice,
    export_path,
    make,
    plain,
    require_files,
    require_options,
    require_whole_split,
    stages,
)
from atrous.build.predicting import PREDICTED, predictor, require_demo, require_prediction, writers
from atrous.build.pruning import pruner
from atrous.build.requirements import num_processes
from atrous.build.shown import REDACTED, is_secret, redacted, shown, without_secrets, written
from atrous.build.stored import EVALUATION_DATA, evaluation_config, going_on, scored_pairs
from atrous.build.sweeps import sweep_page
from atrous.build.training import objective, trainer, training
from atrous.build.tuning import search, trial_module, trials
from atrous.remote import require_local

__all__ = [
    "EVALUATION_DATA",
    "PREDICTED",
    "REDACTED",
    "as_yaml",
    "cache_folder",
    "calibration",
    "choice",
    "data",
    "evaluation_config",
    "evaluation_module",
    "export_path",
    "exports",
    "file_format",
    "going_on",
    "is_secret",
    "layout",
    "listings",
    "make",
    "module",
    "num_processes",
    "num_workers",
    "objective",
    "pairs",
    "parity_samples",
    "plain",
    "plan",
    "predictor",
    "pruner",
    "reader",
    "redacted",
    "require_demo",
    "require_export",
    "require_files",
    "require_local",
    "require_options",
    "require_prediction",
    "require_whole_split",
    "samples",
    "scored_pairs",
    "search",
    "set_class_weights",
    "shown",
    "stages",
    "sweep_page",
    "timing",
    "tolerance",
    "trainer",
    "training",
    "trial_module",
    "trials",
    "warn_of_small_batches",
    "without_secrets",
    "writers",
    "written",
]
