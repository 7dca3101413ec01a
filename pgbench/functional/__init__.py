"""Pure mathematics on tensors: one formula, one function, one test.

Letters of the shapes: T time, S replicas, E environments of a replica, N = T·E transitions of a replica,
A components of an action, P parameters. Functions of time take `[T, *B]`, time first and any batch axes after.
"""
