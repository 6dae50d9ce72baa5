"""Sweeps: what one leaves on disk, the table of its runs, and what the sweepers have in common."""
