"""An algorithm with its learner and a batch, as an update finds them."""

import numpy as np
import torch

from pgbench.methods import components, lineage, paths, runs
from pgbench.training import credit, iteration
from pgbench.training.diagnostics import after_update, before_update
from pgbench.training.meaning import updates
from pgbench.training.meaning.data import collect
from pgbench.training.start import start_learner, start_sampler

SEEDS = [0, 1, 2]
SMALL = {"data": components.FixedHorizon(steps=256), "networks.hidden": (16,)}


def setting(name, environment="CartPole-v1", **overrides):
    """An algorithm, its learner, and a batch that its first policy collected."""
    algorithm = lineage.LINEAGE[name].algorithm
    small = SMALL if algorithm.data.kind == "fixed_horizon" else {"networks.hidden": (16,)}
    algorithm = paths.with_values(algorithm, small | overrides)
    run = runs.Run(algorithm=algorithm, environment=environment, steps=10_000)
    sampler = start_sampler(run, SEEDS)
    learner = start_learner(algorithm, sampler.environment, SEEDS)
    rollout = collect(algorithm.data, sampler, learner, 0, np.ones(len(SEEDS), dtype=bool))
    return algorithm, learner, rollout, credit.prepare(algorithm, learner, rollout)


def progress(running=(True, True, True), remaining=1.0):
    return iteration.Moment(
        0, SEEDS, torch.tensor(running), torch.full((len(SEEDS),), remaining, dtype=torch.float64)
    )


def updated(algorithm, learner, batch):
    """All that is seen of an update, in the order of the loop."""
    before = before_update(algorithm, learner, batch)
    done = updates.update(algorithm, learner, batch, progress())
    return before | after_update(algorithm, learner, batch) | done
