"""Evaluations of the same pictures side by side: finding them, telling them apart, and what differs."""
