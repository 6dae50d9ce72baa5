"""What hooks into Lightning's loops."""
