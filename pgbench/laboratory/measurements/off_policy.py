"""Fixed points of the off-policy critics, and the gradients that their actors follow, without sampling error.

The buffer holds every transition as often as its probability says, all probabilities being multiples of 1/8. The
draws of the present policy go through them stratum by stratum, so that a minibatch of everything is an expectation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.environments import Discrete
from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals
from pgbench.laboratory.sources import NOTE
from pgbench.laboratory.statements import MeasurementResult, Relation, Statement, statement
from pgbench.laboratory.worlds import Process
from pgbench.methods import lineage, paths
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Policy
from pgbench.networks.perceptron import Perceptron
from pgbench.studies.catalogue import Size
from pgbench.training import replay_update
from pgbench.training.experience import Rollout
from pgbench.training.learner import ActionCritic, Learner, StateCritic
from pgbench.training.meaning.critics import values as values_of
from pgbench.training.parameters import Parameters
from pgbench.training.replay_memory import Drawn, Purpose, ReplayDraws

GAMMA = 0.8
STATES, ACTIONS, STRATA = 4, 2, 8
TILTS = (0, 1, 2, 3)
"""How much likelier, in eighths, the present policy makes one action of each state than the buffer's policy."""
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


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Every variant at every distance of the policies, on one world; nothing is sampled."""
    rows: list[dict[str, Any]] = []
    for tilt in TILTS:
        case = Case.tilted(tilt)
        for name, label in VARIANTS.items():
            quantities = {key: intervals.exactly(value) for key, value in _measured(name, case).items()}
            settings = {"tilt": tilt / STRATA, "variant": name, "label": label}
            rows += intervals.tidy(settings, quantities)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _statements(table))


def draw(table: pd.DataFrame) -> Figure:
    """Distances of the critics' fixed points, and the actors' errors, against the tilt."""
    figure, axes = panels(3, height=4.0)
    critics = table[table["variant"].isin(list(CRITICS))].assign(
        critic=lambda rows: rows["variant"].map(CRITICS)
    )
    shown = (("to the present policy", "from the present"), ("to the buffer’s policy", "from the buffer’s"))
    for axis, (quantity, title) in zip(axes, shown, strict=False):
        lines(axis, intervals.pick(critics, quantity=quantity), "tilt", "critic")
        finish(axis, f"Critics, distance {title}", "tilt of the policy", "distance / spread of the values")
    actors = intervals.pick(table, quantity="error of the actor")
    lines(axes[2], actors, "tilt", "label", first=len(CRITICS))
    finish(axes[2], "Actors", "tilt of the policy", "relative error of the gradient")
    for axis in axes:
        axis.set_xticks([tilt / STRATA for tilt in TILTS])
    legend(figure, axes, columns=3)
    return figure


# ----------------------------------------------------------------------------------------------------------
# A buffer without sampling error


class Strata(ReplayDraws):
    """Draws of the present policy that go through its distribution instead of falling at random.

    Args:
        noise: `[B, 1]` of each purpose.
    """

    def __init__(self, noise: Mapping[Purpose, Tensor]) -> None:
        self._noise = noise

    def actions(self, purpose: Purpose, learner: Learner, observations: Tensor) -> Tensor:
        """Actions `[S, B]`, the same for every replica with the same policy."""
        noise = self._noise[purpose].expand(len(observations), -1, -1)
        return learner.act()(observations, noise)


@dataclass(frozen=True)
class Case:
    """A world, the policy that filled the buffer, and the present one.

    Attributes:
        world: four states, two actions, no horizon.
        behaviour: `[X, A]`.
        policy: `[X, A]`.
    """

    world: Process
    behaviour: Tensor
    policy: Tensor

    @classmethod
    def tilted(cls, tilt: int) -> Case:
        """The present policy prefers an action of each state, in turn, by so many eighths."""
        generator = np.random.default_rng(4)
        counts = generator.multinomial(4, np.full(STATES, 1.0 / STATES), size=(STATES, ACTIONS))
        rewards = torch.from_numpy(generator.normal(size=(STATES, ACTIONS, STATES)))
        nowhere = torch.zeros(STATES, dtype=torch.bool)
        world = Process(torch.from_numpy(counts / 4.0), rewards, nowhere, horizon=None)
        behaviour = torch.full((STATES, ACTIONS), 0.5, dtype=torch.float64)
        signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(STATES // 2, 1).double()
        return cls(world, behaviour, behaviour + tilt / STRATA * signs)

    def everything(self, replicas: int) -> tuple[Drawn, Strata]:
        """Every transition as often as its probability says, and the strata of the policy's draws."""
        sizes = (STATES, ACTIONS, 4, ACTIONS, STRATA, STRATA)
        states, actions, ways, following, target, actor = torch.cartesian_prod(
            *(torch.arange(size) for size in sizes)
        ).T
        # The k-th quarter of the next state's distribution, and the halves of the behaviour's.
        cumulative = self.world.transitions.cumsum(-1)[states, actions]
        next_states = ((ways.unsqueeze(-1) + 0.5) / 4.0 > cumulative[:, :-1]).sum(-1)
        one_hot = torch.eye(STATES, dtype=torch.float64)
        shape = (replicas, len(states))
        never = torch.zeros(shape, dtype=torch.bool)
        rollout = Rollout.one_step(
            observations=one_hot[states].expand(*shape, STATES),
            actions=actions.expand(shape),
            rewards=self.world.rewards[states, actions, next_states].expand(shape),
            next_observations=one_hot[next_states].expand(*shape, STATES),
            terminated=never,
            truncated=never,
        )
        drawn = dict(zip(get_args(Purpose), (actor, actor, target, actor), strict=True))
        noise = {purpose: ((stratum + 0.5) / STRATA).unsqueeze(-1) for purpose, stratum in drawn.items()}
        return Drawn(rollout, following.expand(shape)), Strata(noise)

    def learner(self, algorithm: Algorithm, critics: Tensor | None) -> Learner:
        """Replicas of the present policy with tables as critics; none: one replica whose critic says 0.

        Args:
            algorithm: says whether the critic knows actions.
            critics: `[S, P]`.
        """
        policy = Policy(Discrete(ACTIONS))
        network = Perceptron((STATES, ACTIONS), "tanh")
        row = torch.zeros(network.width, dtype=torch.float64)
        row[: self.policy.numel()] = self.policy.log().flatten()
        values = critic_network(algorithm)
        rows = torch.zeros(1, values.width).double() if critics is None else critics
        actor, table = Parameters.start(row.repeat(len(rows), 1)), Parameters.start(rows)
        of_actions = values_of(algorithm.baseline) == "actions"
        critic = ActionCritic(values, table, policy) if of_actions else StateCritic(values, table)
        return Learner(policy, network, actor, critic, torch.zeros(len(rows), dtype=torch.float64))


