"""Second-order steps: natural gradients and trust regions, one row for each replica.

Vectors are rows `[S, P]`. A product is a function that multiplies each row by the matrix of its replica.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""v ↦ A v for rows `[S, P]`, with one symmetric matrix A a replica."""


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner products of rows, `[S, 1]`, as running sums, whose rounding depends on the row alone."""
    return (first * second).cumsum(-1)[..., -1:]


@torch.no_grad()
def conjugate_gradient(product: Product, b: Tensor, steps: int, tolerance: float) -> Tensor:
    """Solve A x = b by conjugate gradients from x = 0 (Hestenes and Stiefel 1952; TRPO, appendix C).

    Args:
        product: v ↦ A v, where A is symmetric and positive definite.
        b: `[S, P]`.
        steps: the largest number of iterations; TRPO takes 10.
        tolerance: each replica stops when its ‖b − A x‖² is at most this, as in the published code. It also
            stops when rounding leaves no positive curvature.

    Returns:
        `[S, P]`, x; 0 where b is 0.
    """
    x, residual, direction = torch.zeros_like(b), b, b
    square = _dot(b, b)
    for _ in range(steps):
        image = product(direction)
        curvature = _dot(direction, image)
        active = (square > tolerance) & (curvature > 0.0)
        if not active.any():
            break
        length = (square / curvature).where(active, 0.0)
        x = torch.where(active, x + length * direction, x)
        residual = torch.where(active, residual - length * image, residual)
        previous, square = square, _dot(residual, residual)
        direction = torch.where(active, residual + (square / previous) * direction, direction)
    return x


def full_step(direction: Tensor, product_direction: Tensor, delta: float) -> Tensor:
    """The step Δ = √(2δ / sᵀHs) s, for which ½ ΔᵀHΔ = δ (Schulman et al. 2015, appendix C).

    If s is exactly H⁻¹g, then sᵀHs = gᵀH⁻¹g as in the note. After a few conjugate gradients, only this form
    meets δ.

    Args:
        direction: `[S, P]`, s.
        product_direction: `[S, P]`, H s.
        delta: δ, the largest KL divergence, in nats.

    Returns:
        `[S, P]`, Δ; 0 where sᵀHs is not positive.
    """
    curvature = _dot(direction, product_direction)
    return direction * (2.0 * delta / curvature).sqrt().where(curvature > 0.0, 0.0)


def fisher_vector_product(kl_per_replica: Callable[[Tensor], Tensor], parameters: Tensor) -> Product:
    """The product v ↦ H v with H = ∇²_θ KL(old ‖ π_θ), which is the Fisher matrix at θ = old (TRPO, appendix C).

    Replicas do not mix: the gradient of the sum over replicas has the gradient of each replica as a row, and its
    Hessian is block-diagonal.

    Args:
        kl_per_replica: from parameters `[S, P]` to mean divergences `[S]` in nats; twice differentiable.
        parameters: `[S, P]`, the point of the Hessian.
    """
    with torch.enable_grad():
        point = parameters.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(kl_per_replica(point).sum(), point, create_graph=True)

    def product(vectors: Tensor) -> Tensor:
        (image,) = torch.autograd.grad(gradient, point, vectors, retain_graph=True)
        return image

    return product


@torch.no_grad()
def line_search(
    parameters: Tensor,
    step: Tensor,
    objective: Callable[[Tensor], tuple[Tensor, Tensor]],
    delta: float | None,
    ratio: float,
    backtracks: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """θ + αʲ Δ with the smallest j for which the surrogate improves and KL ≤ δ (Schulman et al. 2015, appendix C).

    The note requires only KL ≤ δ. The paper requires the improvement, too.

    Args:
        parameters: `[S, P]`, θ.
        step: `[S, P]`, Δ.
        objective: from trials `[S, P]` to the improvement of the surrogate over θ and the KL divergence from θ
            in nats, `[S]` each.
        delta: δ, in nats. None: the improvement is enough.
        ratio: α, in (0, 1).
        backtracks: the largest number of trials, j = 0 … backtracks − 1.

    Returns:
        Three tensors: parameters `[S, P]`, equal to θ in every bit where no trial was accepted; whether a trial was
        accepted, `[S]`, boolean; the number of rejected trials, `[S]`.
    """
    result = parameters.detach().clone()
    accepted = torch.zeros(len(parameters), dtype=torch.bool)
    rejected = torch.zeros(len(parameters), dtype=torch.int64)
    for exponent in range(backtracks):
        trial = torch.where(accepted.unsqueeze(-1), result, parameters + ratio**exponent * step)
        gain, divergence = objective(trial)
        good = gain > 0.0 if delta is None else (gain > 0.0) & (divergence <= delta)
        accepted = accepted | good
        rejected += ~accepted
        result = torch.where(accepted.unsqueeze(-1), trial, result)
        if accepted.all():
            break
    return result, accepted, rejected
