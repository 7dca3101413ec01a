"""What Python programs and notebooks call: train, load a block, load a study; docs/python.md has examples."""
