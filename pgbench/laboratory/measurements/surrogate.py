"""The note's open question: what it costs to drop the ratio of the state distributions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.figures.style import GREY
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import exact_batch, method
from pgbench.laboratory.policies import Actor, check_support
from pgbench.laboratory.sources import CPO, KAKADE_LANGFORD, NOTE, TRPO_BOUND
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.methods.components import ImportanceRatio
from pgbench.studies.catalogue import Size
from pgbench.training import losses
from pgbench.training.meaning import surrogates

GAMMA = 0.9
ALGORITHM = method("reward_to_go", GAMMA, surrogate="importance_ratio")
WAYS = ("a random direction", "the policy gradient", "a mixture with the greedy policy")
NEAREST, FARTHEST = 1e-3, 1.0
SMALL = 1e-9


class Gap(NamedTuple):
    """What a surrogate misses at a new policy, and what is said of it; numbers."""

    total_variation: float
    value_error: float
    gradient_error: float
    state_distance: float
    kept_error: float
    trpo_bound: float
    cpo_bound: float
    mixture_bound: float
    state_bound: float


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """One garnet along three ways; and the bounds on many garnets."""
    rows: list[dict[str, Any]] = []
    actor, old = _world(0)
    lengths = np.geomspace(NEAREST, FARTHEST, size.points).tolist()
    for way in WAYS:
        for gap in _gaps(actor, old, [_step(way, actor, old, length) for length in lengths]):
            quantities = {name: intervals.exactly(value) for name, value in gap._asdict().items()}
            rows += intervals.tidy({"way": way, "largest total variation": gap.total_variation}, quantities)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _orders(table) + _bounds(size, rng) + [_first_order()])


def draw(table: pd.DataFrame) -> Figure:
    """Error of the value with bounds, distance of the states, error of the gradient."""
    figure, axes = panels(3, height=4.2)
    x = "largest total variation"
    for axis, quantity in zip(axes, ("value_error", "state_distance", "gradient_error"), strict=True):
        lines(axis, intervals.pick(table, quantity=quantity), x, "way", WAYS)
    along = intervals.pick(table, way="the policy gradient")
    for quantity, label, dash in (
        ("trpo_bound", "bound of TRPO", "--"),
        ("cpo_bound", "bound of CPO, along the gradient", ":"),
    ):
        own = intervals.pick(along, quantity=quantity)
        axes[0].plot(own[x], own["estimate"], color=GREY, linestyle=dash, label=label)
    own = intervals.pick(along, quantity="state_bound")
    axes[1].plot(own[x], own["estimate"], color=GREY, linestyle=":", label="bound of CPO, along the gradient")
    finish(axes[0], "Error of the value", x, "|J(π′) − L(π′)|", "log", "log")
    finish(axes[1], "Distance of the states", x, "total variation of d′ and d", "log", "log")
    finish(axes[2], "Error of the gradient", x, "‖∇L − ∇J‖ / ‖∇J‖", "log", "log")
    legend(figure, axes, columns=3)
    return figure


def _world(seed: int) -> tuple[Actor, Tensor]:
    """A garnet without horizon, and the parameters `[P]` of an old policy."""
    actor = Actor(worlds.garnet(states=20, actions=4, branching=4, seed=seed, horizon=None))
    return actor, actor.start(seed)


def _policy(actor: Actor, row: Tensor) -> Tensor:
    """π(a|s) `[X, A]`."""
    return actor.log_probabilities(row).exp()


def _step(way: str, actor: Actor, old: Tensor, length: float) -> Tensor:
    """Parameters `[P]` some way from the old ones; a mixture takes the length as the share of the other policy."""
    policy = _policy(actor, old).detach()
    if way == WAYS[0]:
        return old + length * actor.start(seed=1, scale=1.0)
    if way == WAYS[1]:
        gradient = _gradient(actor, old)
        return old + length * gradient * (len(old) / gradient.square().sum()).sqrt()
    known = exact.solve(actor.world, policy, GAMMA)
    greedy = torch.eye(actor.world.actions, dtype=torch.float64)[known.action_values.argmax(1)]
    share = min(length, 0.999)  # a share of 1 would leave actions that are never taken
    row = torch.zeros_like(old)
    row[: policy.numel()] = ((1.0 - share) * policy + share * greedy).log().flatten()
    return row


def _gradient(actor: Actor, row: Tensor) -> Tensor:
    """∇J `[P]`."""
    return exact.gradient(row, lambda p: exact.solve(actor.world, _policy(actor, p), GAMMA).objective)


def _gaps(actor: Actor, old: Tensor, steps: list[Tensor]) -> list[Gap]:
    """What the surrogate at `old` misses at each of some parameters: one replica each."""
    before = exact.solve(actor.world, _policy(actor, old).detach(), GAMMA)
    learner = actor.learner(ALGORITHM, old.repeat(len(steps), 1))
    batch = exact_batch(learner, before.visits, before.advantages)
    learner = learner.at(torch.stack(steps))
    data = batch.transitions
    with torch.no_grad():
        new = learner.distribution(data.recorded.observations)
        gains = surrogates.surrogate_objective(ImportanceRatio(), learner, new, data) * data.credit.weights
    gradients = losses.gradient(ALGORITHM, learner, batch)
    return [
        _gap(actor, old, step, gain, gradient)
        for step, gain, gradient in zip(steps, gains, gradients, strict=True)
    ]


def _gap(actor: Actor, old: Tensor, new: Tensor, gains: Tensor, gradient: Tensor) -> Gap:
    """Compare the surrogate's gain, whose terms are `gains` `[X·A]`, and its gradient `[P]` with the truth."""
    world = actor.world
    policies = [_policy(actor, row).detach() for row in (old, new)]
    check_support(*policies)
    before, after = (exact.solve(world, policy, GAMMA) for policy in policies)
    change = after.objective - before.objective
    visited = before.visits > 0.0
    # The same terms, by how often the new policy comes: no ratio is dropped.
    kept = (gains.reshape(world.states, -1).sum(1) * after.visits / before.visits)[visited].sum()
    truth = _gradient(actor, new)
    variation = 0.5 * (policies[1] - policies[0]).abs().sum(1)
    worst = float((policies[1] * before.advantages).sum(1).abs().max())
    largest = float(variation.max())
    mean_variation = float(before.visits @ variation)
    return Gap(
        total_variation=largest,
        value_error=float((change - gains.sum()).abs()),
        gradient_error=float((gradient - truth).norm() / truth.norm()),
        state_distance=float(0.5 * (1.0 - GAMMA) * (after.visits - before.visits).abs().sum()),
        kept_error=float((change - kept).abs()),
        trpo_bound=4.0 * float(before.advantages.abs().max()) * GAMMA / (1.0 - GAMMA) ** 2 * largest**2,
        cpo_bound=2.0 * GAMMA * worst / (1.0 - GAMMA) * mean_variation,
        mixture_bound=2.0 * worst * GAMMA / (1.0 - GAMMA) ** 2,
        state_bound=GAMMA * mean_variation,
    )