def critic_network(algorithm: Algorithm) -> Perceptron:
    """A table of V(s), or of Q(s, a), on one-hot observations."""
    return Perceptron((STATES, ACTIONS if values_of(algorithm.baseline) == "actions" else 1), "tanh")


# ----------------------------------------------------------------------------------------------------------
# Critics and actors


def _algorithm(name: str) -> Algorithm:
    return paths.with_values(lineage.LINEAGE[name].algorithm, {"gamma": GAMMA, "networks.hidden": ()})


def fixed_point(algorithm: Algorithm, case: Case) -> Tensor:
    """The critic's parameters `[P]` at which its expected step vanishes.

    The expected step is affine in a table's entries, so the steps of P + 1 replicas, one at 0 and one at each unit
    vector, give it whole. A linear system gives its zero; a critic's table and its bias say the same twice, and of
    the solutions the shortest is taken.
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
    """What one replica's critic says of every state and action, `[X, A]`; V for every action alike."""
    states = torch.eye(STATES, dtype=torch.float64).repeat_interleave(ACTIONS, 0).unsqueeze(0)
    actions = torch.arange(ACTIONS).repeat(STATES).unsqueeze(0)
    with torch.no_grad():
        return replay_update.critic_values(learner, states, actions).reshape(STATES, ACTIONS)


