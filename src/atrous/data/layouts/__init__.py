"""One file a data set: where its pairs lie, and its labels."""
