"""Parameters in rows, one row a replica: perceptrons, distributions over actions, and Adam.

The only hand-written kernels are here. This room imports `base` and `environments` (action spaces).
"""
