"""From a run to iterations: no files, no tables."""
