"""The laboratory: small decision processes on which every estimator is compared with the exact policy gradient.

J(θ), ∇J(θ), V, Q and the distribution of states have closed forms there (`exact`). What is compared with them are
the functions that train (`estimators`), on trajectories that are listed with their probabilities or sampled in
large batches (`trajectories`). A measurement is a module of `measurements`; `catalogue` lists them without tensors.
"""