def _actor_gradient(algorithm: Algorithm, case: Case, critic: Tensor) -> Tensor:
    """The expected ascent direction `[P]` of the actor, with the critic at its fixed point."""
    learner = case.learner(algorithm, critic.unsqueeze(0))
    part = replay_update.credited(algorithm, learner, *case.everything(1))
    return -replay_update.gradient(replay_update.actor_losses(algorithm, learner, part), learner.actor)[0]


def _gradient_with(case: Case, states: Tensor, values: Tensor) -> Tensor:
    """Σ_s w(s) Σ_a ∇π(a|s) Q(s,a) for a softmax of a table, in the layout of training's parameters."""
    learner = case.learner(_algorithm("replay"), None)
    point = learner.actor.values.detach()[0]
    places = torch.eye(STATES, dtype=torch.float64).unsqueeze(0)

    def credited(row: Tensor) -> Tensor:
        policy = learner.distribution(places, row.unsqueeze(0)).parameters[0].exp()
        return (states.unsqueeze(-1) * policy * values).sum()

    return exact.gradient(point, credited)


def _measured(name: str, case: Case) -> dict[str, float]:
    algorithm = _algorithm(name)
    present, buffer = (exact.solve(case.world, table, GAMMA) for table in (case.policy, case.behaviour))
    critic = fixed_point(algorithm, case)
    found = _values(case.learner(algorithm, critic.unsqueeze(0)))
    of_actions = values_of(algorithm.baseline) == "actions"

    def distance(known: exact.Discounted) -> float:
        truth = known.action_values if of_actions else known.values.unsqueeze(-1).expand_as(found)
        return float((found - truth).square().mean().sqrt() / present.action_values.std())

    gradient = _actor_gradient(algorithm, case, critic)
    states = torch.full((STATES,), 1.0 / STATES, dtype=torch.float64)
    with_the_buffers_states = _gradient_with(case, states, present.action_values)
    truth = _gradient_with(case, present.visits, present.action_values)
    return {
        "to the present policy": distance(present),
        "to the buffer’s policy": distance(buffer),
        "error of the actor": float(
            (gradient - with_the_buffers_states).norm() / with_the_buffers_states.norm()
        ),
        "cosine to ∇J": float(torch.cosine_similarity(gradient, truth, dim=0)),
    }


def _statements(table: pd.DataFrame) -> list[Statement]:
    farthest = intervals.pick(table, tilt=max(TILTS) / STRATA)
    quantity = f"policies {max(TILTS)}/8 apart, in expectation"

    def says(text: str, name: str, what: str, relation: Relation, bound: float) -> Statement:
        value = intervals.pick(farthest, variant=name, quantity=what)["estimate"].item()
        return statement(text, NOTE, f"{what}; {quantity}", intervals.exactly(value), relation, bound)

    present, buffer, actor = "to the present policy", "to the buffer’s policy", "error of the actor"
    wrong = (
        "replay_naive",
        "replay_q",
        "replay_unrepaired",
        "replay_critic_repaired",
        "replay_actor_repaired",
    )
    return [
        says("The naive V learns the value of the buffer’s policy", "replay_naive", buffer, "below", SMALL),
        says(
            "The naive V does not learn the value of the present policy",
            "replay_naive",
            present,
            "above",
            0.01,
        ),
        says("Q with the buffer’s a′ learns the buffer’s Q", "replay_unrepaired", buffer, "below", SMALL),
        says("Q with a′ of the present policy learns the present Q", "replay", present, "below", SMALL),
        says(
            "With both repairs the actor follows the gradient with the buffer’s states",
            "replay",
            actor,
            "below",
            SMALL,
        ),
        *(
            says(f"The actor of ‘{VARIANTS[name]}’ does not follow the gradient", name, actor, "above", 0.01)
            for name in wrong
        ),
        says(
            "Even with both repairs the states are wrong: the direction is not that of ∇J",
            "replay",
            "cosine to ∇J",
            "below",
            0.999,
        ),
    ]
