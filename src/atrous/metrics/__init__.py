"""Scores: pure functions of counts, which add up over pictures and devices; NumPy arrays in and out.

Only the shells that an evaluation on a device needs, ``counting`` and ``jaccard``, know of tensors.
"""
