"""The price of no baseline off policy: the variance of the actor's gradient with and without one.

The critic of actions is exact, and the gradient of every transition is computed for every action that the policy
could draw, so that nothing is sampled.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals
from pgbench.laboratory.replay_cases import (
    GAMMA,
    STATES,
    STRATA,
    ReplayCase,
    Strata,
    algorithm_of,
    critic_network,
)
from pgbench.laboratory.sources import CIOSEK, KOOL, NOTE, SUTTON
from pgbench.laboratory.statements import MeasurementResult, Relation, Statement, statement
from pgbench.methods.algorithm import Algorithm
from pgbench.studies.catalogue import Size
from pgbench.studies.claims import Source
from pgbench.training import replay_update
from pgbench.training.experience import Rollout
from pgbench.training.replay_memory import Drawn, Purpose

CASE = ReplayCase.tilted(2)
LARGEST = 10.0
"""The largest constant that is added to every reward, whose standard deviation is about 1."""
NOTHING = "nothing subtracted"
SECOND, EXPECTED, EVERY = "another action’s value", "the expected value", "all actions at once"
MEMBERS = {
    NOTHING: "replay",
    SECOND: "replay_second_action",
    EXPECTED: "replay_expected_value",
    EVERY: "replay_all_actions",
}
"""Label → member of the lineage."""
SMALL = 1e-9


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Add constants to every reward, and compute bias and variance of every choice. Nothing is sampled."""
    rows: list[dict[str, Any]] = []
    for offset in np.linspace(0.0, LARGEST, size.points).tolist():
        for label, member in MEMBERS.items():
            found = _gradients(algorithm_of(member), offset)
            target = _exact_gradient(offset)
            quantities = {
                "relative variance": intervals.exactly(_variance(found) / target.square().sum()),
                "relative bias": intervals.exactly((found.mean(0) - target).norm() / target.norm()),
            }
            rows += intervals.tidy({"offset": offset, "subtracted": label}, quantities)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _statements(table))


def draw(table: pd.DataFrame) -> Figure:
    """Draw the variance of each choice against the constant."""
    figure, (axis,) = panels(1, height=4.2)
    lines(axis, intervals.pick(table, quantity="relative variance"), "offset", "subtracted", list(MEMBERS))
    finish(axis, "One transition", "added to every reward", "variance / ‖∇‖²", yscale="log")
    legend(figure, axis, columns=4)
    return figure


# ----------------------------------------------------------------------------------------------------------
# Gradients of single transitions


def _solved(offset: float) -> exact.Discounted:
    """The values of the present policy where a constant is added to every reward."""
    return exact.solve(CASE.world.offset(offset), CASE.policy, GAMMA)


def _gradients(algorithm: Algorithm, offset: float) -> Tensor:
    """The gradient `[R, P]` that the actor climbs, from each state with each pair of equal strata of its draws."""
    states, first, second = torch.cartesian_prod(*(torch.arange(n) for n in (STATES, STRATA, STRATA))).T
    count = len(states)
    places = torch.eye(STATES, dtype=torch.float64)[states].unsqueeze(1)
    never, nothing = torch.zeros(count, 1, dtype=torch.bool), torch.zeros(count, 1, dtype=torch.float64)
    stored = torch.zeros(count, 1, dtype=torch.int64)
    drawn = Drawn(Rollout.one_step(places, stored, nothing, places, never, never), stored)
    middles = {purpose: ((first + 0.5) / STRATA).reshape(-1, 1, 1) for purpose in get_args(Purpose)}
    draws = Strata(middles | {"second": ((second + 0.5) / STRATA).reshape(-1, 1, 1)})
    critic = torch.zeros(count, critic_network(algorithm).width, dtype=torch.float64)
    values = _solved(offset).action_values
    critic[:, : values.numel()] = values.flatten()
    learner = CASE.learner(algorithm, critic)
    part = replay_update.credited(algorithm, learner, drawn, draws)
    return -replay_update.gradient(replay_update.actor_losses(algorithm, learner, part), learner.actor)


def _exact_gradient(offset: float) -> Tensor:
    """Σ_s d(s) Σ_a ∇π(a|s) Q(s, a) `[P]`, where d is uniform, as the buffer’s states are."""
    learner, places = CASE.learner(algorithm_of("replay"), None), torch.eye(STATES).double().unsqueeze(0)
    values = _solved(offset).action_values

    def credited(row: Tensor) -> Tensor:
        policy = learner.distribution(places, row.unsqueeze(0)).parameters[0].exp()
        return (policy * values).sum() / STATES

    return exact.gradient(learner.actor.values.detach()[0], credited)


def _variance(gradients: Tensor) -> Tensor:
    """The trace of the covariance of equally probable gradients `[R, P]`."""
    return (gradients - gradients.mean(0)).square().sum(1).mean()


# ----------------------------------------------------------------------------------------------------------
# Statements


def _statements(table: pd.DataFrame) -> list[Statement]:
    return [*_of_the_bias(table), *_of_the_variance(table)]


def _of_the_bias(table: pd.DataFrame) -> list[Statement]:
    bias = intervals.pick(table, quantity="relative bias")
    return [
        statement(
            f"Off policy, ‘{label}’ leaves the expected gradient as it is",
            SUTTON,
            "largest relative bias on the buffer’s states, by enumeration",
            intervals.exactly(bias.loc[bias["subtracted"] == label, "estimate"].max()),
            "below",
            SMALL,
        )
        for label in MEMBERS
    ]


def _of_the_variance(table: pd.DataFrame) -> list[Statement]:
    variance = intervals.pick(table, quantity="relative variance").set_index("subtracted")
    without, largest = (variance.loc[variance["offset"] == at, "estimate"] for at in (0.0, LARGEST))
    price = without[NOTHING] / without[EXPECTED]
    dearer = largest[NOTHING] / largest[EXPECTED]
    ratios: list[tuple[str, Source, str, float, Relation]] = [
        (
            "Without a baseline, the off-policy actor pays with variance",
            NOTE,
            f"variance with {NOTHING}, over that with {EXPECTED} subtracted",
            price,
            "above",
        ),
        (
            "The price grows with what all actions have in common",
            NOTE,
            f"the same ratio with {LARGEST:g} added to every reward, over the ratio without",
            dearer / price,
            "above",
        ),
        (
            "A second draw of the policy is a baseline, too, which real-valued actions allow",
            KOOL,
            f"variance with {SECOND} subtracted, over that with {NOTHING}, {LARGEST:g} added",
            largest[SECOND] / largest[NOTHING],
            "below",
        ),
        (
            "All actions at once have less variance than any baseline of one action",
            CIOSEK,
            f"variance of {EVERY}, over that with {EXPECTED} subtracted",
            without[EVERY] / without[EXPECTED],
            "below",
        ),
    ]
    return [
        statement(text, source, quantity, intervals.exactly(ratio), relation, 1.0)
        for text, source, quantity, ratio, relation in ratios
    ]
