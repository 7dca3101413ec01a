"""Formulas of the papers on tensors: one formula, one function, one citation, one test.

Letters of the shapes: T steps of time, S replicas, E environments of a replica, N = T·E transitions of a
replica, A components of an action, P parameters. Functions of time take `[T, *B]`: time first, then any batch
axes B. This room imports only `base.compiled`.
"""
