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
from pgbench.laboratory.sources import KAKADE, OURS, TRPO, TRPO_BOUND
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.methods.components import ConjugateGradient, NaturalGradient, TrustRegion
from pgbench.studies.catalogue import Size
from pgbench.training import losses
from pgbench.training.iteration import Moment
from pgbench.training.natural_gradient import natural_step, searched_step

GAMMA = 0.9
ALGORITHM = method("reward_to_go", GAMMA, surrogate="importance_ratio")
NARROW, WIDE = 1e-4, 1.0
USUAL = 0.01
"""δ in TRPO, a point of the grid."""
EXACTLY = ConjugateGradient(steps=100, damping=0.0)
"""In these worlds, 100 iterations solve H s = g exactly."""
MAXIMISER = "exact maximiser"
NATURAL, DAMPED, SEARCHED, PLAIN = (
    "natural gradient",
    "natural gradient, as trained",
    "trust region, as trained",
    "plain gradient of that length",
)


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Take every kind of step at every δ, in all worlds at once."""
    ensemble = random_worlds(max(size.worlds, 2), rng, GAMMA)
    learner, batch = ensemble.learner(ALGORITHM)
    gradient = losses.gradient(ALGORITHM, learner, batch)
    best = ensemble.best_gains()
    rows: list[dict[str, Any]] = []
    grid = np.geomspace(NARROW, WIDE, max(size.points, 5))
    for delta in sorted({*grid.tolist(), USUAL}):
        policies = {MAXIMISER: maximiser(ensemble.policies, ensemble.advantages, ensemble.states, delta)}
        for kind, step in STEPS.items():
            policies[kind] = ensemble.tables(step(ensemble, gradient, delta))
        limit = ensemble.surrogate(policies[MAXIMISER])
        for kind, policy in policies.items():
            rows += intervals.tidy(
                {"step": kind, "delta": delta}, _measured(ensemble, policy, limit, best, delta)
            )
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _statements(table, len(ensemble.actors)))


def draw(table: pd.DataFrame) -> Figure:
    """Draw the gain of the surrogate, the divergence and the gain of J against δ."""
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

    The stationary point of the Lagrangian is π = η π_old / (μ_s − A). In each state, μ_s makes π sum to 1. The
    same η in all states makes the mean divergence δ. Bisection finds both.

    Args:
        old: `[S, X, A]`, positive.
        advantages: `[S, X, A]`.
        states: d `[S, X]`, which sums to 1.
        delta: δ in nats.

    Returns:
        `[S, X, A]`.
    """
    low, high = torch.full((len(old),), -20.0).double(), torch.full((len(old),), 20.0).double()
    for _ in range(60):
        middle = 0.5 * (low + high)
        too_far = divergence(states, old, _stationary(old, advantages, middle.exp())) > delta
        low, high = torch.where(too_far, middle, low), torch.where(too_far, high, middle)
    return _stationary(old, advantages, high.exp())


def _stationary(old: Tensor, advantages: Tensor, eta: Tensor) -> Tensor:
    """π = η π_old / (μ_s − A) `[S, X, A]` for η `[S]`, with the μ_s that make it sum to 1 in each state."""
    scale = eta.reshape(-1, 1, 1) * old
    best = advantages.amax(-1, keepdim=True)
    # At the lower end the best action alone has probability 1; at the upper end the probabilities sum to 1 or less.
    low = best + scale.gather(-1, advantages.argmax(-1, keepdim=True))
    high = best + eta.reshape(-1, 1, 1)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = (scale / (middle - advantages)).sum(-1, keepdim=True) > 1.0
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    policy = scale / (high - advantages)
    return policy / policy.sum(-1, keepdim=True)


def _natural(solver: ConjugateGradient) -> PolicyStep:
    def step(ensemble: Ensemble, gradient: Tensor, delta: float) -> Tensor:
        learner, batch = ensemble.learner(ALGORITHM)
        natural_step(NaturalGradient(delta=delta, solver=solver), learner, batch, _moment(ensemble), gradient)
        return learner.actor.values.detach()

    return step


def _searched(ensemble: Ensemble, gradient: Tensor, delta: float) -> Tensor:
    learner, batch = ensemble.learner(ALGORITHM)
    searched_step(ALGORITHM, TrustRegion(delta=delta), learner, batch, _moment(ensemble), gradient)
    return learner.actor.values.detach()


def _moment(ensemble: Ensemble) -> Moment:
    """All worlds run, at the beginning of their budgets."""
    count = len(ensemble.rows)
    return Moment(0, range(count), torch.ones(count, dtype=torch.bool), torch.ones(count).double())


def _plain(ensemble: Ensemble, gradient: Tensor, delta: float) -> Tensor:
    """A step along the gradient with the divergence of the natural step, by bisection."""
    natural = ensemble.tables(STEPS[NATURAL](ensemble, gradient, delta))
    limit = divergence(ensemble.states, ensemble.policies, natural)
    low, high = torch.full((len(gradient),), -20.0).double(), torch.full((len(gradient),), 10.0).double()
    for _ in range(40):
        middle = 0.5 * (low + high)
        rows = ensemble.rows + middle.exp().unsqueeze(-1) * gradient
        too_far = divergence(ensemble.states, ensemble.policies, ensemble.tables(rows)) > limit
        low, high = torch.where(too_far, low, middle), torch.where(too_far, middle, high)
    return ensemble.rows + low.exp().unsqueeze(-1) * gradient


