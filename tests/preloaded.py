"""What the commands import, for the process that those of the tests are forked from."""

import albumentations
import lightning
import matplotlib.figure
import torch

import atrous.build
import atrous.callbacks.progress
import atrous.cli
import atrous.commands.evaluate
import atrous.commands.train
import atrous.module

__all__ = ["albumentations", "atrous", "lightning", "matplotlib", "torch"]
