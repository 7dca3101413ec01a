"""The error of a surrogate that drops the ratio of the state distributions: an open question of the study note."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.figures.style import GREY
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import exact_batch, method
from pgbench.laboratory.policies import Actor, check_support
from pgbench.laboratory.sources import CPO, CPO_STATES, KAKADE_LANGFORD, NOTE, TRPO_BOUND, TRPO_SURROGATE
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.methods.components import ImportanceRatio
from pgbench.studies.catalogue import Size
from pgbench.training import losses
from pgbench.training.meaning import surrogates

GAMMA = 0.9
ALGORITHM = method("reward_to_go", GAMMA, surrogate="importance_ratio")
RANDOM, GRADIENT, MIXTURE = (
    "a random direction",
    "the policy gradient",
    "a mixture with the greedy policy",
)
WAYS = (RANDOM, GRADIENT, MIXTURE)
SHARES = (0.05, 0.3, 0.9)
"""Shares of the greedy policy in the mixtures on which the bounds are checked."""
NEAREST, FARTHEST = 1e-3, 1.0
SMALL = 1e-9


class Gap(NamedTuple):
    """The errors of a surrogate at a new policy, and the bounds that the literature gives for them.

    Attributes:
        total_variation: the largest total variation between the policies, over states.
        value_error: |J − L|, the error of the surrogate's gain.
        gradient_error: the error of the surrogate's gradient, relative to ∇J.
        state_distance: total variation between the distributions of states.
        kept_error: the error of the gain if the ratio of the state distributions is kept.
        trpo_bound: bound of `value_error` by TRPO's theorem 1.
        cpo_bound: bound of `value_error` by CPO's corollary 1.
        mixture_bound: bound of `value_error` for a mixture, divided by the square of its share.
        state_bound: bound of `state_distance`.
    """

    total_variation: float
    value_error: float
    gradient_error: float
    state_distance: float
    kept_error: float
    trpo_bound: float
    cpo_bound: float
    mixture_bound: float
    state_bound: float


@dataclass(frozen=True)
class GarnetPolicy:
    """The policy on a garnet at which a surrogate is made, with its parameters `[P]`."""

    actor: Actor
    row: Tensor

    @classmethod
    def on_garnet(cls, seed: int) -> GarnetPolicy:
        """A random policy on a garnet without horizon."""
        actor = Actor(worlds.garnet(states=20, actions=4, branching=4, seed=seed, horizon=None))
        return cls(actor, actor.start(seed))

    def table(self, row: Tensor) -> Tensor:
        """π(a|s) `[X, A]` of parameters `[P]`."""
        return self.actor.log_probabilities(row).exp()

    def solve(self, row: Tensor) -> exact.Discounted:
        """The closed forms at parameters `[P]`."""
        return exact.solve(self.actor.world, self.table(row), GAMMA)

    def gradient(self, row: Tensor) -> Tensor:
        """∇J `[P]` at parameters `[P]`."""
        return exact.gradient(row, lambda point: self.solve(point).objective)


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Compute the errors on one garnet, in three directions. Check the bounds on many garnets."""
    rows: list[dict[str, Any]] = []
    old = GarnetPolicy.on_garnet(0)
    lengths = np.geomspace(NEAREST, FARTHEST, size.points).tolist()
    for way in WAYS:
        for gap in _gaps(old, [_step(way, old, length) for length in lengths]):
            quantities = {name: intervals.exactly(value) for name, value in gap._asdict().items()}
            rows += intervals.tidy({"way": way, "largest total variation": gap.total_variation}, quantities)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _orders(table) + _bounds(size, rng) + [_first_order()])