PolicyStep = Callable[[Ensemble, Tensor, float], Tensor]
"""New parameters `[S, P]` from worlds with their old policies, the gradient `[S, P]` and δ."""

STEPS: dict[str, PolicyStep] = {
    NATURAL: _natural(EXACTLY),
    DAMPED: _natural(ConjugateGradient()),
    SEARCHED: _searched,
    PLAIN: _plain,
}

# ----------------------------------------------------------------------------------------------------------
# The outcome of each step


def _guaranteed(ensemble: Ensemble, policy: Tensor) -> Tensor:
    """The lower bound of TRPO's theorem 1 on the gain of J, `[S]`.

    It is the gain of the surrogate minus 4εγ / (1 − γ)² times the largest KL divergence.
    """
    largest_divergence = (ensemble.policies * (ensemble.policies / policy).log()).sum(-1).amax(-1)
    epsilon = ensemble.advantages.abs().amax((1, 2))
    return ensemble.surrogate(policy) - 4.0 * epsilon * GAMMA / (1.0 - GAMMA) ** 2 * largest_divergence


def _measured(
    ensemble: Ensemble, policy: Tensor, limit: Tensor, best: Tensor, delta: float
) -> dict[str, Estimate]:
    """What a step gains, and how long it is.

    Args:
        ensemble: the worlds with their old policies.
        policy: `[S, X, A]`, after the step.
        limit: `[S]`, the gain of the surrogate at the exact maximiser.
        best: `[S]`, the gain of J at the best policy.
        delta: δ.
    """
    gains = ensemble.gains(policy)
    lengths = divergence(ensemble.states, ensemble.policies, policy) / delta
    return {
        "surrogate": inference.mean((ensemble.surrogate(policy) / limit).numpy()),
        "divergence": inference.mean(lengths.numpy()),
        "largest divergence": intervals.exactly(lengths.max()),
        "true gain": inference.mean((gains / best).numpy()),
        "share of worlds improved": intervals.share((gains > 0.0).numpy()),
        "share of worlds with a guarantee": intervals.share((_guaranteed(ensemble, policy) > 0.0).numpy()),
    }


def _statements(table: pd.DataFrame, count: int) -> list[Statement]:
    over = f"{count} random worlds"
    return [*_of_the_gain(table, over), *_of_the_region(table, over), *_of_improvement(table, over)]


def _at(table: pd.DataFrame, step: str, quantity: str, delta: float) -> Estimate:
    return intervals.from_row(intervals.pick(table, step=step, quantity=quantity, delta=delta).iloc[0])


def _of_the_gain(table: pd.DataFrame, over: str) -> list[Statement]:
    """The gain of a step, relative to the gain of the exact maximiser."""
    narrow = float(table["delta"].min())
    return [
        statement(
            "In a small trust region the natural gradient gains as much as the exact maximiser",
            KAKADE,
            f"mean ratio of the surrogate’s gains, δ = {narrow:g}, {over}",
            _at(table, NATURAL, "surrogate", narrow),
            "equals",
            1.0,
            0.01,
        ),
        statement(
            "With the same divergence, the plain gradient gains less",
            KAKADE,
            f"mean ratio of the surrogate’s gains, δ = {narrow:g}, {over}",
            _at(table, PLAIN, "surrogate", narrow),
            "below",
            1.0,
        ),
        statement(
            "Damping and few conjugate gradients, as trained, cost part of the gain",
            OURS,
            f"mean ratio of the surrogate’s gains, δ = {USUAL:g}, {over}",
            _at(table, DAMPED, "surrogate", USUAL),
            "below",
            1.0,
        ),
    ]


def _of_the_region(table: pd.DataFrame, over: str) -> list[Statement]:
    """By how much the divergence of a step exceeds δ."""
    quantity = f"largest mean KL over δ, δ from {table['delta'].min():g} to {table['delta'].max():g}, {over}"

    def largest_divergence(step: str) -> Estimate:
        return intervals.exactly(
            intervals.pick(table, step=step, quantity="largest divergence")["estimate"].max()
        )

    return [
        statement(
            "Without a line search a natural step can leave the trust region",
            TRPO,
            quantity,
            largest_divergence(NATURAL),
            "above",
            1.0,
        ),
        statement(
            "With a line search the step never leaves the trust region, by construction",
            TRPO,
            quantity,
            largest_divergence(SEARCHED),
            "below",
            1.0,
            1e-6,
        ),
    ]


def _of_improvement(table: pd.DataFrame, over: str) -> list[Statement]:
    """Whether J rises, and whether the theorem guarantees that it does."""
    improved = _at(table, SEARCHED, "share of worlds improved", USUAL).value
    guaranteed = _at(table, SEARCHED, "share of worlds with a guarantee", USUAL).value
    return [
        statement(
            "With δ = 0.01 and exact advantages, the step with a line search improves J in every world",
            TRPO,
            f"share of {over}",
            intervals.exactly(improved),
            "equals",
            1.0,
        ),
        statement(
            "With δ = 0.01 the theorem guarantees no improvement: its bound is far below the gain",
            TRPO_BOUND,
            f"share of {over} in which the bound is positive",
            intervals.exactly(guaranteed),
            "equals",
            0.0,
        ),
    ]
