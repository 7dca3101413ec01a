"""The effect of a constant added to every reward on the gradient's variance, with and without a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import (
    EstimatorDistribution,
    EstimatorSetting,
    constant_baseline,
    enumerated,
    method,
    sampled,
)
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import GREENSMITH, NOTE
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.worlds import Process
from pgbench.studies.catalogue import Size

EPISODES = 4
FARTHEST = 4.0
SMALL = 1e-9
REINFORCE = method("reinforce", 1.0)
ESTIMATORS = {
    "total return": "reinforce",
    "reward-to-go": "reward_to_go",
    "reward-to-go, average": "average_baseline",
    "reward-to-go, average of the time step": "timestep_baseline",
    "total return, optimal constant": "optimal_baseline",
    "reward-to-go, exact V": "learned_value",
}
"""Label → member of the lineage. Only the last one uses the critic."""
WORLDS = {
    "Episodes of one length": worlds.garnet(states=8, actions=3, branching=3, seed=1, horizon=10),
    "Episodes whose length the policy decides": worlds.cliff(horizon=20),
}
"""All episodes of a garnet last until its horizon. On the cliff the policy decides when an episode ends."""


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Sample the variance at each offset from the same trajectories. Enumerate trajectories for the statements."""
    rows: list[dict[str, Any]] = []
    for name, world in WORLDS.items():
        policy = Actor(world).start(seed=0, scale=0.5)
        # The offset changes no action and no transition, so all offsets share these trajectories.
        trajectories = _setting(world, policy).sample(EPISODES * size.batches, rng)
        for amount in np.linspace(-FARTHEST, FARTHEST, size.points).tolist():
            shifted = world.offset(amount)
            setting, rewarded = _setting(shifted, policy), trajectories.rewarded_by(shifted)
            for label, member in ESTIMATORS.items():
                estimates = sampled(method(member, 1.0, data__episodes=EPISODES), setting, rewarded)
                settings = {"world": name, "offset": amount, "estimator": label}
                rows += intervals.tidy(settings, {"variance": intervals.variance(estimates)})
    return MeasurementResult(pd.DataFrame(rows), _statements())


def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel for each world: variance against the offset."""
    figure, axes = panels(2, height=4.0)
    for axis, world in zip(axes, WORLDS, strict=True):
        lines(axis, intervals.pick(table, world=world), "offset", "estimator", list(ESTIMATORS))
        finish(axis, world, "added to every reward", "variance", yscale="log")
    legend(figure, axes, columns=3)
    return figure


def _setting(world: Process, policy: Tensor) -> EstimatorSetting:
    """A policy with parameters `[P]` on a world, and its exact V as the critic."""
    actor = Actor(world)
    return EstimatorSetting(actor, policy, exact.true_values(world, actor.table(policy), 1.0))


# ----------------------------------------------------------------------------------------------------------
# Statements


def _statements() -> list[Statement]:
    """Statements by enumeration, in a garnet of three steps."""
    world = worlds.garnet(horizon=3)
    policy = Actor(world).start(seed=0)
    amounts = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    settings = [_setting(world.offset(amount), policy) for amount in amounts.tolist()]
    plain = [enumerated(REINFORCE, setting) for setting in settings]
    with_value = [enumerated(method("learned_value", 1.0), setting) for setting in settings]
    return [
        _leaves_the_mean_alone(plain),
        _is_a_parabola(amounts, plain),
        _changes_nothing_with_the_value(with_value),
        _best_constant(settings[-1]),
    ]


def _leaves_the_mean_alone(plain: list[EstimatorDistribution]) -> Statement:
    without_offset = plain[len(plain) // 2].mean
    changes = [float((one.mean - without_offset).norm() / without_offset.norm()) for one in plain]
    return statement(
        "With episodes of one length a reward offset does not change the expected gradient",
        NOTE,
        "largest relative change of E ĝ, total return, by enumeration",
        intervals.exactly(max(changes)),
        "below",
        SMALL,
    )


def _is_a_parabola(amounts: np.ndarray, plain: list[EstimatorDistribution]) -> Statement:
    variances = np.array([float(one.variance) for one in plain])
    parabola = np.polynomial.Polynomial.fit(amounts, variances, 2)
    misfit = float(np.abs(parabola(amounts) - variances).max() / variances.max())
    return statement(
        "Without a baseline the variance is a parabola in the offset",
        GREENSMITH,
        "relative misfit of a parabola, total return, by enumeration",
        intervals.exactly(misfit),
        "below",
        SMALL,
    )


def _changes_nothing_with_the_value(with_value: list[EstimatorDistribution]) -> Statement:
    variances = [float(one.variance) for one in with_value]
    return statement(
        "With the value of the state as the baseline the offset changes nothing",
        NOTE,
        "largest variance over the smallest, exact V, by enumeration",
        intervals.exactly(max(variances) / min(variances)),
        "equals",
        1.0,
        SMALL,
    )


def _best_constant(setting: EstimatorSetting) -> Statement:
    return statement(
        "The constant of least variance is E[‖∇log p‖² R] / E[‖∇log p‖²]",
        GREENSMITH,
        "constant of least variance over that formula, by enumeration",
        intervals.exactly(_constant_of_least_variance(setting) / _optimal_constant(setting)),
        "equals",
        1.0,
        SMALL,
    )


def _constant_of_least_variance(setting: EstimatorSetting) -> float:
    """The vertex of the variance, which is a parabola in the constant: three constants determine it."""
    constants = np.array([0.0, 1.0, 2.0])
    variances = [float(enumerated(REINFORCE, setting, constant_baseline(c)).variance) for c in constants]
    parabola = np.polynomial.Polynomial.fit(constants, variances, 2)
    return float(parabola.deriv().roots()[0])


def _optimal_constant(setting: EstimatorSetting) -> float:
    """E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²] over all trajectories."""
    estimator = enumerated(REINFORCE, setting)
    scores = _scores(setting, estimator)
    squares = scores.square().sum(1)
    # The estimate of a trajectory is R ∇log p, so its product with the score is R ‖∇log p‖².
    weighted_returns = (estimator.values * scores).sum(1)
    probabilities = estimator.probabilities
    return float((probabilities @ weighted_returns) / (probabilities @ squares))


def _scores(setting: EstimatorSetting, estimator: EstimatorDistribution) -> Tensor:
    """∇log p(τ) of each trajectory, `[K, P]`: what a baseline of −1 adds to the estimate R ∇log p(τ)."""
    return enumerated(REINFORCE, setting, constant_baseline(-1.0)).values - estimator.values
