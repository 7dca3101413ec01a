"""What a method is, as a value: no tensors, no files."""
