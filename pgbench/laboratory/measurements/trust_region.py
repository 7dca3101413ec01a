"""Natural-gradient and trust-region steps against the exact constrained maximiser, and against δ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis import inference
from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, level, lines, panels
from pgbench.laboratory import intervals
from pgbench.laboratory.ensembles import Ensemble, divergence, random_worlds
from pgbench.laboratory.estimators import method
from pgbench.laboratory.sources import KAKADE, TRPO, TRPO_BOUND
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.methods.components import ConjugateGradient, NaturalGradient, TrustRegion
from pgbench.studies.catalogue import Size
from pgbench.training import losses
from pgbench.training.natural_gradient import natural_step, searched_step

GAMMA = 0.9
ALGORITHM = method("reward_to_go", GAMMA, surrogate="importance_ratio")
NARROW, WIDE = 1e-4, 1.0
USUAL = 0.01
"""TRPO's δ, a point of the grid."""
EXACTLY = ConjugateGradient(steps=100, damping=0.0)
"""Enough iterations for these worlds to solve H s = g."""
MAXIMISER = "exact maximiser"
NATURAL, DAMPED, SEARCHED, PLAIN = (
    "natural gradient",
    "natural gradient, as trained",
    "trust region, as trained",
    "plain gradient of that length",
)


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Every step at every δ, in all worlds at once."""
    ground = random_worlds(max(size.worlds, 2), rng, GAMMA)
    learner, batch = ground.learner(ALGORITHM)
    gradient = losses.gradient(ALGORITHM, learner, batch)
    best = ground.best_gains()
    rows: list[dict[str, Any]] = []
    grid = np.geomspace(NARROW, WIDE, max(size.points, 5))
    for delta in sorted({*grid.tolist(), USUAL}):
        policies = {MAXIMISER: maximiser(ground.policies, ground.advantages, ground.states, delta)}
        for kind, step in STEPS.items():
            policies[kind] = ground.tables(step(ground, gradient, delta))
        limit = ground.surrogate(policies[MAXIMISER])
        for kind, policy in policies.items():
            rows += intervals.tidy(
                {"step": kind, "delta": delta}, _measured(ground, policy, limit, best, delta)
            )
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _statements(table, len(ground.actors)))


def draw(table: pd.DataFrame) -> Figure:
    """Surrogate's gain, divergence and true gain against δ."""
    figure, axes = panels(3, height=4.2)
    titles = {
        "surrogate": ("Gain of the surrogate", "over the maximiser’s"),
        "divergence": ("Length of the step", "mean KL / δ"),
        "true gain": ("Gain of J", "over the best policy’s"),
    }
    for axis, (quantity, (title, label)) in zip(axes, titles.items(), strict=True):
        lines(axis, intervals.pick(table, quantity=quantity), "delta", "step")
        finish(axis, title, "δ, nats", label, "log")
    for axis in axes[:2]:
        level(axis, 1.0)
    level(axes[2], 0.0)
    legend(figure, axes, columns=3)
    return figure


# ----------------------------------------------------------------------------------------------------------
# Steps


def maximiser(old: Tensor, advantages: Tensor, states: Tensor, delta: float) -> Tensor:
    """The policy that maximises Σ_s d(s) Σ_a π(a|s) A(s,a) under mean KL(old ‖ π) ≤ δ, among all policies.

    The Lagrangian's stationary point is π = η π_old / (μ_s − A), with μ_s such that each state's sum is 1, and η,
    one for all states, such that the mean divergence is δ. Both are found by bisection.

    Args:
        old: `[S, X, A]`, positive.
        advantages: `[S, X, A]`.
        states: `[S, X]`, d, of sum 1.
        delta: δ in nats.

    Returns:
        `[S, X, A]`.
    """

    def policy(price: Tensor) -> Tensor:
        scale = price.reshape(-1, 1, 1) * old
        top = advantages.amax(-1, keepdim=True)
        # Between where one action alone has probability 1, and where none would be taken more often than it was.
        low = top + scale.gather(-1, advantages.argmax(-1, keepdim=True))
        high = top + price.reshape(-1, 1, 1)
        for _ in range(60):
            middle = 0.5 * (low + high)
            above = (scale / (middle - advantages)).sum(-1, keepdim=True) > 1.0
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        found = scale / (high - advantages)
        return found / found.sum(-1, keepdim=True)

    low, high = torch.full((len(old),), -20.0).double(), torch.full((len(old),), 20.0).double()
    for _ in range(60):
        middle = 0.5 * (low + high)
        far = divergence(states, old, policy(middle.exp())) > delta
        low, high = torch.where(far, middle, low), torch.where(far, high, middle)
    return policy(high.exp())


def _natural(solver: ConjugateGradient) -> Callable[[Ensemble, Tensor, float], Tensor]:
    def step(ground: Ensemble, gradient: Tensor, delta: float) -> Tensor:
        learner, batch = ground.learner(ALGORITHM)
        every = torch.ones(len(ground.rows), dtype=torch.bool)
        natural_step(NaturalGradient(delta=delta, solver=solver), learner, batch, every, gradient)
        return learner.actor.values.detach()

    return step


def _searched(ground: Ensemble, gradient: Tensor, delta: float) -> Tensor:
    learner, batch = ground.learner(ALGORITHM)
    every = torch.ones(len(ground.rows), dtype=torch.bool)
    searched_step(TrustRegion(delta=delta), learner, batch, every, gradient)
    return learner.actor.values.detach()


