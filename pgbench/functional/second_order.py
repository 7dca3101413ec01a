"""Natural gradients and trust regions: constrained steps, a row for each replica.

Vectors are rows `[S, P]`. A product is a function that maps rows to rows, each by the matrix of its replica.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""v ↦ A v for rows `[S, P]`, with one symmetric matrix A a replica."""


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner products of rows, `[S, 1]`: running sums, whose rounding depends on the row alone."""
    return (first * second).cumsum(-1)[..., -1:]


@torch.no_grad()
def conjugate_gradient(product: Product, b: Tensor, steps: int, tolerance: float) -> Tensor:
    """Solve A x = b by conjugate gradients from x = 0 (Hestenes and Stiefel 1952; TRPO, appendix C).

    Args:
        product: v ↦ A v, symmetric and positive definite.
        b: `[S, P]`.
        steps: largest number of iterations; TRPO takes 10.
        tolerance: a replica stops by itself when ‖b − A x‖² is no larger, as the published code has it, or where
            rounding leaves no curvature ahead.

    Returns:
        `[S, P]`; zero where b is.
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
    """√(2δ / sᵀHs) s, the step along s to where ½ ΔᵀHΔ = δ (Schulman et al. 2015, appendix C).

    With s = H⁻¹g exactly, sᵀHs = gᵀH⁻¹g, as in the note; after a few conjugate gradients only this form meets δ.

    Args:
        direction: `[S, P]`, s.
        product_direction: `[S, P]`, H s.
        delta: δ, the largest KL divergence in nats.

    Returns:
        `[S, P]`; zero where sᵀHs is not positive.
    """
    curvature = _dot(direction, product_direction)
    return direction * (2.0 * delta / curvature).sqrt().where(curvature > 0.0, 0.0)


def fisher_vector_product(
    kl_per_replica: Callable[[Tensor], Tensor], parameters: Tensor, damping: float
) -> Product:
    """The product v ↦ (H + ηI) v with H = ∇²_θ KL(old ‖ π_θ), at θ = old the Fisher matrix (TRPO, appendix C).

    The gradient of the sum over replicas has each replica's own gradient as a row, and its Hessian is
    block-diagonal: nothing mixes. The paper has no damping; published code adds 0.1.

    Args:
        kl_per_replica: mean divergence in nats, `[S]`, of parameters `[S, P]`; twice differentiable.
        parameters: `[S, P]`, where the Hessian is taken.
        damping: η ≥ 0.
    """
    with torch.enable_grad():
        point = parameters.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(kl_per_replica(point).sum(), point, create_graph=True)

    def product(vectors: Tensor) -> Tensor:
        (image,) = torch.autograd.grad(gradient, point, vectors, retain_graph=True)
        return image + damping * vectors

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
    """θ + αʲ Δ with the smallest j at which the surrogate gains and KL ≤ δ (Schulman et al. 2015, appendix C).

    The note asks only for the KL constraint; the paper for the gain as well.

    Args:
        parameters: `[S, P]`, θ.
        step: `[S, P]`, Δ.
        objective: surrogate's gain over θ and KL divergence from θ in nats, `[S]` each, of trials `[S, P]`.
        delta: δ; None: a gain is enough.
        ratio: α in (0, 1).
        backtracks: trials at most, j = 0 … backtracks − 1.

    Returns:
        Parameters `[S, P]`, the start's to every bit where no trial was accepted; `[S]`, boolean, whether one was;
        `[S]`, integers, how many were rejected.
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
