"""Scores and pictures for people."""
