"""Behaviour cloning of demonstrators of three qualities, with equal weights and with weights by return.

Cloning maximises the mean of w(τ) Σ_t log π(a_t|s_t) over demonstrations. Equal weights copy the demonstrator.
Weights exp(R(τ) / β) copy its better episodes. Both clones have closed forms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.inference import mean
from pgbench.figures.axes import finish, legend, level, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.sources import NOTE, PETERS_SCHAAL
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories, sample_trajectories
from pgbench.studies.catalogue import Size

WORLD = replace(worlds.garnet(states=6, actions=3, branching=3, seed=5, horizon=10), cut=False)
EQUAL, EXPONENTIAL = "equal weights", "weights exp(R / β)"
TEMPERATURE = 2.0
"""β of the samples and statements, in units of the reward, whose standard deviation is about 1."""
MOST = 1000
"""The largest number of demonstrations."""
SMALL = 1e-9


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Clone from all possible demonstrations at many temperatures, and from samples of many sizes."""
    rows: list[dict[str, Any]] = []
    for quality, demonstrator in DEMONSTRATORS.items():
        of_demonstrator = {"quality": quality, "weights": EQUAL}
        for beta in np.geomspace(0.5, 50.0, size.points).tolist():
            settings = {"quality": quality, "weights": EXPONENTIAL, "at": beta}
            value = intervals.exactly(_share(_clone(demonstrator, beta)))
            rows += intervals.tidy(settings, {"return, exact": value})
            value = intervals.exactly(_share(demonstrator))
            rows += intervals.tidy(of_demonstrator | {"at": beta}, {"return, exact": value})
        rows += _sampled_rows(quality, demonstrator, size, rng)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, [*_of_the_clones(), _of_the_gains()])


def draw(table: pd.DataFrame) -> Figure:
    """Draw returns against the temperature and against the number of demonstrations."""
    figure, axes = panels(2, height=4.0, sharey=True)
    labelled = table.assign(line=table["quality"] + ", " + table["weights"])
    labels = [f"{quality}, {weights}" for weights in (EXPONENTIAL, EQUAL) for quality in DEMONSTRATORS]
    columns = {
        "return, exact": ("All demonstrations", "temperature β"),
        "return, sampled": ("Samples", "demonstrations"),
    }
    for axis, (quantity, (title, x)) in zip(axes, columns.items(), strict=True):
        lines(axis, intervals.pick(labelled, quantity=quantity), "at", "line", labels)
        level(axis, 1.0)
        finish(axis, title, x, "", "log")
    axes[0].set_ylabel("return: 0 is the worst policy, 1 the best")
    legend(figure, axes, columns=3)
    return figure


# ----------------------------------------------------------------------------------------------------------
# Demonstrators and clones


def _greedy(sign: float) -> Tensor:
    """The policy `[H, X, A]` of the largest return, or with sign −1 of the smallest, by backward induction."""
    following, policies = torch.zeros(WORLD.states, dtype=torch.float64), []
    for _ in range(WORLD.steps):
        values = exact.backup(WORLD, 1.0, following)
        choice = (sign * values).argmax(-1)
        policies.append(torch.nn.functional.one_hot(choice, WORLD.actions).double())
        following = values.gather(-1, choice.unsqueeze(-1)).squeeze(-1)
    return torch.stack(policies[::-1])


def _objective(policy: Tensor) -> float:
    return float(exact.objective(WORLD, policy, 1.0))


BEST, WORST = _greedy(1.0), _greedy(-1.0)
UNIFORM = torch.full_like(BEST, 1.0 / WORLD.actions)
DEMONSTRATORS = {
    "poor": 0.4 * WORST + 0.6 * UNIFORM,
    "middling": 0.5 * BEST + 0.5 * UNIFORM,
    "perfect": BEST,
}
"""Quality → the demonstrator’s policy `[H, X, A]`."""


def _share(policy: Tensor) -> float:
    """The return of a policy between the worst, 0, and the best, 1."""
    worst, best = _objective(WORST), _objective(BEST)
    return (_objective(policy) - worst) / (best - worst)


