"""The ends of the branches are what OpenAI Baselines' commit da99706 runs, choice by choice."""

import pytest

from pgbench.methods import paths, runs
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.paths import leaves
from pgbench.training import loop

COMMON = {
    "gamma": 0.99,
    "data.kind": "fixed_horizon",
    "data.environments": 1,
    "data.restarts": False,
    "networks.activation": "tanh",
    "networks.shared": False,
    "details.actions": "raw",
    "details.observation_normalisation.clip": 5.0,
    "details.observation_normalisation.updates": "each_batch",
    "details.observation_normalisation.minimum_variance": 0.01,
    "details.reward_scaling": None,
    "details.time_limits": "terminal",
    "details.entropy_bonus": 0.0,
    "details.max_gradient_norm": None,
}
PPO = COMMON | {
    "data.steps": 2048,
    "advantage.lam": 0.95,
    "baseline.target.lam": 0.95,
    "baseline.fit.kind": "joint",
    "baseline.fit.coefficient": 1.0,
    "surrogate.kind": "clipped_ratio",
    "surrogate.epsilon": 0.2,
    "update.epochs": 10,
    "update.minibatch_size": 64,
    "update.optimiser.learning_rate": 3e-4,
    "update.optimiser.epsilon": 1e-8,
    "networks.hidden": (64, 64),
    "details.advantage_normalisation": "batch",
    "details.value_clip": 0.2,
}
TRPO = COMMON | {
    "data.steps": 1024,
    "advantage.lam": 0.98,
    "baseline.target.lam": 0.98,
    "baseline.fit.kind": "separate",
    "baseline.fit.order": "after",
    "baseline.fit.minibatch_size": 64,
    "baseline.fit.steps": 80,
    "baseline.fit.optimiser.learning_rate": 1e-3,
    "surrogate.kind": "importance_ratio",
    "update.kind": "trust_region",
    "update.delta": 0.01,
    "update.solver.steps": 10,
    "update.solver.damping": 0.1,
    "update.line_search.ratio": 0.5,
    "update.solver.fisher_every": 5,
    "update.line_search.backtracks": 10,
    "update.line_search.largest_kl": 1.5,
    "update.line_search.least_gain": 0.0,
    "networks.hidden": (32, 32),
    "details.advantage_normalisation": None,
    "details.value_clip": None,
}


@pytest.mark.parametrize(("member", "released"), [("ppo_released", PPO), ("trpo_released", TRPO)])
def test_every_choice_of_the_released_code_is_made(member, released):
    chosen = dict(leaves(LINEAGE[member].algorithm))
    assert {path: chosen.get(path, "missing") for path in released} == released


@pytest.mark.parametrize("member", ["ppo_released", "trpo_released"])
def test_the_released_methods_train(member):
    short = {"data.steps": 128} | (
        {"baseline.fit.steps": 5} if member == "trpo_released" else {"update.epochs": 2}
    )
    algorithm = paths.with_values(LINEAGE[member].algorithm, short)
    run = runs.Run(algorithm=algorithm, environment="HalfCheetah-v5", steps=256)
    records = list(loop.train(run, [0, 1]))
    assert len(records) == 2
    assert all(record.running.all() for record in records)
    assert all(values.isfinite().all() for values in records[-1].statistics.values())
