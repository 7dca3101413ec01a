"""The critic's bias and variance by its target: Monte Carlo, n steps and λ, while a table learns from episodes.

Many tables learn side by side, each from its own episodes of one fixed policy. The mean over
all possible episodes obeys a recursion, so the bias has no sampling error; the variance is sampled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import NOTE, SINGH, TSITSIKLIS
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories, batches, rollout, sample_trajectories
from pgbench.methods.components import CriticTarget, LambdaTarget, MonteCarloTarget, NStepTarget
from pgbench.studies.catalogue import Size
from pgbench.training.experience import Values
from pgbench.training.meaning.critics import targets_of

WORLD = replace(worlds.garnet(states=10, actions=3, branching=3, seed=3, horizon=10), cut=False)
POLICY = Actor(WORLD).table(Actor(WORLD).start(seed=0))
GAMMA = 1.0
VALUES = exact.true_values(WORLD, POLICY, GAMMA)
VISITS = exact.occupancy(WORLD, POLICY)
SPREAD = float(torch.cov(VALUES[:-1].flatten(), aweights=VISITS.flatten(), correction=0).sqrt())
"""The standard deviation of V over the visits, the unit of errors."""
STEP = 0.1
"""The share of the distance to its target by which a visited entry moves."""
EARLY, LATE = 32, 256
"""Numbers of episodes at which the statements look."""
SMALL = 1e-9


class TargetKind(NamedTuple):
    """A target as training knows it, and its expectation.

    Attributes:
        component: what the code of training takes.
        values: from a critic `[H + 1, X]` to E[target | s_t, a_t] `[H, X, A]`.
    """

    component: CriticTarget
    values: Callable[[Tensor], Tensor]


def _steps(n: int) -> TargetKind:
    return TargetKind(NStepTarget(n=n), partial(exact.n_step_values, WORLD, POLICY, GAMMA, n))


def _lambda(lam: float) -> TargetKind:
    return TargetKind(LambdaTarget(lam=lam), partial(exact.lambda_values, WORLD, POLICY, GAMMA, lam))


MONTE_CARLO, ONE_STEP = "Monte Carlo", "TD(0)"
TARGETS = {
    MONTE_CARLO: TargetKind(MonteCarloTarget(), partial(exact.lambda_values, WORLD, POLICY, GAMMA, 1.0)),
    "λ = 0.95": _lambda(0.95),
    "λ = 0.8": _lambda(0.8),
    "5 steps": _steps(5),
    ONE_STEP: _steps(1),
}


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Let tables learn from every target, on the same episodes."""
    points = np.unique(np.geomspace(1, LATE, 2 * size.points).round().astype(int)).tolist()
    moments = sorted({*points, EARLY, LATE})
    learned = _learned(moments, max(size.batches // 8, 50), rng)
    rows: list[dict[str, Any]] = []
    for name in TARGETS:
        means = _means(name, moments)
        for episodes in moments:
            quantities = _measured(means[episodes], learned[name][episodes])
            rows += intervals.tidy({"target": name, "episodes": episodes}, quantities)
    table = pd.DataFrame(rows)
    at_the_end = {name: _weighted(tables[LATE]) for name, tables in learned.items()}
    return MeasurementResult(
        table, [*_of_the_bias(table), *_of_the_variance(at_the_end), *_of_the_fixed_points()]
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw bias, variance and error against the number of episodes."""
    figure, axes = panels(3, height=4.0, sharey=True)
    for axis, quantity in zip(axes, ("squared bias", "variance", "squared error"), strict=True):
        points = intervals.pick(table, quantity=quantity)
        lines(axis, points[points["estimate"] > SMALL], "episodes", "target", list(TARGETS))
        finish(axis, quantity.capitalize(), "episodes", "", "log", "log")
    axes[0].set_ylabel("relative to the spread of V")
    legend(figure, axes, columns=5)
    return figure


# ----------------------------------------------------------------------------------------------------------
# Tables that learn


def _learned(moments: list[int], tables: int, rng: np.random.Generator) -> dict[str, dict[int, Tensor]]:
    """For each target, tables `[S, H + 1, X]` after some numbers of episodes."""
    critics = {name: torch.zeros(tables, WORLD.indices, dtype=torch.float64) for name in TARGETS}
    snapshots: dict[str, dict[int, Tensor]] = {name: {} for name in TARGETS}
    for episode in range(1, moments[-1] + 1):
        trajectories = sample_trajectories(WORLD, POLICY, tables, rng)
        for name, critic in critics.items():
            _learn(TARGETS[name].component, critic, trajectories)
            if episode in moments:
                snapshots[name][episode] = critic.reshape(tables, WORLD.steps + 1, WORLD.states).clone()
    return snapshots


def _learn(target: CriticTarget, critics: Tensor, trajectories: Trajectories) -> None:
    """Move the visited entries of tables `[S, (H + 1)·X]` towards their targets, each table on its episode."""
    experience = rollout(WORLD, trajectories, batches(len(critics), 1))
    here, following = (
        places.squeeze(-1).squeeze(-1).long().T
        for places in (experience.observations, experience.next_observations)
    )
    values = Values(*(critics.gather(1, places).T.unsqueeze(-1) for places in (here, following)))
    targets = targets_of(target, experience, values, GAMMA)
    errors = (targets - values.here)[..., 0].T
    critics.scatter_add_(1, here, STEP * errors)


def _expected(name: str, critic: Tensor) -> Tensor:
    """E[target | s_t] `[H, X]` with a critic `[H + 1, X]`."""
    return (POLICY * TARGETS[name].values(critic)).sum(-1)


def _means(name: str, moments: list[int]) -> dict[int, Tensor]:
    """The mean `[H + 1, X]` of all tables there could be, after some numbers of episodes.

    The target is affine in the table, and an episode meets an entry independently of what was learned before, so
    the mean moves by its own expected step.
    """
    mean, result = torch.zeros(WORLD.steps + 1, WORLD.states, dtype=torch.float64), {}
    for episode in range(1, moments[-1] + 1):
        mean[:-1] += STEP * VISITS * (_expected(name, mean) - mean[:-1])
        if episode in moments:
            result[episode] = mean.clone()
    return result


def _weighted(tables: Tensor) -> Tensor:
    """Tables `[..., H + 1, X]` as rows.

    The squared length of a row is the mean square over visits, relative to the spread of V.
    """
    scaled = (VISITS / VISITS.sum()).sqrt() * (tables[..., :-1, :] / SPREAD)
    return scaled.flatten(-2)


def _measured(mean: Tensor, tables: Tensor) -> dict[str, Estimate]:
    """Bias of the mean table `[H + 1, X]`, and variance of the tables `[S, H + 1, X]`."""
    bias = float(_weighted(mean - VALUES).square().sum())
    variance = intervals.variance(_weighted(tables))
    return {
        "squared bias": intervals.exactly(bias),
        "variance": variance,
        "squared error": Estimate(*(number + bias for number in variance)),
    }


# ----------------------------------------------------------------------------------------------------------
# Statements


def _of_the_bias(table: pd.DataFrame) -> list[Statement]:
    """How fast each target forgets the table’s first values."""

    def bias(name: str) -> float:
        row = intervals.pick(table, target=name, episodes=EARLY, quantity="squared bias")
        return float(row["estimate"].iloc[0])

    return [
        statement(
            f"Learning from {name} forgets the first values more slowly than learning from returns",
            SINGH,
            f"squared bias after {EARLY} episodes, over that of Monte Carlo",
            intervals.exactly(bias(name) / bias(MONTE_CARLO)),
            "above",
            1.0,
        )
        for name in TARGETS
        if name != MONTE_CARLO
    ]


def _of_the_variance(learned: dict[str, Tensor]) -> list[Statement]:
    """Which target leaves the table how noisy, once the first values are forgotten."""
    return [
        statement(
            f"Learning from {name} leaves a critic less noisy than learning from returns",
            NOTE,
            f"variance after {LATE} episodes, over that of Monte Carlo",
            intervals.variance_ratio(rows, learned[MONTE_CARLO]),
            "below",
            1.0,
        )
        for name, rows in learned.items()
        if name != MONTE_CARLO
    ]


def _of_the_fixed_points() -> list[Statement]:
    """Where the expected steps end: in a table, and in a critic that does not see the time."""
    worst = max(float((_expected(name, VALUES) - VALUES[:-1]).abs().max()) for name in TARGETS)
    in_a_table = statement(
        "In a table, every target has the exact V as its fixed point: its bias is that of the first values",
        SINGH,
        "largest |E[target] − V| with the exact V as the critic",
        intervals.exactly(worst),
        "below",
        SMALL,
    )
    best = (VISITS * VALUES[:-1]).sum(0) / VISITS.sum(0)
    least = float(_weighted(best.expand_as(VALUES) - VALUES).square().sum())
    statements = [in_a_table]
    for name in TARGETS:
        error = float(_weighted(_blind_fixed_point(name) - VALUES).square().sum())
        unbiased = name == MONTE_CARLO
        words = "fits V as well as it can" if unbiased else "stays biased"
        statements.append(
            statement(
                f"A critic that does not see the time, learning from {name}, {words}",
                TSITSIKLIS,
                "squared error of the fixed point over the least there is, minus 1",
                intervals.exactly(error / least - 1.0),
                "below" if unbiased else "above",
                SMALL if unbiased else 0.01,
            )
        )
    return statements


def _blind_fixed_point(name: str) -> Tensor:
    """Where the expected steps of a critic end that has one value for each state, `[H + 1, X]`.

    The expected step is affine in the values. The steps at 0 and at each unit vector determine it, and a linear
    system gives its zero.
    """

    def step(values: Tensor) -> Tensor:
        everywhere = values.expand(WORLD.steps + 1, -1)
        return (VISITS * (_expected(name, everywhere) - everywhere[:-1])).sum(0)

    at_zero = step(torch.zeros(WORLD.states, dtype=torch.float64))
    columns = [step(unit) - at_zero for unit in torch.eye(WORLD.states, dtype=torch.float64)]
    ends: Tensor = torch.linalg.solve(torch.stack(columns, 1), -at_zero)
    return ends.expand(WORLD.steps + 1, -1)
