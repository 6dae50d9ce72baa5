"""What an evaluation leaves in its folder: scores, counts, predictions, config, and a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from atrous.checkpoint import Checkpoint
from atrous.costs import gmac, num_parameters
from atrous.data.layouts.pairs import Layout, Pair
from atrous.data.reading import read_pair
from atrous.evaluation import Evaluation
from atrous.module import SegmentationModule
from atrous.predictions import read_back
