"""Predictions of pictures that have no labels: read, predicted, written."""
