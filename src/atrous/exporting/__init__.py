"""A trained network as one file that other programs run, and the proof that it still computes the same."""
