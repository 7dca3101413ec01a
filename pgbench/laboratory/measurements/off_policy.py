"""Fixed points of the off-policy critics, and the gradients that their actors follow, without sampling error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals
from pgbench.laboratory.replay_cases import (
    ACTIONS,
    GAMMA,
    STATES,
    STRATA,
    ReplayCase,
    algorithm_of,
    critic_network,
)
from pgbench.laboratory.sources import IMANI, NOTE
from pgbench.laboratory.statements import MeasurementResult, Relation, Statement, statement
from pgbench.methods.algorithm import Algorithm
from pgbench.studies.catalogue import Size
from pgbench.training import replay_update
from pgbench.training.learner import Learner
from pgbench.training.meaning.baselines import critic_of

TILTS = (0, 1, 2, 3)
"""In each state, how much likelier the present policy takes one action than the buffer's policy, in eighths."""
SMALL = 1e-6
VARIANTS = {
    "replay_naive": "naive V",
    "replay_q": "Q, its error credited",
    "replay_unrepaired": "Q, nothing repaired",
    "replay_critic_repaired": "Q, critic repaired",
    "replay_actor_repaired": "Q, actor repaired",
    "replay": "Q, both repaired",
}
CRITICS = {"replay_naive": "V", "replay_unrepaired": "Q, the buffer’s a′", "replay": "Q, a′ of the policy"}
QUANTITIES = {
    "to the present policy": "distance to the values of the present policy",
    "to the buffer’s policy": "distance to the values of the buffer’s policy",
    "error of the actor": "error of the actor’s gradient",
    "cosine to ∇J": "cosine of the gradient and ∇J",
}
"""Quantities of the table, in the words of the statements."""


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Evaluate every variant at every distance of the policies, on one world. Nothing is sampled."""
    rows: list[dict[str, Any]] = []
    for tilt in TILTS:
        case = ReplayCase.tilted(tilt)
        for name, label in VARIANTS.items():
            quantities = {
                quantity: intervals.exactly(value) for quantity, value in _measured(name, case).items()
            }
            settings = {"tilt": tilt / STRATA, "variant": name, "label": label}
            rows += intervals.tidy(settings, quantities)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _statements(table))


def draw(table: pd.DataFrame) -> Figure:
    """Draw distances of the critics' fixed points, and errors of the actors, against the tilt."""
    figure, axes = panels(3, height=4.0)
    critics = table[table["variant"].isin(list(CRITICS))].assign(
        critic=lambda rows: rows["variant"].map(CRITICS)
    )
    for axis, policy in zip(axes[:2], ("present policy", "buffer’s policy"), strict=True):
        lines(axis, intervals.pick(critics, quantity=f"to the {policy}"), "tilt", "critic")
        title = f"Critics, distance to the {policy}"
        finish(axis, title, "tilt of the policy", "distance / spread of the values")
    actors = intervals.pick(table, quantity="error of the actor")
    lines(axes[2], actors, "tilt", "label", first=len(CRITICS))
    finish(axes[2], "Actors", "tilt of the policy", "relative error of the gradient")
    for axis in axes:
        axis.set_xticks([tilt / STRATA for tilt in TILTS])
    legend(figure, axes, columns=3)
    return figure


# ----------------------------------------------------------------------------------------------------------
# Critics and actors


def fixed_point(algorithm: Algorithm, case: ReplayCase) -> Tensor:
    """The parameters `[P]` of the critic at which its expected step is 0.

    The expected step is affine in the entries of a table. The steps of P + 1 replicas, one at 0 and one at each
    unit vector, therefore determine it, and a linear system gives its zero. The table and the bias of a critic
    are redundant, so there are many solutions; the shortest one is taken.
    """
    width = critic_network(algorithm).width
    points = torch.cat([torch.zeros(1, width), torch.eye(width)]).double()
    learner = case.learner(algorithm, points)
    losses = replay_update.critic_losses(algorithm, learner, *case.everything(len(points)))
    steps = replay_update.gradient(losses, *learner.critic_parts)
    matrix = (steps[1:] - steps[0]).T
    solution: Tensor = torch.linalg.lstsq(matrix, -steps[0], driver="gelsd").solution
    return solution


def _values(learner: Learner) -> Tensor:
    """The values of one replica's critic for every state and action, `[X, A]`. V is the same for all actions."""
    states = torch.eye(STATES, dtype=torch.float64).repeat_interleave(ACTIONS, 0).unsqueeze(0)
    actions = torch.arange(ACTIONS).repeat(STATES).unsqueeze(0)
    with torch.no_grad():
        return replay_update.critic_values(learner, states, actions).reshape(STATES, ACTIONS)


