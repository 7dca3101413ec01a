"""Importance weights: effective sample size, variance and bias against the horizon and the policies' distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.figures.style import GREY
from pgbench.functional.ratios import trajectory_log_ratios
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import EstimatorSetting, enumerated, method, sampled
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import NOTE, PRECUP
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories, batches, rollout
from pgbench.studies.catalogue import Size

HORIZON, LENGTH = 10, 0.15
"""What is held while the other varies: steps, and the length of the step from the old policy to the new."""
LONGEST, FARTHEST = 100, 1.0
SMALL = 1e-9
TRAJECTORY, DECISION, CAUSAL, ACTION, NONE = (
    "trajectory",
    "per decision",
    "up to the action",
    "single action",
    "no weight",
)
METHODS = {
    TRAJECTORY: "trajectory_ratio",
    DECISION: "per_decision_ratio",
    CAUSAL: "causal_ratio",
    ACTION: "several_steps",
    NONE: "several_steps",
}


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Sweep the horizon, then the distance, on one garnet."""
    rows: list[dict[str, Any]] = []
    for horizon in np.unique(np.geomspace(1, LONGEST, size.points).round().astype(int)).tolist():
        setting = _setting(horizon, LENGTH)
        rows += _rows({"sweep": "horizon", "at": float(horizon)}, setting, size, rng)
    for length in np.geomspace(0.01, FARTHEST, size.points).tolist():
        setting = _setting(HORIZON, length)
        rows += _rows({"sweep": "divergence", "at": _divergence(setting)}, setting, size, rng)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _of_the_moments() + _of_the_bias() + _of_the_table(table))


def draw(table: pd.DataFrame) -> Figure:
    """A row a sweep; effective share, variance and bias side by side."""
    figure, axes = panels(3, rows=2, height=2.8)
    for row, sweep in enumerate(("horizon", "divergence")):
        own = intervals.pick(table, sweep=sweep)
        share, variance, bias = axes[3 * row : 3 * row + 3]
        for axis, quantity in zip(
            (share, variance, bias), ("effective share", "relative variance", "relative bias"), strict=True
        ):
            part = intervals.pick(own, quantity=quantity)
            labels = [label for label in METHODS if label in set(part["weights"])]
            for index, label in enumerate(METHODS):
                if label in labels:
                    lines(axis, part[part["estimate"] > SMALL], "at", "weights", [label], first=index)
        found = intervals.pick(own, quantity="effective share, sampled", weights=TRAJECTORY)
        share.errorbar(
            found["at"],
            found["estimate"],
            (found["estimate"] - found["low"], found["high"] - found["estimate"]),
            fmt="x",
            color=GREY,
            markersize=4,
            linewidth=1,
            label="trajectory, sampled",
            zorder=5,
        )
        x = "steps of an episode" if row == 0 else "mean KL(old ‖ new), nats"
        finish(share, "Effective share of the sample", x, "1 / E[w²]", "log", "log")
        finish(variance, "Variance", x, "variance / ‖∇J‖²", "log", "log")
        finish(bias, "Bias", x, "length of the bias / ‖∇J‖", "log", "log")
    legend(figure, axes, columns=6)
    return figure


def _setting(horizon: int, length: float) -> EstimatorSetting:
    """A policy, and one that is a step of a length away in a fixed random direction."""
    actor = Actor(worlds.garnet(states=6, actions=3, branching=3, seed=2, horizon=horizon))
    old = actor.start(seed=0)
    return EstimatorSetting(actor, old + length * actor.start(seed=1, scale=1.0), collected_by=old)


def _divergence(setting: EstimatorSetting) -> float:
    """The mean of KL(old ‖ new) over the states that the old policy visits."""
    old, new = setting.behaviour, setting.actor.table(setting.row)
    visits = exact.occupancy(setting.actor.world, old)
    return float((visits * (old * (old / new).log()).sum(-1)).sum() / visits.sum())


def _rows(
    at: dict[str, Any], setting: EstimatorSetting, size: Size, rng: np.random.Generator
) -> list[dict[str, Any]]:
    pool = setting.sample(size.batches, rng)
    target = setting.exact_gradient(1.0)
    expectations = _expectations(setting)
    shares = _effective_shares(setting)
    rows: list[dict[str, Any]] = []
    estimates_of = {weights: _estimates(weights, setting, pool) for weights in METHODS}
    for weights, estimates in estimates_of.items():
        bias = (expectations[weights] - target).norm() / target.norm()
        quantities = {
            "relative variance": intervals.variance(estimates / target.norm()),
            "squared relative bias, sampled": intervals.relative_bias(estimates, target),
            "relative bias": intervals.exactly(bias),
            "variance over the trajectory’s": intervals.variance_ratio(estimates, estimates_of[TRAJECTORY]),
        }
        if weights in shares:
            quantities["effective share"] = intervals.exactly(shares[weights])
        rows += intervals.tidy(at | {"weights": weights}, quantities)
    found = {"effective share, sampled": intervals.effective_share(_log_weights(setting, pool))}
    return rows + intervals.tidy(at | {"weights": TRAJECTORY}, found)


def _algorithm(weights: str) -> Any:
    surrogate = {"surrogate": "importance_ratio"} if weights == ACTION else {}
    return method(METHODS[weights], 1.0, **surrogate)


def _estimates(weights: str, setting: EstimatorSetting, pool: Trajectories) -> Tensor:
    return sampled(_algorithm(weights), setting, pool)