def draw(table: pd.DataFrame) -> Figure:
    """Draw the error of the value with bounds, the distance of the states, and the error of the gradient."""
    figure, axes = panels(3, height=4.2)
    x = "largest total variation"
    for axis, quantity in zip(axes, ("value_error", "state_distance", "gradient_error"), strict=True):
        lines(axis, intervals.pick(table, quantity=quantity), x, "way", WAYS)
    cpo_label = "bound of CPO, along the gradient"
    for axis, quantity, label, dash in (
        (axes[0], "trpo_bound", "bound of TRPO", "--"),
        (axes[0], "cpo_bound", cpo_label, ":"),
        (axes[1], "state_bound", cpo_label, ":"),
    ):
        bound = intervals.pick(table, way=GRADIENT, quantity=quantity)
        axis.plot(bound[x], bound["estimate"], color=GREY, linestyle=dash, label=label)
    finish(axes[0], "Error of the value", x, "|J(π′) − L(π′)|", "log", "log")
    finish(axes[1], "Distance of the states", x, "total variation of d′ and d", "log", "log")
    finish(axes[2], "Error of the gradient", x, "‖∇L − ∇J‖ / ‖∇J‖", "log", "log")
    legend(figure, axes, columns=3)
    return figure


def _step(way: str, old: GarnetPolicy, length: float) -> Tensor:
    """Parameters `[P]` at a distance from the old ones. A mixture has the length as the greedy policy's share."""
    if way == RANDOM:
        return old.row + length * old.actor.start(seed=1, scale=1.0)
    if way == GRADIENT:
        gradient = old.gradient(old.row)
        return old.row + length * gradient * (len(old.row) / gradient.square().sum()).sqrt()
    policy, best = old.table(old.row).detach(), old.solve(old.row).action_values.argmax(1)
    greedy = torch.eye(old.actor.world.actions, dtype=torch.float64)[best]
    share = min(length, 0.999)  # with a share of 1, some actions would have probability 0
    row = torch.zeros_like(old.row)
    row[: policy.numel()] = ((1.0 - share) * policy + share * greedy).log().flatten()
    return row


def _gaps(old: GarnetPolicy, rows: list[Tensor]) -> list[Gap]:
    """The errors at some parameters `[P]`. Each of them is a replica of one learner."""
    before = old.solve(old.row)
    learner = old.actor.learner(ALGORITHM, old.row.repeat(len(rows), 1))
    batch = exact_batch(learner, before.visits, before.advantages)
    learner = learner.at(torch.stack(rows))
    data = batch.transitions
    with torch.no_grad():
        new = learner.distribution(data.recorded.observations)
        gains = surrogates.surrogate_objective(ImportanceRatio(), learner, new, data) * data.credit.weights
    gradients = losses.gradient(ALGORITHM, learner, batch)
    return [
        _gap(old, row, gain, gradient) for row, gain, gradient in zip(rows, gains, gradients, strict=True)
    ]


def _gap(old: GarnetPolicy, new: Tensor, gains: Tensor, gradient: Tensor) -> Gap:
    """The errors at parameters `new` `[P]`.

    Args:
        old: the policy at which the surrogate is made.
        new: `[P]`.
        gains: `[X·A]`, the terms whose sum is the surrogate's gain.
        gradient: `[P]`, the surrogate's gradient.
    """
    policies = [old.table(row).detach() for row in (old.row, new)]
    check_support(*policies)
    before, after = (old.solve(row) for row in (old.row, new))
    change = after.objective - before.objective
    visited = before.visits > 0.0
    # Each term is multiplied with the ratio of the state distributions.
    kept = (gains.reshape(len(visited), -1).sum(1) * after.visits / before.visits)[visited].sum()
    exact_gradient = old.gradient(new)
    variation = 0.5 * (policies[1] - policies[0]).abs().sum(1)
    largest_variation, mean_variation = float(variation.max()), float(before.visits @ variation)
    largest_advantage = float(before.advantages.abs().max())
    largest_gain = float((policies[1] * before.advantages).sum(1).abs().max())
    return Gap(
        total_variation=largest_variation,
        value_error=float((change - gains.sum()).abs()),
        gradient_error=float((gradient - exact_gradient).norm() / exact_gradient.norm()),
        state_distance=float(0.5 * (1.0 - GAMMA) * (after.visits - before.visits).abs().sum()),
        kept_error=float((change - kept).abs()),
        trpo_bound=4.0 * largest_advantage * GAMMA / (1.0 - GAMMA) ** 2 * largest_variation**2,
        cpo_bound=2.0 * GAMMA * largest_gain / (1.0 - GAMMA) * mean_variation,
        mixture_bound=2.0 * largest_gain * GAMMA / (1.0 - GAMMA) ** 2,
        state_bound=GAMMA * mean_variation,
    )


