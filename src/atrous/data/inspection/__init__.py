"""A look at a data set before training: each file read once, what is wrong said by name."""
