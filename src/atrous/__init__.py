"""Atrous trains, evaluates and ships semantic segmentation models."""

import os

# albumentations would else ask the network for its newest version whenever it is imported
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

__version__ = "0.1.0"
