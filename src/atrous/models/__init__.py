"""One architecture family a file."""
