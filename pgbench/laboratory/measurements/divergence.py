"""The KL divergence near the old policy: its quadratic model, and its Hessian, the Fisher matrix."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis import inference
from pgbench.figures import axes
from pgbench.functional.second_order import fisher_vector_product
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import KAKADE, NOTE, TRPO
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.networks.distributions import Categorical, kl
from pgbench.studies.catalogue import Size

GAMMA = 0.9
POLICIES: dict[str, tuple[int, ...]] = {"softmax table": (), "perceptron": (8,)}
NEAREST, FARTHEST = 1e-3, 1.0
SMALL = 1e-9


class OldPolicy(NamedTuple):
    """An old policy, and the states that it visits.

    Attributes:
        actor: the policy without its parameters.
        row: `[P]`, its parameters.
        states: `[X]`, the discounted distribution of states, which sums to 1.
    """

    actor: Actor
    row: Tensor
    states: Tensor


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Compute divergences along random directions, and the Fisher matrix in two ways."""
    rows: list[dict[str, Any]] = []
    statements: list[Statement] = []
    for name, hidden in POLICIES.items():
        old = _old_policy(hidden)
        fisher = _outer_products(old)
        directions = torch.from_numpy(rng.normal(size=(4 * size.worlds, len(old.row))))
        for length in np.geomspace(NEAREST, FARTHEST, size.points).tolist():
            quantities = {
                quantity: inference.mean(values.numpy())
                for quantity, values in _divergences(old, fisher, length * directions).items()
            }
            rows += intervals.tidy({"policy": name, "length": length}, quantities)
        statements += _of_the_matrix(name, old, fisher)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, statements + _orders(table))


def draw(table: pd.DataFrame) -> Figure:
    """Draw divergences and model of the perceptron, and relative errors of both policies."""
    figure, (left, right) = axes.panels(2, height=3.8)
    of_perceptron = intervals.pick(table, policy="perceptron")
    shown = of_perceptron["quantity"].isin(["KL(old ‖ new)", "KL(new ‖ old)", "quadratic model"])
    axes.lines(left, of_perceptron[shown], "length", "quantity")
    for index, (policy, quantity) in enumerate(product(POLICIES, ("error, old ‖ new", "error, new ‖ old"))):
        points = intervals.pick(table, policy=policy, quantity=quantity)
        axes.lines(right, points.assign(line=f"{quantity}, {policy}"), "length", "line", first=3 + index)
    axes.finish(left, "Divergence of a perceptron", "length of the step", "nats", "log", "log")
    axes.finish(
        right, "Relative error of the model", "length of the step", "|KL − ½ΔᵀFΔ| / ½ΔᵀFΔ", "log", "log"
    )
    axes.legend(figure, [left, right])
    return figure


def _old_policy(hidden: tuple[int, ...]) -> OldPolicy:
    """A policy on a garnet, with hidden layers of these sizes."""
    actor = Actor(worlds.garnet(states=8, actions=3, branching=3, seed=5, horizon=None), hidden)
    row = actor.start(seed=0)
    policy = actor.log_probabilities(row).exp()
    return OldPolicy(actor, row, (1.0 - GAMMA) * exact.solve(actor.world, policy, GAMMA).visits)


def _mean_divergence(old: OldPolicy) -> Callable[[Tensor], Tensor]:
    """The function from parameters `[S, P]` to the mean of KL(old ‖ new) `[S]`, with the KL of training."""
    old_distribution = Categorical(old.actor.log_probabilities(old.row))

    def divergence(parameters: Tensor) -> Tensor:
        distributions = [Categorical(old.actor.log_probabilities(row)) for row in parameters]
        return torch.stack([(old.states * kl(old_distribution, new)).sum() for new in distributions])

    return divergence


def _divergences(old: OldPolicy, fisher: Tensor, steps: Tensor) -> dict[str, Tensor]:
    """Divergences and their quadratic model for steps `[S, P]`, each `[S]`."""
    old_distribution = Categorical(old.actor.log_probabilities(old.row))
    model = 0.5 * torch.einsum("sp,pq,sq->s", steps, fisher, steps)
    from_old, from_new = [], []
    for step in steps:
        new_distribution = Categorical(old.actor.log_probabilities(old.row + step))
        from_old.append((old.states * kl(old_distribution, new_distribution)).sum())
        from_new.append((old.states * kl(new_distribution, old_distribution)).sum())
    old_to_new, new_to_old = torch.stack(from_old), torch.stack(from_new)
    return {
        "KL(old ‖ new)": old_to_new,
        "KL(new ‖ old)": new_to_old,
        "quadratic model": model,
        "error, old ‖ new": (old_to_new - model).abs() / model,
        "error, new ‖ old": (new_to_old - model).abs() / model,
    }


def _outer_products(old: OldPolicy) -> Tensor:
    """F = E[∇log π ∇log πᵀ] `[P, P]` by its definition, over all states and actions."""
    point = old.row.clone().requires_grad_()
    log_probabilities = old.actor.log_probabilities(point)
    weights = (old.states.unsqueeze(-1) * log_probabilities.exp()).detach().flatten()
    scores = torch.stack(
        [torch.autograd.grad(one, point, retain_graph=True)[0] for one in log_probabilities.flatten()]
    )
    return torch.einsum("n,np,nq->pq", weights, scores, scores)


# ----------------------------------------------------------------------------------------------------------
# Statements


def _of_the_matrix(name: str, old: OldPolicy, fisher: Tensor) -> list[Statement]:
    """The derivatives of the KL divergence at the old policy; `fisher` is the matrix by its definition."""
    divergence = _mean_divergence(old)
    fisher_times = fisher_vector_product(divergence, old.row.unsqueeze(0))
    hessian = torch.cat([fisher_times(column.unsqueeze(0)) for column in torch.eye(len(old.row)).double()])
    largest = fisher.abs().max()
    gradient = exact.gradient(old.row, lambda point: divergence(point.unsqueeze(0))[0])
    return [
        statement(
            f"The Hessian of the KL divergence at the old policy is the Fisher matrix ({name})",
            KAKADE,
            "largest difference between their entries over the largest entry; training’s product with unit vectors",
            intervals.exactly((hessian - fisher).abs().max() / largest),
            "below",
            SMALL,
        ),
        statement(
            f"The KL divergence has no gradient at the old policy ({name})",
            NOTE,
            "length of the gradient",
            intervals.exactly(gradient.norm()),
            "below",
            SMALL,
        ),
    ]


def _orders(table: pd.DataFrame) -> list[Statement]:
    """Orders of the divergence and of the model's errors in the length of the step, for short steps."""
    relative_error = "The relative error of the quadratic model is of first order in the step"
    said = (
        ("The KL divergence is quadratic in the step", "KL(old ‖ new)", 2.0, TRPO),
        (f"{relative_error} (old ‖ new)", "error, old ‖ new", 1.0, NOTE),
        (f"{relative_error} (new ‖ old)", "error, new ‖ old", 1.0, NOTE),
    )
    statements = []
    for policy, (text, quantity, expected, source) in product(POLICIES, said):
        points = intervals.pick(table, policy=policy, quantity=quantity)
        order = intervals.order(points[points["length"] <= 0.05], "length")
        words = f"{text}, {policy}"
        statements.append(statement(words, source, "order in the length", order, "equals", expected, 0.1))
    return statements
