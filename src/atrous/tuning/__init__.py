"""Values of a training that are found by trying: its learning rate, its batch size."""