def _plain(ground: Ensemble, gradient: Tensor, delta: float) -> Tensor:
    """Along the gradient, as far as the natural step is long in nats, by bisection."""
    wanted = divergence(
        ground.states, ground.policies, ground.tables(STEPS[NATURAL](ground, gradient, delta))
    )
    low, high = torch.full((len(gradient),), -20.0).double(), torch.full((len(gradient),), 10.0).double()
    for _ in range(40):
        middle = 0.5 * (low + high)
        rows = ground.rows + middle.exp().unsqueeze(-1) * gradient
        far = divergence(ground.states, ground.policies, ground.tables(rows)) > wanted
        low, high = torch.where(far, low, middle), torch.where(far, middle, high)
    return ground.rows + low.exp().unsqueeze(-1) * gradient


STEPS: dict[str, Callable[[Ensemble, Tensor, float], Tensor]] = {
    NATURAL: _natural(EXACTLY),
    DAMPED: _natural(ConjugateGradient()),
    SEARCHED: _searched,
    PLAIN: _plain,
}

# ----------------------------------------------------------------------------------------------------------
# What each step comes to


def _guaranteed(ground: Ensemble, policy: Tensor) -> Tensor:
    """The lower bound of TRPO's theorem 1 on J's gain, `[S]`: the surrogate's less 4εγ / (1 − γ)² times max KL."""
    farthest = (ground.policies * (ground.policies / policy).log()).sum(-1).amax(-1)
    epsilon = ground.advantages.abs().amax((1, 2))
    return ground.surrogate(policy) - 4.0 * epsilon * GAMMA / (1.0 - GAMMA) ** 2 * farthest


def _measured(ground: Ensemble, policy: Tensor, limit: Tensor, best: Tensor, delta: float) -> dict[str, Any]:
    gains = ground.gains(policy)
    return {
        "surrogate": inference.mean((ground.surrogate(policy) / limit).numpy()),
        "divergence": inference.mean((divergence(ground.states, ground.policies, policy) / delta).numpy()),
        "largest divergence": intervals.exactly(
            (divergence(ground.states, ground.policies, policy) / delta).max()
        ),
        "true gain": inference.mean((gains / best).numpy()),
        "share of worlds improved": intervals.share((gains > 0.0).numpy()),
        "share of worlds with a guarantee": intervals.share((_guaranteed(ground, policy) > 0.0).numpy()),
    }


def _statements(table: pd.DataFrame, count: int) -> list[Statement]:
    over = f"{count} random worlds"
    return [*_of_the_gain(table, over), *_of_the_region(table, over), *_of_improvement(table, over)]


def _at(table: pd.DataFrame, step: str, quantity: str, delta: float) -> Estimate:
    row = intervals.pick(table, step=step, quantity=quantity, delta=delta).iloc[0]
    return Estimate(row["estimate"], row["low"], row["high"])


def _of_the_gain(table: pd.DataFrame, over: str) -> list[Statement]:
    """What a step gains of what the exact maximiser gains."""
    narrow = float(table["delta"].min())
    return [
        statement(
            "In a narrow trust region the natural gradient gains what the exact maximiser gains",
            KAKADE,
            f"mean ratio of the surrogate’s gains, δ = {narrow:g}, {over}",
            _at(table, NATURAL, "surrogate", narrow),
            "equals",
            1.0,
            0.01,
        ),
        statement(
            "The plain gradient gains less over the same divergence",
            KAKADE,
            f"mean ratio of the surrogate’s gains, δ = {narrow:g}, {over}",
            _at(table, PLAIN, "surrogate", narrow),
            "below",
            1.0,
        ),
        statement(
            "Damping and few conjugate gradients, as trained, cost part of the gain",
            TRPO,
            f"mean ratio of the surrogate’s gains, δ = {USUAL:g}, {over}",
            _at(table, DAMPED, "surrogate", USUAL),
            "below",
            1.0,
        ),
    ]


def _of_the_region(table: pd.DataFrame, over: str) -> list[Statement]:
    """How far beyond δ a step goes."""
    quantity = f"largest mean KL over δ, δ from {table['delta'].min():g} to {table['delta'].max():g}, {over}"

    def farthest(step: str) -> Estimate:
        return intervals.exactly(
            intervals.pick(table, step=step, quantity="largest divergence")["estimate"].max()
        )

    return [
        statement(
            "Without a line search a natural step can leave the trust region",
            TRPO,
            quantity,
            farthest(NATURAL),
            "above",
            1.0,
        ),
        statement(
            "The searched step never leaves it",
            TRPO,
            quantity,
            farthest(SEARCHED),
            "below",
            1.0,
            1e-6,
        ),
    ]


def _of_improvement(table: pd.DataFrame, over: str) -> list[Statement]:
    """Whether J rises, and whether theory promised it."""
    improved = _at(table, SEARCHED, "share of worlds improved", USUAL).value
    guaranteed = _at(table, SEARCHED, "share of worlds with a guarantee", USUAL).value
    return [
        statement(
            "With δ = 0.01 and exact advantages the searched step improves J in every world",
            TRPO,
            f"share of {over}",
            intervals.exactly(improved),
            "equals",
            1.0,
        ),
        statement(
            "With δ = 0.01 the theorem guarantees nothing: its bound is far from what happens",
            TRPO_BOUND,
            f"share of {over} in which the bound is positive",
            intervals.exactly(guaranteed),
            "equals",
            0.0,
        ),
    ]
