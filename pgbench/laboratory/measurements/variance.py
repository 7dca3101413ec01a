"""Bias and variance of returns and baselines, against the size of the batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.figures.axes import finish, legend, level, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import EstimatorSetting, enumerated, method, sampled
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import GREENSMITH, NOTE, PETERS, SUTTON, WILLIAMS
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories
from pgbench.laboratory.worlds import Process
from pgbench.methods.components import RewardToGo
from pgbench.studies.catalogue import Size

DISCOUNT = 0.9
EPISODES = (1, 2, 4, 8, 16)
RATIO = "ratio of variances, 16 episodes"
NOTHING = 1e-12
SMALL = 1e-9
"""Biases below this, found by enumeration, are rounding in double precision."""


@dataclass(frozen=True)
class Estimator:
    """A member of the lineage with a label, and the critic that it is given."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    critic: str = "none"


ESTIMATORS = {
    "total return": Estimator("reinforce"),
    "reward-to-go": Estimator("reward_to_go"),
    "total return, average": Estimator("reinforce", {"baseline": "average_return"}),
    "reward-to-go, average": Estimator("average_baseline"),
    "reward-to-go, average of the time step": Estimator("timestep_baseline"),
    "total return, optimal constant": Estimator("optimal_baseline"),
    "total return, a constant a parameter": Estimator("optimal_components"),
    "reward-to-go, exact V": Estimator("learned_value", critic="exact"),
    "reward-to-go, noisy V": Estimator("learned_value", critic="noisy"),
}
DISCOUNTED = {
    "total return": Estimator("reinforce"),
    "reward-to-go, γ^(t'−t)": Estimator("reward_to_go"),
    "reward-to-go, γ^(t'−1)": Estimator("reward_to_go", {"advantage": RewardToGo(discount="from_the_start")}),
}


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Sample two worlds for the variance, and list the trajectories of a third for the bias."""
    rows: list[dict[str, Any]] = []
    statements = _unbiased()
    for name, world in {"cliff": worlds.cliff(), "corridor": worlds.corridor()}.items():
        actor = Actor(world)
        row = actor.start(seed=0, scale=0.5)
        pool = EstimatorSetting(actor, row).sample(4 * size.batches, rng)
        for gamma, estimators in ((1.0, ESTIMATORS), (DISCOUNT, DISCOUNTED)):
            found = _sampled(actor, row, pool, gamma, estimators, rows, name)
            if gamma == 1.0:
                statements += _variances(name, found)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, [*statements, _falls_with_the_batch(table)])


def draw(table: pd.DataFrame) -> Figure:
    """Variance and excess against the batch, a row a world."""
    figure, axes = panels(2, rows=2, height=2.9)
    for left, right, world in zip(axes[::2], axes[1::2], table["world"].unique(), strict=True):
        own = intervals.pick(table, world=world, gamma=1.0)
        variance = intervals.pick(own, quantity="relative variance")
        # A batch of one episode less its own average leaves nothing.
        lines(left, variance[variance["estimate"] > NOTHING], "episodes", "estimator", list(ESTIMATORS))
        lines(right, intervals.pick(own, quantity="excess"), "episodes", "estimator", list(ESTIMATORS))
        level(right, 0.0)
        finish(left, f"Variance, {world}", "episodes in a batch", "variance / ‖∇J‖²", "log", "log")
        finish(right, f"Bias along ∇J, {world}", "episodes in a batch", "⟨E ĝ, ∇J⟩ / ‖∇J‖² − 1", "log")
        for axis in (left, right):
            axis.set_xticks(EPISODES, [str(episodes) for episodes in EPISODES])
            axis.minorticks_off()
    legend(figure, axes, columns=3)
    return figure


def _critic(world: Process, policy: Tensor, gamma: float, kind: str) -> Tensor | None:
    """The critic `[H + 1, X]` that an estimator is given."""
    values = exact.true_values(world, policy, gamma)
    if kind == "none":
        return None
    noise = torch.randn(values.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # What it says at the time limit stays right: there a wrong value would be a bias, not a baseline.
    noise[-1] = 0.0
    return values if kind == "exact" else values + values.std() * noise


def _sampled(
    actor: Actor,
    row: Tensor,
    pool: Trajectories,
    gamma: float,
    estimators: dict[str, Estimator],
    rows: list[dict[str, Any]],
    world: str,
) -> dict[str, dict[int, Tensor]]:
    """Estimates of each estimator for each number of episodes; adds their rows to the table."""
    policy = actor.table(row)
    target = EstimatorSetting(actor, row).exact_gradient(gamma)
    found: dict[str, dict[int, Tensor]] = {}
    for label, estimator in estimators.items():
        setting = EstimatorSetting(actor, row, _critic(actor.world, policy, gamma, estimator.critic))
        for episodes in EPISODES:
            algorithm = method(estimator.name, gamma, **estimator.changes, data__episodes=episodes)
            estimates = sampled(algorithm, setting, pool)
            found.setdefault(label, {})[episodes] = estimates
            settings = {"world": world, "gamma": gamma, "estimator": label, "episodes": episodes}
            variance = intervals.variance(estimates / target.norm())
            bias = intervals.relative_bias(estimates, target)
            quantities = {
                "relative variance": variance,
                "excess": intervals.excess(estimates, target),
                "squared relative bias": bias,
            }
            rows += intervals.tidy(settings, quantities)
    return found


# ----------------------------------------------------------------------------------------------------------
# Statements


def _unbiased() -> list[Statement]:
    """What enumeration says of the bias, on a chain of two states."""
    actor = Actor(worlds.chain(horizon=4), hidden=(6,), timed=True)
    row = actor.start(seed=0)

    def bias(label: str, gamma: float, estimator: Estimator) -> float:
        policy = actor.table(row)
        setting = EstimatorSetting(actor, row, _critic(actor.world, policy, gamma, estimator.critic))
        found = enumerated(method(estimator.name, gamma, **estimator.changes), setting).mean
        target = EstimatorSetting(actor, row).exact_gradient(gamma)
        return float((found - target).norm() / target.norm())

    result = [
        statement(
            f"The estimator ‘{label}’ is unbiased",
            source,
            f"relative bias, γ = {gamma:g}, by enumeration",
            intervals.exactly(bias(label, gamma, estimators[label])),
            "below",
            SMALL,
        )
        for label, gamma, estimators, source in (
            ("total return", DISCOUNT, DISCOUNTED, WILLIAMS),
            ("reward-to-go", 1.0, ESTIMATORS, SUTTON),
            ("reward-to-go, γ^(t'−1)", DISCOUNT, DISCOUNTED, SUTTON),
            ("reward-to-go, exact V", 1.0, ESTIMATORS, SUTTON),
            ("reward-to-go, noisy V", 1.0, ESTIMATORS, SUTTON),
        )
    ]
    practical = bias("", DISCOUNT, DISCOUNTED["reward-to-go, γ^(t'−t)"])
    result.append(
        statement(
            "The discount γ^(t'−t) that everybody uses is biased: it leaves out γ^t",
            NOTE,
            f"relative bias, γ = {DISCOUNT:g}, by enumeration",
            intervals.exactly(practical),
            "above",
            0.01,
        )
    )
    return [*result, _shrinks()]


def _shrinks() -> Statement:
    """The batch average contains the trajectory itself."""
    actor = Actor(worlds.chain(horizon=3), timed=True)
    row = actor.start(seed=0)
    algorithm = method("reinforce", 1.0, baseline="average_return", data__episodes=2)
    found = enumerated(algorithm, EstimatorSetting(actor, row)).mean
    target = EstimatorSetting(actor, row).exact_gradient(1.0)
    return statement(
        "The batch’s average return, of which each trajectory is a part, shrinks the gradient by 1/E",
        WILLIAMS,
        "excess along ∇J with E = 2, by enumeration",
        intervals.exactly(found @ target / target.square().sum() - 1.0),
        "equals",
        -0.5,
        tolerance=1e-6,
    )


def _variances(world: str, found: dict[str, dict[int, Tensor]]) -> list[Statement]:
    """Which estimator has less variance than which, on the same batches of sixteen episodes."""
    pairs = [
        ("total return, average", "total return", WILLIAMS),
        ("total return, optimal constant", "total return", GREENSMITH),
        ("total return, a constant a parameter", "total return, optimal constant", PETERS),
        ("reward-to-go, average", "reward-to-go", NOTE),
        ("reward-to-go, exact V", "reward-to-go", SUTTON),
        ("reward-to-go, exact V", "reward-to-go, average", GREENSMITH),
        ("reward-to-go, exact V", "reward-to-go, noisy V", GREENSMITH),
    ]
    saved = intervals.variance_ratio(found["reward-to-go"][16], found["total return"][16])
    late = world == "corridor"
    to_go = statement(
        "Where the only reward comes last, the reward-to-go saves nothing (corridor)"
        if late
        else f"‘reward-to-go’ has less variance than ‘total return’ ({world})",
        SUTTON,
        RATIO,
        saved,
        "equals" if late else "below",
        1.0,
        1e-9 if late else 0.0,
    )
    return [to_go] + [
        statement(
            f"‘{better}’ has less variance than ‘{worse}’ ({world})",
            source,
            RATIO,
            intervals.variance_ratio(found[better][16], found[worse][16]),
            "below",
            1.0,
        )
        for better, worse, source in pairs
    ]


def _falls_with_the_batch(table: pd.DataFrame) -> Statement:
    """Variance is a mean's."""
    own = intervals.pick(
        table, quantity="relative variance", estimator="reward-to-go", gamma=1.0, world="corridor"
    )
    order = intervals.slope(np.log(own["episodes"].to_numpy(float)), np.log(own["estimate"].to_numpy(float)))
    text = "Without a baseline the variance falls as 1 / E with the episodes of a batch"
    return statement(text, WILLIAMS, "slope on logarithms (corridor)", order, "equals", -1.0, 0.05)