# ----------------------------------------------------------------------------------------------------------
# Statements


def _orders(table: pd.DataFrame) -> list[Statement]:
    """The orders of the errors, over the half of the points at which the policies are nearest."""
    x = "largest total variation"
    said = (
        ("value_error", "The error of the surrogate’s value is of second order", 2.0),
        ("gradient_error", "The error of the surrogate’s gradient is of first order", 1.0),
        ("state_distance", "The distance of the distributions of states is of first order", 1.0),
    )
    statements = []
    for way, (quantity, text, expected) in product(WAYS, said):
        points = intervals.pick(table, quantity=quantity, way=way)
        order = intervals.order(points[points[x] <= points[x].median()], x)
        of = "order in the total variation"
        statements.append(statement(f"{text} ({way})", NOTE, of, order, "equals", expected, 0.1))
    return statements


def _bounds(size: Size, rng: np.random.Generator) -> list[Statement]:
    """The bounds on many garnets, for short and for long steps."""
    gaps, shares_of_mixture_bound = _gaps_of_garnets(size, rng)
    quantity = f"largest ratio of the error to the bound, {size.worlds} random worlds"
    said = (
        (
            "The surrogate misses J by no more than 4εγα² / (1 − γ)²",
            TRPO_BOUND,
            [gap.value_error / gap.trpo_bound for gap in gaps],
        ),
        (
            "The surrogate misses J by no more than 2γε′ / (1 − γ) times the mean total variation",
            CPO,
            [gap.value_error / gap.cpo_bound for gap in gaps],
        ),
        (
            "For a mixture the surrogate misses J by no more than 2ε″γα² / (1 − γ)²",
            KAKADE_LANGFORD,
            shares_of_mixture_bound,
        ),
        (
            "The distance of the distributions of states is at most γ / (1 − γ) times the mean total variation",
            CPO_STATES,
            [gap.state_distance / gap.state_bound for gap in gaps],
        ),
    )
    return [
        *(
            statement(text, source, quantity, intervals.exactly(max(shares)), "below", 1.0)
            for text, source, shares in said
        ),
        statement(
            "With the ratio of the state distributions, the surrogate is the objective itself",
            KAKADE_LANGFORD,
            f"largest error, {size.worlds} random worlds",
            intervals.exactly(max(gap.kept_error for gap in gaps)),
            "below",
            SMALL,
        ),
    ]


def _gaps_of_garnets(size: Size, rng: np.random.Generator) -> tuple[list[Gap], list[float]]:
    """The errors on many garnets, and for mixtures the ratio of the error to the bound of mixtures."""
    gaps: list[Gap] = []
    shares_of_mixture_bound: list[float] = []
    for seed in range(size.worlds):
        old = GarnetPolicy.on_garnet(seed + 1)
        lengths = 10.0 ** rng.uniform(-2.0, 0.5, size=4)
        steps = [old.row + length * old.actor.start(int(rng.integers(2**31)), 1.0) for length in lengths]
        mixtures = [_step(MIXTURE, old, share) for share in SHARES]
        gaps += _gaps(old, steps + mixtures)
        shares_of_mixture_bound += [
            # ε″ in equation 6 belongs to the greedy policy: the mixture's largest gain divided by the share.
            gap.value_error / (gap.mixture_bound / share * share**2)
            for gap, share in zip(_gaps(old, mixtures), SHARES, strict=True)
        ]
    return gaps, shares_of_mixture_bound


def _first_order() -> Statement:
    """The gradients at the old policy."""
    old = GarnetPolicy.on_garnet(0)
    (gap,) = _gaps(old, [old.row])
    return statement(
        "At the old policy the surrogate has the gradient of the objective, without the ratio of the states",
        TRPO_SURROGATE,
        "relative error of the gradient",
        intervals.exactly(gap.gradient_error),
        "below",
        SMALL,
    )
