"""Second-order updates: natural-gradient and trust-region steps, one conjugate gradient for all replicas."""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.functional.moments import average
from pgbench.functional.objectives import importance_ratio
from pgbench.functional.second_order import (
    Product,
    SearchBounds,
    conjugate_gradient,
    fisher_vector_product,
    full_step,
    line_search,
)
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.components import ConjugateGradient, NaturalAscent, NaturalGradient, TrustRegion
from pgbench.networks.definition import Outputs
from pgbench.networks.distributions import kl
from pgbench.training.batches import Batch, Transitions
from pgbench.training.experience import chunks
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner
from pgbench.training.meaning.details import with_entropy_gain

RESIDUAL = 1e-10
"""The share of ‖g‖² that conjugate gradients leave. OpenAI's baselines stop at this ‖r‖² itself, so that their step
depends on the unit of rewards; the paper has no such bound."""


def multiplied_step(
    method: NaturalAscent, learner: Learner, batch: Batch, moment: Moment, gradient: Tensor
) -> Statistics:
    """θ ← θ + α H⁻¹g for the running replicas (Kakade 2002)."""
    product = fisher(method.solver, learner, batch)
    step = method.multiplier * conjugate_gradient(product, gradient, method.solver.steps, RESIDUAL)
    _move(learner, learner.actor.values.detach() + step, moment.running)
    return _of_step(batch, gradient, step)


def natural_step(
    method: NaturalGradient, learner: Learner, batch: Batch, moment: Moment, gradient: Tensor
) -> Statistics:
    """θ ← θ + √(2δ / gᵀH⁻¹g) H⁻¹g for the running replicas (Kakade 2002, as scaled by TRPO)."""
    step = _full_step(method.solver, _delta(method, moment), learner, batch, gradient)
    _move(learner, learner.actor.values.detach() + step, moment.running)
    return _of_step(batch, gradient, step)


def searched_step(
    algorithm: Algorithm,
    method: TrustRegion,
    learner: Learner,
    batch: Batch,
    moment: Moment,
    gradient: Tensor,
) -> Statistics:
    """The natural step, shortened by a line search on objective and KL (Schulman et al. 2015, appendix C)."""
    search, delta = method.line_search, _delta(method, moment)
    step = _full_step(method.solver, delta, learner, batch, gradient)
    statistics = _of_step(batch, gradient, step)
    bounds = SearchBounds(
        None if search.least_gain is None else search.least_gain * statistics["predicted_gain"],
        None if search.largest_kl is None else search.largest_kl * delta,
    )

    def objective(trial: Tensor) -> tuple[Tensor, Tensor]:
        return _gain_and_kl(algorithm, learner, batch, trial)

    start = learner.actor.values.detach()
    found, accepted, rejected = line_search(start, step, objective, bounds, search.ratio, search.backtracks)
    _move(learner, found, moment.running)
    return {
        **statistics,
        "line_search_accepted": accepted.float(),
        "line_search_steps": rejected.float(),
    }


def _delta(method: NaturalGradient | TrustRegion, moment: Moment) -> Tensor:
    """δ of this update, `[S]`."""
    final = method.delta if method.final_delta is None else method.final_delta
    return final + (method.delta - final) * moment.remaining


def _of_step(batch: Batch, gradient: Tensor, step: Tensor) -> Statistics:
    """What every second-order step says of itself."""
    return {
        "gradient_norm": gradient.double().norm(dim=1).to(gradient.dtype),
        "predicted_gain": _predicted_gain(batch, gradient, step),
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
    solver: ConjugateGradient, delta: Tensor, learner: Learner, batch: Batch, gradient: Tensor
) -> Tensor:
    """The step `[S, P]` along H⁻¹g to the boundary of the quadratic trust region."""
    product = fisher(solver, learner, batch)
    return full_step(conjugate_gradient(product, gradient, solver.steps, RESIDUAL), product, delta)


def fisher(solver: ConjugateGradient, learner: Learner, batch: Batch) -> Product:
    """The product v ↦ (H + damping) v, with H the Hessian of the mean KL on every k-th transition of the batch."""
    data, every = batch.transitions, solver.fisher_every
    parts = [
        data.part(slice(first, rows.stop, every))
        for rows in chunks(len(data))
        if (first := rows.start + -rows.start % every) < rows.stop
    ]
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
def _gain_and_kl(
    algorithm: Algorithm, learner: Learner, batch: Batch, trial: Tensor
) -> tuple[Tensor, Tensor]:
    """What the objective gains over the old policy, and the mean KL(old ‖ trial), `[S]` each."""
    gains, divergences = [], []
    data = batch.transitions
    for rows in chunks(len(data)):
        recorded, advantages = data.part(rows).recorded, data.part(rows).credit.advantages
        old, new = (
            learner.policy.restore(recorded.parameters),
            learner.distribution(recorded.observations, trial),
        )
        gain = importance_ratio(new.log_prob(recorded.actions), recorded.log_probs, advantages) - advantages
        gains.append(with_entropy_gain(algorithm.details, gain, old, new))
        divergences.append(kl(old, new))
    shares = data.credit.shares
    return average(torch.cat(gains, 1), shares), average(torch.cat(divergences, 1), shares)


@torch.no_grad()
def _move(learner: Learner, parameters: Tensor, running: Tensor) -> None:
    learner.actor.values[running] = parameters[running]
