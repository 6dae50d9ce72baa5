"""Where logged values go: the run's own file, and one file a logger that can be chosen."""