def _clone(demonstrator: Tensor, beta: float) -> Tensor:
    """The clone `[H, X, A]` from all demonstrations with weights exp(R / β).

    The past of an action weights all actions of its state alike. So the clone takes an action in proportion to
    μ(a|s) E[exp(Σ_{t'≥t} r_{t'} / β) | s_t, a_t] of the demonstrator μ.
    """
    growth = (WORLD.rewards / beta).exp() * WORLD.transitions
    following, clones = torch.ones(WORLD.states, dtype=torch.float64), []
    for policy in demonstrator.flip(0):
        weights = policy * (growth @ following)
        following = weights.sum(-1)
        clones.append(weights / following.unsqueeze(-1))
    return torch.stack(clones[::-1])


def _clone_of(demonstrations: Trajectories, weights: Tensor) -> Tensor:
    """The clone `[H, X, A]` of a sample with weights `[K]`; uniform in states that no demonstration met."""
    counts = torch.zeros_like(UNIFORM)
    time = torch.arange(WORLD.steps).expand_as(demonstrations.states)
    places = time, demonstrations.states, demonstrations.actions
    counts.index_put_(places, weights.unsqueeze(-1).expand_as(demonstrations.rewards), accumulate=True)
    totals = counts.sum(-1, keepdim=True)
    return torch.where(totals > 0.0, counts / totals, UNIFORM)


def _sampled_rows(
    quality: str, demonstrator: Tensor, size: Size, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rows of the returns of clones of samples, against the number of demonstrations."""
    rows: list[dict[str, Any]] = []
    for count in np.unique(np.geomspace(1, MOST, size.points).round().astype(int)).tolist():
        shares: dict[str, list[float]] = {EQUAL: [], EXPONENTIAL: []}
        for _ in range(max(size.worlds, 5)):
            sample = sample_trajectories(WORLD, demonstrator, count, rng)
            totals = sample.rewards.sum(1)
            shares[EQUAL].append(_share(_clone_of(sample, torch.ones_like(totals))))
            # Weights matter only up to a factor, so the largest is 1 and none is infinite.
            weights = ((totals - totals.max()) / TEMPERATURE).exp()
            shares[EXPONENTIAL].append(_share(_clone_of(sample, weights)))
        for weighting, values in shares.items():
            settings = {"quality": quality, "weights": weighting, "at": float(count)}
            rows += intervals.tidy(settings, {"return, sampled": mean(np.array(values))})
    return rows


# ----------------------------------------------------------------------------------------------------------
# Statements


def _gain(demonstrator: Tensor) -> float:
    """How much more of the range of returns the weighted clone has than its demonstrator."""
    return _share(_clone(demonstrator, TEMPERATURE)) - _share(demonstrator)


def _of_the_clones() -> list[Statement]:
    statements = []
    for quality, demonstrator in DEMONSTRATORS.items():
        copied = _share(_clone(demonstrator, float("inf"))) - _share(demonstrator)
        statements.append(
            statement(
                f"A clone with equal weights is as good as its {quality} demonstrator, and no better",
                NOTE,
                "difference of their returns, in the range from the worst to the best policy",
                intervals.exactly(copied),
                "equals",
                0.0,
                SMALL,
            )
        )
        perfect = demonstrator is BEST
        verb = "cannot surpass" if perfect else "surpasses"
        statements.append(
            statement(
                f"A clone that weights episodes by exp(R / β) {verb} its {quality} demonstrator",
                PETERS_SCHAAL,
                f"the same difference, β = {TEMPERATURE:g}",
                intervals.exactly(_gain(demonstrator)),
                "equals" if perfect else "above",
                0.0 if perfect else 0.05,
                SMALL if perfect else 0.0,
            )
        )
    return statements


def _of_the_gains() -> Statement:
    poor, middling = (_gain(DEMONSTRATORS[quality]) for quality in ("poor", "middling"))
    return statement(
        "The worse the demonstrator, the more its clone gains from the weights",
        NOTE,
        "gain over the poor demonstrator, over the gain over the middling one",
        intervals.exactly(poor / middling),
        "above",
        1.0,
    )
