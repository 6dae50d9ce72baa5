"""Atrous trains, evaluates and ships semantic segmentation models."""

__version__ = "0.1.0"
