"""Which choices go together, one file for each part of an algorithm."""
