"""The KL divergence near the old policy: its quadratic model, and the Fisher matrix as its Hessian."""

from __future__ import annotations

from collections.abc import Callable
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


class Ground(NamedTuple):
    """An old policy and where it goes.

    Attributes:
        actor: the policy.
        old: `[P]`.
        states: `[X]`, the discounted distribution of states, which sums to 1.
    """

    actor: Actor
    old: Tensor
    states: Tensor


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Divergences along random directions, and two ways to the Fisher matrix."""
    rows: list[dict[str, Any]] = []
    statements: list[Statement] = []
    for name, hidden in POLICIES.items():
        ground = _ground(hidden)
        fisher = _outer_products(ground)
        directions = torch.from_numpy(rng.normal(size=(4 * size.worlds, len(ground.old))))
        for length in np.geomspace(NEAREST, FARTHEST, size.points).tolist():
            quantities = {
                quantity: inference.mean(values.numpy())
                for quantity, values in _along(ground, fisher, length * directions).items()
            }
            rows += intervals.tidy({"policy": name, "length": length}, quantities)
        statements += _of_the_matrix(name, ground, fisher)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, statements + _orders(table))


def draw(table: pd.DataFrame) -> Figure:
    """Divergences and model of the perceptron; relative errors of both policies."""
    figure, (left, right) = axes.panels(2, height=3.8)
    own = intervals.pick(table, policy="perceptron")
    divergences = own[own["quantity"].isin(["KL(old ‖ new)", "KL(new ‖ old)", "quadratic model"])]
    axes.lines(left, divergences, "length", "quantity")
    for index, (policy, quantity) in enumerate(
        (policy, quantity) for policy in POLICIES for quantity in ("error, old ‖ new", "error, new ‖ old")
    ):
        part = intervals.pick(table, policy=policy, quantity=quantity).assign(line=f"{quantity}, {policy}")
        axes.lines(right, part, "length", "line", first=3 + index)
    axes.finish(left, "Divergence of a perceptron", "length of the step", "nats", "log", "log")
    axes.finish(
        right, "Relative error of the model", "length of the step", "|KL − ½ΔᵀFΔ| / ½ΔᵀFΔ", "log", "log"
    )
    axes.legend(figure, [left, right])
    return figure


def _ground(hidden: tuple[int, ...]) -> Ground:
    actor = Actor(worlds.garnet(states=8, actions=3, branching=3, seed=5, horizon=None), hidden)
    old = actor.start(seed=0)
    policy = actor.log_probabilities(old).exp()
    return Ground(actor, old, (1.0 - GAMMA) * exact.solve(actor.world, policy, GAMMA).visits)


def _mean_divergence(ground: Ground) -> Callable[[Tensor], Tensor]:
    """Parameters `[S, P]` to mean KL(old ‖ new) `[S]`, as training computes it."""
    old = Categorical(ground.actor.log_probabilities(ground.old))

    def divergence(parameters: Tensor) -> Tensor:
        new = [Categorical(ground.actor.log_probabilities(row)) for row in parameters]
        return torch.stack([(ground.states * kl(old, each)).sum() for each in new])

    return divergence


def _along(ground: Ground, fisher: Tensor, steps: Tensor) -> dict[str, Tensor]:
    """Divergences and their model for steps `[S, P]`, each `[S]`."""
    old = Categorical(ground.actor.log_probabilities(ground.old))
    model = 0.5 * torch.einsum("sp,pq,sq->s", steps, fisher, steps)
    forward, backward = [], []
    for step in steps:
        new = Categorical(ground.actor.log_probabilities(ground.old + step))
        forward.append((ground.states * kl(old, new)).sum())
        backward.append((ground.states * kl(new, old)).sum())
    there, back = torch.stack(forward), torch.stack(backward)
    return {
        "KL(old ‖ new)": there,
        "KL(new ‖ old)": back,
        "quadratic model": model,
        "error, old ‖ new": (there - model).abs() / model,
        "error, new ‖ old": (back - model).abs() / model,
    }


def _outer_products(ground: Ground) -> Tensor:
    """F = E[∇log π ∇log πᵀ] `[P, P]` by its definition, over all states and actions."""
    point = ground.old.clone().requires_grad_()
    log_probabilities = ground.actor.log_probabilities(point)
    weights = (ground.states.unsqueeze(-1) * log_probabilities.exp()).detach().flatten()
    scores = torch.stack(
        [torch.autograd.grad(each, point, retain_graph=True)[0] for each in log_probabilities.flatten()]
    )
    return torch.einsum("n,np,nq->pq", weights, scores, scores)


# ----------------------------------------------------------------------------------------------------------
# Statements


def _of_the_matrix(name: str, ground: Ground, fisher: Tensor) -> list[Statement]:
    divergence = _mean_divergence(ground)
    row = ground.old.unsqueeze(0)
    product = fisher_vector_product(divergence, row)
    products = torch.cat([product(column.unsqueeze(0)) for column in torch.eye(len(ground.old)).double()])
    largest = fisher.abs().max()
    gradient = exact.gradient(ground.old, lambda point: divergence(point.unsqueeze(0))[0])
    return [
        statement(
            f"The Hessian of the KL divergence at the old policy is the Fisher matrix ({name})",
            KAKADE,
            "largest difference of an entry over the largest entry; training’s product with unit vectors",
            intervals.exactly((products - fisher).abs().max() / largest),
            "below",
            SMALL,
        ),
        statement(
            f"The KL divergence has no gradient at the old policy ({name})",
            NOTE,
            "length of its gradient",
            intervals.exactly(gradient.norm()),
            "below",
            SMALL,
        ),
    ]


def _orders(table: pd.DataFrame) -> list[Statement]:
    result = []
    for policy in POLICIES:
        for quantity, expected, source in (
            ("KL(old ‖ new)", 2.0, TRPO),
            ("error, old ‖ new", 1.0, NOTE),
            ("error, new ‖ old", 1.0, NOTE),
        ):
            own = intervals.pick(table, policy=policy, quantity=quantity)
            near = own[own["length"] <= 0.05]
            x, y = (np.log(near[column].to_numpy(float)) for column in ("length", "estimate"))
            what = (
                "The KL divergence is quadratic in the step"
                if expected == 2.0
                else f"Its quadratic model is wrong to first order of the step, relatively ({quantity[7:]})"
            )
            order = intervals.slope(x, y)
            text = f"{what}, {policy}"
            result.append(statement(text, source, "order in the length", order, "equals", expected, 0.1))
    return result
