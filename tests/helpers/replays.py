"""An algorithm with a replay buffer, its learner, and what its first policy collected."""

import numpy as np

from pgbench.methods import components as c
from pgbench.methods import lineage, paths, runs
from pgbench.training.meaning import data
from pgbench.training.start import start_learner, start_sampler

SEEDS = [0, 1, 2]


def setting(name, environment="CartPole-v1", **overrides):
    """An algorithm, its learner, and a rollout of its first policy."""
    small = {"data": c.ReplayBuffer(steps=64, warm_up=64, batch_size=16), "networks.hidden": (16,)}
    algorithm = paths.with_values(lineage.LINEAGE[name].algorithm, small | overrides)
    sampler = start_sampler(runs.Run(algorithm=algorithm, environment=environment, steps=999), SEEDS)
    learner = start_learner(algorithm, sampler.environment, SEEDS)
    running = np.ones(3, dtype=bool)
    return algorithm, learner, data.collect(algorithm.data, sampler, learner, 0, running), sampler
