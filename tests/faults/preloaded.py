"""What every training imports, for the process that the trainings of these tests are forked from."""

import albumentations
import lightning
import tiny
import torch

import atrous.build
import atrous.callbacks.progress
import atrous.commands.train
import atrous.module

__all__ = ["albumentations", "atrous", "lightning", "tiny", "torch"]
