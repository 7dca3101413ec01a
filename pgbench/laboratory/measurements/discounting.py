"""The two discounts of the policy gradient: one direction is a gradient, the other is that of no function."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis import inference
from pgbench.figures.axes import finish, legend, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.exact import Table
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import NOTA, SUTTON
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.worlds import Process
from pgbench.studies.catalogue import Size

GAMMA = 0.8
"""The discount in the random worlds."""
TRAP_GAMMA = 0.5
"""The discount in the world whose practised direction ends at the worst policy."""
EARLY, LATE = 1.0, 0.8
"""Rewards of that world: of the early choice for action 1, and of the late choice for action 0."""
STEP, STEPS = 5.0, 2000
"""The size and the number of steps of plain ascent in that world."""
DIRECTIONS = {"practised": True, "derived": False}
"""Direction → whether late actions count as much as early ones; the derivation weighs them by γᵗ."""
DISCOUNTED, UNDISCOUNTED, ASYMMETRY = "discounted J", "undiscounted J", "asymmetry of the Jacobian"
SMALL = 1e-9


class Follower(NamedTuple):
    """A direction of ascent, on a world.

    Attributes:
        world: with a horizon.
        table: the policy's probabilities `[H, X, A]` from its parameters `[P]`.
        gamma: the discount of the rewards after an action.
        practised: as in `DIRECTIONS`.
    """

    world: Process
    table: Table
    gamma: float
    practised: bool

    def direction(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Σ_t w_t Σ_s d_t(s) Σ_a ∇π(a|s) Q_t(s, a) `[P]`, and the copy of the parameters by which π is derived.

        d and Q depend on `row` and ∇π on the copy, so a derivative of the direction is the sum of both.
        """
        policy, copy = self.table(row), row.detach().clone().requires_grad_()
        weights = exact.powers(self.world, 1.0 if self.practised else self.gamma)
        visits = exact.occupancy(self.world, policy)
        values = exact.action_values(self.world, policy, self.gamma)
        credited = torch.einsum("t,tx,txa,txa", weights, visits, self.table(copy), values)
        return torch.autograd.grad(credited, copy, create_graph=True)[0], copy

    def asymmetry(self, row: Tensor) -> float:
        """‖J − Jᵀ‖ / ‖J‖ of the direction's Jacobian; it is 0 if the direction is the gradient of a function."""
        point = row.detach().clone().requires_grad_()
        direction, copy = self.direction(point)
        parts = [torch.autograd.grad(entry, (point, copy), retain_graph=True) for entry in direction]
        jacobian = torch.stack([of_point + of_copy for of_point, of_copy in parts])
        return float((jacobian - jacobian.T).norm() / jacobian.norm())

    def ascent(self) -> list[Tensor]:
        """The parameters `[1]` along plain ascent from 0, the first ones included."""
        path = [torch.zeros(1, dtype=torch.float64)]
        for _ in range(STEPS):
            direction, _ = self.direction(path[-1].clone().requires_grad_())
            path.append(path[-1] + STEP * direction.detach())
        return path


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Compute Jacobians on random worlds; then climb in one world along both directions."""
    asymmetries = {label: _asymmetries(practised, size, rng) for label, practised in DIRECTIONS.items()}
    world = _trap()
    paths = {
        label: Follower(world, _one_logit, TRAP_GAMMA, practised).ascent()
        for label, practised in DIRECTIONS.items()
    }
    at = np.unique(np.geomspace(1, STEPS, 2 * size.points).round().astype(int)).tolist()
    rows: list[dict[str, Any]] = []
    for label, path in paths.items():
        settings = {"direction": label, "at": 0.0}
        rows += intervals.tidy(settings, {ASYMMETRY: inference.mean(np.array(asymmetries[label]))})
        for step in at:
            shares = {quantity: _share(world, path[step], gamma) for quantity, gamma in _OBJECTIVES.items()}
            exactly = {quantity: intervals.exactly(value) for quantity, value in shares.items()}
            rows += intervals.tidy({"direction": label, "at": float(step)}, exactly)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, [*_of_the_jacobian(asymmetries), *_of_the_end(table)])


def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel for each objective, along the ascent."""
    figure, axes = panels(2, height=4.0)
    for axis, quantity in zip(axes, _OBJECTIVES, strict=True):
        lines(axis, intervals.pick(table, quantity=quantity), "at", "direction", list(DIRECTIONS))
        finish(axis, quantity.capitalize(), "steps of ascent", "from the worst policy to the best", "log")
    legend(figure, axes, columns=2)
    return figure


