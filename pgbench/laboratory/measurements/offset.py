"""What a constant added to every reward does to the gradient's variance, with and without a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import EstimatorSetting, constant_baseline, enumerated, method, sampled
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import GREENSMITH, NOTE
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.worlds import Process
from pgbench.studies.catalogue import Size

EPISODES = 4
FARTHEST = 4.0
ESTIMATORS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "total return": ("reinforce", {}, False),
    "reward-to-go": ("reward_to_go", {}, False),
    "reward-to-go, average": ("average_baseline", {}, False),
    "reward-to-go, average of the time step": ("timestep_baseline", {}, False),
    "total return, optimal constant": ("optimal_baseline", {}, False),
    "reward-to-go, exact V": ("learned_value", {}, True),
}
WORLDS = {
    "Episodes of one length": worlds.garnet(states=8, actions=3, branching=3, seed=1, horizon=10),
    "Episodes whose length the policy decides": worlds.cliff(horizon=20),
}
"""A garnet's episodes all last as long as its horizon; on the cliff a policy decides how long it lives."""


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """The variance of one batch at each offset, from the same trajectories; and its law, by enumeration."""
    rows: list[dict[str, Any]] = []
    for name, world in WORLDS.items():
        start = Actor(world).start(seed=0, scale=0.5)
        state = rng.bit_generator.state
        for amount in np.linspace(-FARTHEST, FARTHEST, size.points).tolist():
            rng.bit_generator.state = state  # the same trajectories at every offset
            setting = _setting(world.offset(amount), start)
            pool = setting.sample(EPISODES * size.batches, rng)
            for label, (member, changes, critic) in ESTIMATORS.items():
                given = setting if critic else EstimatorSetting(setting.actor, start)
                estimates = sampled(method(member, 1.0, **changes, data__episodes=EPISODES), given, pool)
                settings = {"world": name, "offset": amount, "estimator": label}
                rows += intervals.tidy(settings, {"variance": intervals.variance(estimates)})
    return MeasurementResult(pd.DataFrame(rows), _statements())


def draw(table: pd.DataFrame) -> Figure:
    """Variance against the offset, a panel a world."""
    figure, axes = panels(2, height=4.0)
    for axis, world in zip(axes, WORLDS, strict=True):
        lines(axis, intervals.pick(table, world=world), "offset", "estimator", list(ESTIMATORS))
        finish(axis, world, "added to every reward", "variance", yscale="log")
    legend(figure, axes, columns=3)
    return figure


def _setting(world: Process, row: Tensor) -> EstimatorSetting:
    actor = Actor(world)
    return EstimatorSetting(actor, row, exact.true_values(world, actor.table(row), 1.0))


def _statements() -> list[Statement]:
    """By enumeration, in a garnet of three steps: no sampling error."""
    world = worlds.garnet(horizon=3)
    row = Actor(world).start(seed=0)
    amounts = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    settings = [_setting(world.offset(amount), row) for amount in amounts.tolist()]
    reinforce = method("reinforce", 1.0)
    found = [enumerated(reinforce, setting) for setting in settings]
    means = max(float((each.mean - found[2].mean).norm() / found[2].mean.norm()) for each in found)
    raw = np.array([float(each.variance) for each in found])
    parabola = np.polynomial.Polynomial.fit(amounts, raw, 2)
    misfit = float(np.abs(parabola(amounts) - raw).max() / raw.max())
    exact_v = [float(enumerated(method("learned_value", 1.0), setting).variance) for setting in settings]
    return [
        statement(
            "With episodes of one length a reward offset leaves the expected gradient alone",
            NOTE,
            "largest relative change of E ĝ, total return, by enumeration",
            intervals.exactly(means),
            "below",
            1e-9,
        ),
        statement(
            "Without a baseline the variance is a parabola in the offset",
            GREENSMITH,
            "relative misfit of a parabola, total return, by enumeration",
            intervals.exactly(misfit),
            "below",
            1e-9,
        ),
        statement(
            "With the value of the state as the baseline the offset changes nothing",
            NOTE,
            "largest over least variance, exact V, by enumeration",
            intervals.exactly(max(exact_v) / min(exact_v)),
            "equals",
            1.0,
            1e-9,
        ),
        _optimal(settings[-1]),
    ]


def _optimal(setting: EstimatorSetting) -> Statement:
    """No constant does better than the one of the formula, here that of the whole distribution."""
    reinforce = method("reinforce", 1.0)
    # The variance is a parabola in the constant, so three constants give it whole.
    constants = np.array([0.0, 1.0, 2.0])
    variances = [float(enumerated(reinforce, setting, constant_baseline(c)).variance) for c in constants]
    curve = np.polynomial.Polynomial.fit(constants, variances, 2)
    best = float(curve.deriv().roots()[0])
    return statement(
        "The constant of least variance is E[‖∇log p‖² R] / E[‖∇log p‖²]",
        GREENSMITH,
        "vertex of the variance’s parabola over that constant, by enumeration",
        intervals.exactly(best / _formula(setting)),
        "equals",
        1.0,
        1e-9,
    )


def _formula(setting: EstimatorSetting) -> float:
    """E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²] over all trajectories.

    A baseline of −1 adds the score to the gradient, so the difference of two estimates is the score itself.
    """
    reinforce = method("reinforce", 1.0)
    plain = enumerated(reinforce, setting)
    scores = enumerated(reinforce, setting, constant_baseline(-1.0)).values - plain.values
    squares = scores.square().sum(1)
    weighted = (plain.values * scores).sum(1)  # R ‖∇log p‖², for the estimate is R ∇log p
    return float((plain.probabilities @ weighted) / (plain.probabilities @ squares))
