"""Parameters in rows, one a replica; the only hand-written kernels."""