def _actor_gradient(algorithm: Algorithm, case: ReplayCase, critic: Tensor) -> Tensor:
    """The expected gradient `[P]` that the actor climbs, with these parameters `[P]` of the critic."""
    learner = case.learner(algorithm, critic.unsqueeze(0))
    part = replay_update.credited(algorithm, learner, *case.everything(1))
    return -replay_update.gradient(replay_update.actor_losses(algorithm, learner, part), learner.actor)[0]


def _gradient_with(case: ReplayCase, states: Tensor, values: Tensor) -> Tensor:
    """Σ_s w(s) Σ_a ∇π(a|s) Q(s,a) `[P]` of the present policy.

    Args:
        case: the present policy.
        states: w `[X]`.
        values: Q `[X, A]`.
    """
    learner = case.learner(algorithm_of("replay"), None)
    point = learner.actor.values.detach()[0]
    places = torch.eye(STATES, dtype=torch.float64).unsqueeze(0)

    def credited(row: Tensor) -> Tensor:
        policy = learner.distribution(places, row.unsqueeze(0)).parameters[0].exp()
        return (states.unsqueeze(-1) * policy * values).sum()

    return exact.gradient(point, credited)


def _measured(variant: str, case: ReplayCase) -> dict[str, float]:
    """Distances of the critic's fixed point, and errors of the actor."""
    algorithm = algorithm_of(variant)
    present, buffer = (exact.solve(case.world, table, GAMMA) for table in (case.policy, case.behaviour))
    critic = fixed_point(algorithm, case)
    learned = _values(case.learner(algorithm, critic.unsqueeze(0)))
    of_actions = critic_of(algorithm.baseline) == "actions"

    def distance(policy: exact.Discounted) -> float:
        values = policy.action_values if of_actions else policy.values.unsqueeze(-1).expand_as(learned)
        return float((learned - values).square().mean().sqrt() / present.action_values.std())

    gradient = _actor_gradient(algorithm, case, critic)
    states = torch.full((STATES,), 1.0 / STATES, dtype=torch.float64)
    on_buffer_states = _gradient_with(case, states, present.action_values)
    exact_gradient = _gradient_with(case, present.visits, present.action_values)
    return {
        "to the present policy": distance(present),
        "to the buffer’s policy": distance(buffer),
        "error of the actor": float((gradient - on_buffer_states).norm() / on_buffer_states.norm()),
        "cosine to ∇J": float(torch.cosine_similarity(gradient, exact_gradient, dim=0)),
    }


# ----------------------------------------------------------------------------------------------------------
# Statements


def _statements(table: pd.DataFrame) -> list[Statement]:
    """Statements at the largest distance between the policies."""
    farthest = intervals.pick(table, tilt=max(TILTS) / STRATA)
    return [*_of_the_critics(farthest), *_of_the_actors(farthest)]


def _of_the_critics(farthest: pd.DataFrame) -> list[Statement]:
    present, buffer = "to the present policy", "to the buffer’s policy"
    return [
        _statement(
            farthest,
            "The naive V learns the values of the buffer’s policy",
            "replay_naive",
            buffer,
            "below",
            SMALL,
        ),
        _statement(
            farthest,
            "The naive V does not learn the values of the present policy",
            "replay_naive",
            present,
            "above",
            0.01,
        ),
        _statement(
            farthest,
            "Q with the buffer’s a′ learns the values of the buffer’s policy",
            "replay_unrepaired",
            buffer,
            "below",
            SMALL,
        ),
        _statement(
            farthest,
            "Q with a′ of the present policy learns the values of the present policy",
            "replay",
            present,
            "below",
            SMALL,
        ),
    ]


def _of_the_actors(farthest: pd.DataFrame) -> list[Statement]:
    error = "error of the actor"
    repaired = "With both repairs the actor follows the gradient on the buffer’s states"
    direction = (
        "Even with both repairs the gradient does not have the direction of ∇J: the states are the buffer’s"
    )
    return [
        _statement(farthest, repaired, "replay", error, "below", SMALL),
        *(
            _statement(
                farthest, f"The actor of ‘{label}’ does not follow the gradient", name, error, "above", 0.01
            )
            for name, label in VARIANTS.items()
            if name != "replay"
        ),
        replace(_statement(farthest, direction, "replay", "cosine to ∇J", "below", 0.999), source=IMANI),
    ]


def _statement(
    farthest: pd.DataFrame, text: str, variant: str, quantity: str, relation: Relation, bound: float
) -> Statement:
    """A statement about one quantity of a variant."""
    value = intervals.pick(farthest, variant=variant, quantity=quantity)["estimate"].item()
    words = f"{QUANTITIES[quantity]}; policies {max(TILTS)}/8 apart, in expectation"
    return statement(text, NOTE, words, intervals.exactly(value), relation, bound)