def _asymmetries(practised: bool, size: Size, rng: np.random.Generator) -> list[float]:
    result = []
    for seed in range(size.worlds):
        world = worlds.garnet(states=4, actions=2, branching=2, seed=seed, horizon=6)
        actor = Actor(world)
        follower = Follower(world, actor.table, GAMMA, practised)
        result.append(follower.asymmetry(actor.start(int(rng.integers(2**31)))))
    return result


# ----------------------------------------------------------------------------------------------------------
# A world in which the practised direction ends at the worst policy

_OBJECTIVES = {DISCOUNTED: TRAP_GAMMA, UNDISCOUNTED: 1.0}


def _trap() -> Process:
    """An early choice whose reward comes one step later, and a late one whose reward comes at once.

    The early choice is worth more, discounted or not. Its reward is discounted in its action's value; the late
    choice's is not, if late actions count as much as early ones.
    """
    transitions = torch.zeros(6, 2, 6, dtype=torch.float64)
    rewards = torch.zeros_like(transitions)
    for state, successors in enumerate([(1, 2), (3, 3), (3, 3), (4, 4), (5, 5), (5, 5)]):
        transitions[state, [0, 1], list(successors)] = 1.0
    rewards[2, :, 3] = EARLY
    rewards[4, 0, 5] = LATE
    return Process(transitions, rewards, torch.arange(6) == 5, horizon=4)


def _one_logit(row: Tensor) -> Tensor:
    """The probabilities `[4, 6, 2]` of a policy that cannot tell states apart, from one logit `[1]`."""
    first = torch.sigmoid(row)
    return torch.cat([first, 1.0 - first]).expand(4, 6, 2)


def _share(world: Process, row: Tensor, gamma: float) -> float:
    """J of parameters `[1]`, as a share of the way from the worst policy to the best; J is linear in π."""
    ends = torch.tensor([[-800.0], [800.0]], dtype=torch.float64)
    low, high = sorted(float(exact.objective(world, _one_logit(end), gamma)) for end in ends)
    return (float(exact.objective(world, _one_logit(row), gamma)) - low) / (high - low)


# ----------------------------------------------------------------------------------------------------------
# Statements


def _of_the_jacobian(asymmetries: dict[str, list[float]]) -> list[Statement]:
    over = f"{len(asymmetries['derived'])} random worlds, γ = {GAMMA:g}"
    return [
        statement(
            "With γ^t before each action, the direction is the gradient of J: its Jacobian is symmetric",
            SUTTON,
            f"largest asymmetry, {over}",
            intervals.exactly(max(asymmetries["derived"])),
            "below",
            SMALL,
        ),
        statement(
            "Without γ^t, as in practice, the direction is the gradient of no function",
            NOTA,
            f"smallest asymmetry, {over}",
            intervals.exactly(min(asymmetries["practised"])),
            "above",
            1e-4,
        ),
    ]


def _of_the_end(table: pd.DataFrame) -> list[Statement]:
    """Where both directions end, in a world of ours; the paper has another."""

    def end(direction: str, quantity: str) -> float:
        path = intervals.pick(table, direction=direction, quantity=quantity)
        return float(path.sort_values("at")["estimate"].iloc[-1])

    where = f"share of the way from the worst policy to the best after {STEPS} steps"
    return [
        *(
            statement(
                f"In some world the practised direction ends at the worst policy by the {quantity}",
                NOTA,
                where,
                intervals.exactly(end("practised", quantity)),
                "below",
                0.01,
            )
            for quantity in _OBJECTIVES
        ),
        statement(
            f"There the derived direction ends at the best policy by the {DISCOUNTED}",
            SUTTON,
            where,
            intervals.exactly(end("derived", DISCOUNTED)),
            "above",
            0.99,
        ),
    ]
