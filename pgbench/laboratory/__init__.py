"""Every estimator against the exact policy gradient, on small decision processes.

J(θ), ∇J(θ), V, Q and the distribution of states have closed forms there (`exact`). The functions that train
(`estimators`) are compared with them, on trajectories that are listed with their probabilities or sampled in large
batches (`trajectories`). Each measurement is a module of `measurements`; `studies/catalogue.py` lists them.
"""