def _log_weights(setting: EstimatorSetting, pool: Trajectories) -> Tensor:
    """Log p_new(τ) − log p_old(τ) of each trajectory, `[N]`."""
    world = setting.actor.world
    experience = rollout(world, pool, batches(len(pool.actions), 1))
    ratios = (setting.actor.table(setting.row) / setting.behaviour).log()
    chosen = ratios[torch.arange(world.steps), pool.states, pool.actions].where(pool.active, 0.0)
    flags = experience.terminated, experience.truncated
    return trajectory_log_ratios(chosen.T.unsqueeze(-1), *flags)[0, :, 0]


# ----------------------------------------------------------------------------------------------------------
# Closed forms


def _expectations(setting: EstimatorSetting) -> dict[str, Tensor]:
    """E ĝ `[P]` of each kind of weight: what it visits states by, and whose values it credits."""
    world, table, row = setting.actor.world, setting.actor.table, setting.row
    old = setting.behaviour
    before, after = (exact.action_values(world, policy, 1.0) for policy in (old, table(row)))
    visits = exact.occupancy(world, old)
    right = exact.credited(world, row, table, after)

    def unweighted(point: Tensor) -> Tensor:
        return torch.einsum("tx,txa,txa,txa", visits, old, table(point).log(), before)

    return {
        TRAJECTORY: right,
        DECISION: right,
        CAUSAL: exact.credited(world, row, table, before),
        ACTION: exact.credited(world, row, table, before, visits=visits),
        NONE: exact.gradient(row, unweighted),
    }


def _second_moments(setting: EstimatorSetting) -> tuple[Tensor, Tensor]:
    """E[(ρ_1 ⋯ ρ_t)²] and E[ρ_t²] under the old policy, `[H]` each, by recursion over states."""
    world, old = setting.actor.world, setting.behaviour
    squares = setting.actor.table(setting.row).square() / old
    visits = exact.occupancy(world, old)
    now, products = torch.eye(world.states, dtype=torch.float64)[0], []
    for at_time in squares:
        products.append(torch.einsum("x,xa->", now, at_time))
        now = torch.einsum("x,xa,xay->y", now, at_time, world.transitions)
    return torch.stack(products), torch.einsum("tx,txa->t", visits, squares)


def _effective_shares(setting: EstimatorSetting) -> dict[str, float]:
    """1 / E[w²]; where each step has a weight of its own, the mean over steps."""
    products, single = _second_moments(setting)
    return {
        TRAJECTORY: float(1.0 / products[-1]),
        CAUSAL: float((1.0 / products).mean()),
        ACTION: float((1.0 / single).mean()),
    }


# ----------------------------------------------------------------------------------------------------------
# Statements


def _of_the_moments() -> list[Statement]:
    products, single = _second_moments(_setting(LONGEST, LENGTH))
    growth = products.log().diff()
    middle = LONGEST // 2
    return [
        statement(
            "The second moment of the trajectory’s weight grows exponentially with the horizon",
            NOTE,
            "its growth rate over the second half of 100 steps over that of the first half",
            intervals.exactly(growth[middle:].mean() / growth[:middle].mean()),
            "equals",
            1.0,
            0.05,
        ),
        statement(
            "The second moment of a single action’s weight does not grow with the horizon",
            NOTE,
            "E[ρ²] at step 100 over the largest of the first ten steps",
            intervals.exactly(single[-1] / single[:10].max()),
            "below",
            1.0,
            1e-6,
        ),
    ]


def _of_the_bias() -> list[Statement]:
    """By enumeration, on a chain whose episodes end."""
    actor = Actor(worlds.chain(), timed=True)
    old = actor.start(seed=0)
    setting = EstimatorSetting(actor, old + 0.5 * actor.start(seed=1), collected_by=old)
    target = setting.exact_gradient(1.0)
    result = []
    for weights in METHODS:
        found = enumerated(_algorithm(weights), setting)
        unbiased = weights in (TRAJECTORY, DECISION)
        result.append(
            statement(
                f"Old data, weights ‘{weights}’: {'unbiased' if unbiased else 'biased'} for the new policy",
                PRECUP if unbiased else NOTE,
                "relative bias, by enumeration",
                intervals.exactly((found.mean - target).norm() / target.norm()),
                "below" if unbiased else "above",
                SMALL if unbiased else 0.01,
            )
        )
    return result


def _of_the_table(table: pd.DataFrame) -> list[Statement]:
    def order(weights: str) -> Estimate:
        own = intervals.pick(
            table, sweep="divergence", weights=weights, quantity="relative bias"
        ).sort_values("at")
        near = own[own["at"] < 1e-2]
        return intervals.slope(0.5 * np.log(near["at"].to_numpy()), np.log(near["estimate"].to_numpy()))

    ratios = intervals.pick(
        table, sweep="horizon", quantity="variance over the trajectory’s", weights=DECISION
    )
    longest = ratios.sort_values("at").iloc[-1]
    ratio = Estimate(longest["estimate"], longest["low"], longest["high"])
    return [
        statement(
            f"The bias of ‘{weights}’ vanishes to first order as the policies meet",
            NOTE,
            "order in the square root of the KL divergence, below 0.01 nats",
            order(weights),
            "equals",
            1.0,
            0.1,
        )
        for weights in (CAUSAL, ACTION)
    ] + [
        statement(
            "Over a long horizon per-decision weights have less variance than the trajectory’s",
            PRECUP,
            f"ratio of variances, {LONGEST} steps",
            ratio,
            "below",
            1.0,
        )
    ]