# ----------------------------------------------------------------------------------------------------------
# Statements


def _orders(table: pd.DataFrame) -> list[Statement]:
    """The orders of the errors, where the policies are near."""

    def order(quantity: str, way: str) -> Estimate:
        own = intervals.pick(table, quantity=quantity, way=way)
        near = own[own["largest total variation"] <= own["largest total variation"].median()]
        x, y = (np.log(near[column].to_numpy(float)) for column in ("largest total variation", "estimate"))
        return intervals.slope(x, y)

    found = []
    for way in WAYS:
        for quantity, what, expected in (
            ("value_error", "The error of the surrogate’s value is of second order", 2.0),
            ("gradient_error", "The error of the surrogate’s gradient is of first order", 1.0),
            ("state_distance", "The distributions of states part to first order", 1.0),
        ):
            text = f"{what} ({way})"
            quantities = "order in the total variation"
            found.append(statement(text, NOTE, quantities, order(quantity, way), "equals", expected, 0.1))
    return found


def _bounds(size: Size, rng: np.random.Generator) -> list[Statement]:
    """On many garnets, at short and long steps: the largest share of each bound that is used up."""
    used: dict[str, list[float]] = {"trpo": [], "cpo": [], "mixture": [], "states": [], "kept": []}
    for seed in range(size.worlds):
        actor, old = _world(seed + 1)
        lengths = 10.0 ** rng.uniform(-2.0, 0.5, size=4)
        directions = [old + length * actor.start(int(rng.integers(2**31)), 1.0) for length in lengths]
        mixtures = [_step(WAYS[2], actor, old, length) for length in (0.05, 0.3, 0.9)]
        for gap in _gaps(actor, old, directions + mixtures):
            used["trpo"].append(gap.value_error / gap.trpo_bound)
            used["cpo"].append(gap.value_error / gap.cpo_bound)
            used["states"].append(gap.state_distance / gap.state_bound)
            used["kept"].append(gap.kept_error)
        used["mixture"] += [
            # ε of equation 6 is that of the policy that is mixed in: here the share's advantage over the share.
            gap.value_error / (gap.mixture_bound / share * share**2)
            for gap, share in zip(_gaps(actor, old, mixtures), (0.05, 0.3, 0.9), strict=True)
        ]
    rest = f"largest share of the bound that the error takes, {size.worlds} random worlds"
    texts = {
        "trpo": ("The surrogate misses J by no more than 4εγα² / (1 − γ)²", TRPO_BOUND, rest),
        "cpo": (
            "The surrogate misses J by no more than 2γε′ / (1 − γ) times the mean total variation",
            CPO,
            rest,
        ),
        "mixture": (
            "For a mixture the surrogate misses J by no more than 2ε″γα² / (1 − γ)²",
            KAKADE_LANGFORD,
            rest,
        ),
        "states": (
            "The states’ distributions part by no more than γ / (1 − γ) times the mean variation",
            CPO,
            rest,
        ),
    }
    result = [
        statement(text, source, quantity, intervals.exactly(max(used[name])), "below", 1.0)
        for name, (text, source, quantity) in texts.items()
    ]
    text = "With the ratio of the state distributions kept, the surrogate is the objective itself"
    quantity = f"largest error, {size.worlds} random worlds"
    kept = intervals.exactly(max(used["kept"]))
    return [*result, statement(text, KAKADE_LANGFORD, quantity, kept, "below", SMALL)]


def _first_order() -> Statement:
    """At the old policy itself."""
    actor, old = _world(0)
    (gap,) = _gaps(actor, old, [old])
    return statement(
        "At the old policy the surrogate has the gradient of the objective, without the states’ ratio",
        NOTE,
        "relative error of the gradient",
        intervals.exactly(gap.gradient_error),
        "below",
        SMALL,
    )
