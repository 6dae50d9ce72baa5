"""Scores: pure functions of counts, which add up over pictures and devices; NumPy arrays in and out."""
