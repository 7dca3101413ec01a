"""Importance weights: effective sample size, variance and bias, against the horizon and the divergence.

The old policy collects the trajectories, and the gradient of the new policy is estimated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.figures.style import GREY
from pgbench.functional.ratios import causal_log_ratios, trajectory_log_ratios
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import EstimatorSetting, Refine, enumerated, method, sampled
from pgbench.laboratory.pair_ratios import pair_ratios, weighted_by_pairs
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import LIU, NOTE, PRECUP, XIE
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories, batches, enumerate_trajectories, rollout
from pgbench.methods.algorithm import Algorithm
from pgbench.studies.catalogue import Size

HORIZON = 10
"""The horizon while the length of the step varies."""
LENGTH = 0.15
"""The length of the step from the old policy to the new one while the horizon varies."""
LONGEST, FARTHEST = 100, 1.0
SMALL = 1e-9
TRAJECTORY, DECISION, PAIR, CAUSAL, PAIR_ALONE, ACTION, NONE = (
    "trajectory",
    "per decision",
    "pair, then per decision",
    "up to the action",
    "pair",
    "single action",
    "no weight",
)
METHODS = {
    TRAJECTORY: "trajectory_ratio",
    DECISION: "per_decision_ratio",
    PAIR: "several_steps",
    CAUSAL: "causal_ratio",
    PAIR_ALONE: "several_steps",
    ACTION: "several_steps",
    NONE: "several_steps",
}
"""Kind of weight → member of the lineage. The ratio of a pair is exact: no component can know it."""
UNBIASED = (TRAJECTORY, DECISION, PAIR)
MEANS = {PAIR: DECISION, PAIR_ALONE: CAUSAL}
"""Kind with the ratio of the pair → the kind with the product of ratios of which it is the conditional mean."""


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Vary the horizon, then the divergence, on one garnet."""
    rows: list[dict[str, Any]] = []
    for horizon in np.unique(np.geomspace(1, LONGEST, size.points).round().astype(int)).tolist():
        setting = _setting(horizon, LENGTH)
        rows += _rows({"sweep": "horizon", "at": float(horizon)}, setting, size, rng)
    for length in np.geomspace(0.01, FARTHEST, size.points).tolist():
        setting = _setting(HORIZON, length)
        rows += _rows({"sweep": "divergence", "at": _divergence(setting)}, setting, size, rng)
    table = pd.DataFrame(rows)
    return MeasurementResult(
        table, [*_of_the_moments(), *_of_the_bias(), _of_the_pairs(), *_of_the_table(table)]
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw one row for each sweep: effective share, variance and bias side by side."""
    figure, axes = panels(3, rows=2, height=2.8)
    x_labels = {"horizon": "steps of an episode", "divergence": "mean KL(old ‖ new), nats"}
    for row, (sweep, x) in enumerate(x_labels.items()):
        swept = intervals.pick(table, sweep=sweep)
        share, variance, bias = axes[3 * row : 3 * row + 3]
        _draw_lines(share, swept, "effective share")
        _draw_lines(variance, swept, "relative variance")
        _draw_lines(bias, swept, "relative bias")
        _draw_sampled_share(share, swept)
        finish(share, "Effective share of the sample", x, "1 / E[w²]", "log", "log")
        finish(variance, "Variance", x, "variance / ‖∇J‖²", "log", "log")
        finish(bias, "Bias", x, "length of the bias / ‖∇J‖", "log", "log")
    legend(figure, axes, columns=4)
    return figure


def _draw_lines(axis: Axes, swept: pd.DataFrame, quantity: str) -> None:
    """Draw a line for each kind of weight that has this quantity. A kind has the same style in every panel."""
    points = intervals.pick(swept, quantity=quantity)
    for index, label in enumerate(METHODS):
        if (points["weights"] == label).any():
            lines(axis, points[points["estimate"] > SMALL], "at", "weights", [label], first=index)


def _draw_sampled_share(axis: Axes, swept: pd.DataFrame) -> None:
    points = intervals.pick(swept, quantity="effective share, sampled", weights=TRAJECTORY)
    axis.errorbar(
        points["at"],
        points["estimate"],
        (points["estimate"] - points["low"], points["high"] - points["estimate"]),
        fmt="x",
        color=GREY,
        markersize=4,
        linewidth=1,
        label="trajectory, sampled",
        zorder=5,
    )


# ----------------------------------------------------------------------------------------------------------
# Estimates


def _setting(horizon: int, length: float) -> EstimatorSetting:
    """An old policy, and a new one at this distance from it, in a fixed random direction."""
    actor = Actor(worlds.garnet(states=6, actions=3, branching=3, seed=2, horizon=horizon))
    old = actor.start(seed=0)
    return EstimatorSetting(actor, old + length * actor.start(seed=1, scale=1.0), collected_by=old)


def _divergence(setting: EstimatorSetting) -> float:
    """The mean of KL(old ‖ new) over the states that the old policy visits, in nats."""
    old, new = setting.behaviour, setting.actor.table(setting.row)
    visits = exact.occupancy(setting.actor.world, old)
    return float((visits * (old * (old / new).log()).sum(-1)).sum() / visits.sum())


def _rows(
    at: dict[str, Any], setting: EstimatorSetting, size: Size, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rows of the table at one point of a sweep."""
    trajectories = setting.sample(size.batches, rng)
    target = setting.exact_gradient(1.0)
    expectations = _expectations(setting)
    shares = _effective_shares(setting)
    rows: list[dict[str, Any]] = []
    estimates_of = {
        weights: sampled(_algorithm(weights), setting, trajectories, _refine(weights, setting))
        for weights in METHODS
    }
    for weights, estimates in estimates_of.items():
        bias = (expectations[weights] - target).norm() / target.norm()
        quantities = {
            "relative variance": intervals.variance(estimates / target.norm()),
            "squared relative bias, sampled": intervals.relative_bias(estimates, target),
            "relative bias": intervals.exactly(bias),
            "variance over the trajectory’s": intervals.variance_ratio(estimates, estimates_of[TRAJECTORY]),
        }
        if weights in MEANS:
            product = estimates_of[MEANS[weights]]
            quantities["variance over the product’s"] = intervals.variance_ratio(estimates, product)
        if weights in shares:
            quantities["effective share"] = intervals.exactly(shares[weights])
        rows += intervals.tidy(at | {"weights": weights}, quantities)
    share = intervals.effective_share(_log_weights(setting, trajectories))
    return rows + intervals.tidy(at | {"weights": TRAJECTORY}, {"effective share, sampled": share})


def _algorithm(weights: str) -> Algorithm:
    surrogate = {"surrogate": "importance_ratio"} if weights == ACTION else {}
    return method(METHODS[weights], 1.0, **surrogate)


def _refine(weights: str, setting: EstimatorSetting) -> Refine | None:
    """The weights that no component gives."""
    return weighted_by_pairs(setting, 1.0, later=weights == PAIR) if weights in MEANS else None


def _log_weights(setting: EstimatorSetting, trajectories: Trajectories) -> Tensor:
    """Log p_new(τ) − log p_old(τ) of each trajectory, `[N]`."""
    world, states, actions = setting.actor.world, trajectories.states, trajectories.actions
    experience = rollout(world, trajectories, batches(len(actions), 1))
    table = (setting.actor.table(setting.row) / setting.behaviour).log()
    log_ratios = table[torch.arange(world.steps), states, actions].where(trajectories.active, 0.0)
    ends = experience.terminated, experience.truncated
    return trajectory_log_ratios(log_ratios.T.unsqueeze(-1), *ends)[0, :, 0]


# ----------------------------------------------------------------------------------------------------------
# Closed forms


def _expectations(setting: EstimatorSetting) -> dict[str, Tensor]:
    """E ĝ `[P]` for each kind of weight.

    The kinds differ in whose distribution of states they use, and in whose action values they credit.
    """
    world, table, row = setting.actor.world, setting.actor.table, setting.row
    old = setting.behaviour
    old_values, new_values = (exact.action_values(world, policy, 1.0) for policy in (old, table(row)))
    old_visits = exact.occupancy(world, old)
    of_new_policy = exact.credited(world, row, table, new_values)

    def unweighted(point: Tensor) -> Tensor:
        return torch.einsum("tx,txa,txa,txa", old_visits, old, table(point).log(), old_values)

    return {
        **dict.fromkeys(UNBIASED, of_new_policy),
        **dict.fromkeys((CAUSAL, PAIR_ALONE), exact.credited(world, row, table, old_values)),
        ACTION: exact.credited(world, row, table, old_values, visits=old_visits),
        NONE: exact.gradient(row, unweighted),
    }


def _second_moments(setting: EstimatorSetting) -> tuple[Tensor, Tensor]:
    """E[(ρ_1 ⋯ ρ_t)²] and E[ρ_t²] under the old policy, `[H]` each, by recursion over states."""
    world, old = setting.actor.world, setting.behaviour
    squares = setting.actor.table(setting.row).square() / old
    visits = exact.occupancy(world, old)
    weighted_states, products = torch.eye(world.states, dtype=torch.float64)[0], []
    for squares_at_time in squares:
        products.append(torch.einsum("x,xa->", weighted_states, squares_at_time))
        weighted_states = torch.einsum("x,xa,xay->y", weighted_states, squares_at_time, world.transitions)
    return torch.stack(products), torch.einsum("tx,txa->t", visits, squares)


def _effective_shares(setting: EstimatorSetting) -> dict[str, float]:
    """1 / E[w²]. If each step has its own weight, the mean over steps."""
    products, single = _second_moments(setting)
    return {
        TRAJECTORY: float(1.0 / products[-1]),
        CAUSAL: float((1.0 / products).mean()),
        ACTION: float((1.0 / single).mean()),
    }


# ----------------------------------------------------------------------------------------------------------
# Statements


def _of_the_moments() -> list[Statement]:
    """How second moments of weights grow with the horizon."""
    products, single = _second_moments(_setting(LONGEST, LENGTH))
    growth = products.log().diff()
    middle = LONGEST // 2
    return [
        statement(
            "The second moment of the trajectory’s weight grows exponentially with the horizon",
            NOTE,
            "growth rate over the second half of 100 steps, divided by the growth rate over the first half",
            intervals.exactly(growth[middle:].mean() / growth[:middle].mean()),
            "equals",
            1.0,
            0.05,
        ),
        statement(
            "The second moment of a single action’s weight does not grow with the horizon",
            NOTE,
            "E[ρ²] at step 100, divided by the largest E[ρ²] of the first ten steps",
            intervals.exactly(single[-1] / single[:10].max()),
            "below",
            1.0,
            1e-6,
        ),
    ]


def _on_the_chain() -> EstimatorSetting:
    """An old policy and a distant new one where all trajectories can be listed."""
    actor = Actor(worlds.chain(), timed=True)
    old = actor.start(seed=0)
    return EstimatorSetting(actor, old + 0.5 * actor.start(seed=1), collected_by=old)


def _of_the_bias() -> list[Statement]:
    """Biases by enumeration, on a chain with a terminal state."""
    setting = _on_the_chain()
    target = setting.exact_gradient(1.0)
    statements = []
    for weights in METHODS:
        mean = enumerated(_algorithm(weights), setting, _refine(weights, setting)).mean
        unbiased = weights in UNBIASED
        statements.append(
            statement(
                f"On old data, weights ‘{weights}’ are {'unbiased' if unbiased else 'biased'} for the new policy",
                XIE if weights == PAIR else PRECUP if unbiased else NOTE,
                "relative bias, by enumeration",
                intervals.exactly((mean - target).norm() / target.norm()),
                "below" if unbiased else "above",
                SMALL if unbiased else 0.01,
            )
        )
    return statements


def _of_the_pairs() -> Statement:
    """The change of view from trajectories to pairs, which the note leaves open."""
    setting = _on_the_chain()
    world = setting.actor.world
    trajectories = enumerate_trajectories(world)
    experience = rollout(world, trajectories, batches(len(trajectories.actions), 1))
    ratio = setting.actor.table(setting.row) / setting.behaviour
    active = trajectories.active
    met = torch.arange(world.steps), trajectories.states, trajectories.actions
    log_ratios = ratio[met].log().where(active, 0.0).T.unsqueeze(-1)
    products = causal_log_ratios(log_ratios, *experience.flags).exp()[..., 0].T
    chances = trajectories.probabilities(setting.behaviour).detach().unsqueeze(1) * active
    places = torch.zeros_like(ratio)
    means, mass = (
        places.index_put(met, chances * weights, accumulate=True) for weights in (products, torch.ones(()))
    )
    found = (means / mass)[mass > 0.0]
    error = (found / pair_ratios(setting)[mass > 0.0] - 1.0).abs().max()
    return statement(
        "The ratio of a pair is the mean of the products of ratios that lead to it, so the change of view is right",
        LIU,
        "largest relative error of E[ρ₁ ⋯ ρ_t | s_t, a_t] = d′_t(s) π′(a|s) / (d_t(s) π(a|s)), by enumeration",
        intervals.exactly(error),
        "below",
        SMALL,
    )


def _of_the_table(table: pd.DataFrame) -> list[Statement]:
    """How the bias falls as the policies approach each other, and the variance over a long horizon."""
    return [
        *(
            statement(
                f"The bias of ‘{weights}’ is of first order in the distance of the policies",
                NOTE,
                "order in the square root of the KL divergence, below 0.01 nats",
                _order_of_the_bias(table, weights),
                "equals",
                1.0,
                0.1,
            )
            for weights in (CAUSAL, ACTION)
        ),
        *(
            statement(
                f"Over a long horizon, weights ‘{weights}’ have less variance than ‘{product}’, their product",
                NOTE,
                f"ratio of variances, {LONGEST} steps",
                intervals.from_row(_longest(table, "variance over the product’s", weights)),
                "below",
                1.0,
            )
            for weights, product in MEANS.items()
        ),
        statement(
            "Over a long horizon, per-decision weights have less variance than weights of the trajectory",
            PRECUP,
            f"ratio of variances, {LONGEST} steps",
            intervals.from_row(_longest(table, "variance over the trajectory’s", DECISION)),
            "below",
            1.0,
        ),
    ]


def _longest(table: pd.DataFrame, quantity: str, weights: str) -> pd.Series[Any]:
    """The row of a quantity at the longest horizon."""
    rows = intervals.pick(table, sweep="horizon", quantity=quantity, weights=weights)
    return rows.sort_values("at").iloc[-1]


def _order_of_the_bias(table: pd.DataFrame, weights: str) -> Estimate:
    """The order of the bias in the square root of the KL divergence."""
    points = intervals.pick(table, sweep="divergence", weights=weights, quantity="relative bias")
    near = points[points["at"] < 1e-2].sort_values("at")
    return intervals.slope(0.5 * np.log(near["at"].to_numpy()), np.log(near["estimate"].to_numpy()))
