"""Second-order updates: natural-gradient and trust-region steps, one conjugate gradient for all replicas."""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.functional.moments import average
from pgbench.functional.objectives import importance_ratio
from pgbench.functional.second_order import (
    Product,
    conjugate_gradient,
    fisher_vector_product,
    full_step,
    line_search,
)
from pgbench.methods.components import ConjugateGradient, NaturalGradient, TrustRegion
from pgbench.networks.definition import Outputs
from pgbench.networks.distributions import kl
from pgbench.training.batches import Batch, Transitions
from pgbench.training.experience import chunks
from pgbench.training.iteration import Statistics
from pgbench.training.learner import Learner

RESIDUAL = 1e-10
"""Squared residual at which conjugate gradients stop, as in OpenAI's baselines; the paper has no such bound."""


def natural_step(
    method: NaturalGradient, learner: Learner, batch: Batch, running: Tensor, gradient: Tensor
) -> Statistics:
    """θ ← θ + √(2δ / gᵀH⁻¹g) H⁻¹g for the running replicas (Kakade 2002, as scaled by TRPO)."""
    step = _full_step(method.solver, method.delta, learner, batch, gradient)
    _move(learner, learner.actor.values.detach() + step, running)
    return {
        "gradient_norm": gradient.norm(dim=1),
        "predicted_gain": _predicted_gain(batch, gradient, step),
    }


def searched_step(
    method: TrustRegion, learner: Learner, batch: Batch, running: Tensor, gradient: Tensor
) -> Statistics:
    """The natural step, shortened by a line search on surrogate and KL (Schulman et al. 2015, appendix C)."""
    step = _full_step(method.solver, method.delta, learner, batch, gradient)
    search = method.line_search
    bound = method.delta if search.checks_kl else None
    start = learner.actor.values.detach()
    found, accepted, rejected = line_search(
        start, step, lambda trial: _gain_and_kl(learner, batch, trial), bound, search.ratio, search.backtracks
    )
    _move(learner, found, running)
    return {
        "gradient_norm": gradient.norm(dim=1),
        "predicted_gain": _predicted_gain(batch, gradient, step),
        "line_search_accepted": accepted.float(),
        "line_search_steps": rejected.float(),
    }


def _predicted_gain(batch: Batch, gradient: Tensor, step: Tensor) -> Tensor:
    """The gain `[S]` that the gradient promises, per transition as `surrogate_gain` is.

    The gradient of whole episodes sums over each episode, and would promise its length times as much.
    """
    credit = batch.transitions.credit
    # Running sums, as in `moments.average`, so that idle rows do not change the rounding.
    shares, weights = (column.double().cumsum(1)[:, -1] for column in (credit.shares, credit.weights))
    return (gradient * step).sum(1) * (shares / weights).to(gradient.dtype)


def _full_step(
    solver: ConjugateGradient, delta: float, learner: Learner, batch: Batch, gradient: Tensor
) -> Tensor:
    """The step `[S, P]` along H⁻¹g to the boundary of the quadratic trust region."""
    product = fisher(solver, learner, batch)
    direction = conjugate_gradient(product, gradient, solver.steps, RESIDUAL)
    return full_step(direction, product(direction), delta)


def fisher(solver: ConjugateGradient, learner: Learner, batch: Batch) -> Product:
    """The product v ↦ (H + damping) v, with H the Hessian of the mean KL on a share of the batch."""
    every = round(1.0 / solver.fisher_fraction)
    data = batch.transitions
    parts = [data.part(slice(rows.start, rows.stop, every)) for rows in chunks(len(data))]
    total = torch.stack([part.credit.shares.sum(1) for part in parts]).sum(0)

    def of_part(part: Transitions) -> Product:
        shares = part.credit.shares / total.clamp(min=1e-12).unsqueeze(-1)
        return _fisher_of_part(learner, part, shares)

    products = [of_part(part) for part in parts]

    def product(vectors: Tensor) -> Tensor:
        image = solver.damping * vectors
        for each in products:
            image = image + each(vectors)
        return image

    return product


def _fisher_of_part(learner: Learner, part: Transitions, shares: Tensor) -> Product:
    """The product v ↦ Jᵀ M J v, with M the Hessian of Σ shares · KL in the network's outputs and J their Jacobian.

    At the old policy KL has no slope in the outputs. The second derivative of the network therefore drops out, and
    this is the whole Hessian in the parameters (Schraudolph 2002; Martens 2020).
    """
    old = learner.policy.restore(part.recorded.parameters)
    here = learner.network.linearise(learner.actor.values.detach(), part.recorded.observations)
    shape, count = here.outputs.values.shape, here.outputs.values[0].numel()

    def joined(outputs: Outputs) -> Tensor:
        return torch.cat([each.flatten(1) for each in outputs], 1)

    def parted(rows: Tensor) -> Outputs:
        return Outputs(rows[:, :count].reshape(shape), rows[:, count:].unsqueeze(1))

    def divergence(rows: Tensor) -> Tensor:
        return (shares * kl(old, learner.policy_of(*parted(rows)))).sum(1)

    curvature = fisher_vector_product(divergence, joined(here.outputs))
    return lambda vectors: here.pull(*parted(curvature(joined(here.push(vectors)))))


@torch.no_grad()
def _gain_and_kl(learner: Learner, batch: Batch, trial: Tensor) -> tuple[Tensor, Tensor]:
    """The surrogate's gain over the old policy, and the mean KL(old ‖ trial), `[S]` each."""
    gains, divergences = [], []
    data = batch.transitions
    for rows in chunks(len(data)):
        part = data.part(rows)
        recorded, advantages = part.recorded, part.credit.advantages
        new = learner.distribution(recorded.observations, trial)
        gain = importance_ratio(new.log_prob(recorded.actions), recorded.log_probs, advantages)
        gains.append(gain - advantages)
        divergences.append(kl(learner.policy.restore(part.recorded.parameters), new))
    shares = data.credit.shares
    return average(torch.cat(gains, 1), shares), average(torch.cat(divergences, 1), shares)


@torch.no_grad()
def _move(learner: Learner, parameters: Tensor, running: Tensor) -> None:
    learner.actor.values[running] = parameters[running]
