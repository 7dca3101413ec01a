"""Natural-gradient and trust-region steps of a block: one conjugate gradient for all its replicas."""

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
from pgbench.training.experience import Batch, Transitions
from pgbench.training.iteration import Statistics
from pgbench.training.learner import Learner, chunks

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
        "predicted_gain": (gradient * step).sum(1),
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
        "predicted_gain": (gradient * step).sum(1),
        "line_search_accepted": accepted.float(),
        "line_search_steps": rejected.float(),
    }


def _full_step(
    solver: ConjugateGradient, delta: float, learner: Learner, batch: Batch, gradient: Tensor
) -> Tensor:
    """The step `[S, P]` along H⁻¹g to the boundary of the quadratic trust region."""
    product = fisher(solver, learner, batch)
    direction = conjugate_gradient(product, gradient, solver.steps, RESIDUAL)
    return full_step(direction, product(direction), delta)


def fisher(solver: ConjugateGradient, learner: Learner, batch: Batch) -> Product:
    """V ↦ (H + damping) v, H the Hessian of the mean KL on a share of the batch, chunk by chunk."""
    every = round(1.0 / solver.fisher_fraction)
    data = batch.transitions
    parts = [data.part(slice(rows.start, rows.stop, every)) for rows in chunks(len(data))]
    total = torch.stack([part.shares.sum(1) for part in parts]).sum(0)

    def of_part(part: Transitions) -> Product:
        shares = part.shares / total.clamp(min=1e-12).unsqueeze(-1)
        return _fisher_of_part(learner, part, shares)

    products = [of_part(part) for part in parts]

    def product(vectors: Tensor) -> Tensor:
        image = solver.damping * vectors
        for each in products:
            image = image + each(vectors)
        return image

    return product


def _fisher_of_part(learner: Learner, part: Transitions, shares: Tensor) -> Product:
    """V ↦ Jᵀ M J v, M the Hessian of Σ shares · KL in the outputs of the network, and J their Jacobian.

    Where the policy is the old one, KL has no slope in the outputs, so that this is all of its Hessian in the
    parameters: the second derivative of the network itself has no part in it (Schraudolph 2002; Martens 2020).
    """
    old = learner.policy.restore(part.old_parameters)
    here = learner.policy_network.linearise(learner.actor.values.detach(), part.observations)
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
    """Surrogate's gain over the old policy, and mean KL(old ‖ trial), `[S]` each."""
    gains, divergences = [], []
    data = batch.transitions
    for rows in chunks(len(data)):
        part = data.part(rows)
        new = learner.distribution(part.observations, trial)
        ratio_gain = importance_ratio(new.log_prob(part.actions), part.old_log_probs, part.advantages)
        gains.append(ratio_gain - part.advantages)
        divergences.append(kl(learner.policy.restore(part.old_parameters), new))
    return average(torch.cat(gains, 1), data.shares), average(torch.cat(divergences, 1), data.shares)


@torch.no_grad()
def _move(learner: Learner, parameters: Tensor, running: Tensor) -> None:
    learner.actor.values[running] = parameters[running]
