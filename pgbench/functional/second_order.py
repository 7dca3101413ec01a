"""Second-order steps: natural gradients and trust regions, one row for each replica.

Vectors are rows `[S, P]`. A product is a function that multiplies each row by the matrix of its replica.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""v ↦ A v for rows `[S, P]`, with one symmetric matrix A a replica."""


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner products of rows, `[S, 1]`, as running sums, whose rounding depends on the row alone."""
    return (first * second).cumsum(-1)[..., -1:]


def _of_unit_size(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows over their largest magnitude, in double precision, and that magnitude `[S, 1]`.

    So the unit of the rows changes no digit of what follows, and no square over- or underflows. Rows without a
    size, because they are 0 or not finite, become 0.
    """
    rows = rows.double()
    size = rows.abs().amax(-1, keepdim=True)
    has_size = (size > 0.0) & size.isfinite()
    return (rows / size).where(has_size, 0.0), size.where(has_size, 0.0)


@torch.no_grad()
def conjugate_gradient(product: Product, b: Tensor, steps: int, tolerance: float) -> Tensor:
    """Solve A x = b by conjugate gradients from x = 0 (Hestenes and Stiefel 1952; TRPO, appendix C).

    In exact arithmetic the residuals are orthogonal. Rounding undoes that within ten iterations, so that the step
    would depend on the unit of b and on the block. Therefore each residual is made orthogonal to those before it,
    in double precision (Golub and Van Loan 2013, section 10.3, on the vectors of Lanczos, which residuals are).

    Args:
        product: v ↦ A v in the precision of b, where A is symmetric and positive definite.
        b: `[S, P]`.
        steps: the largest number of iterations; TRPO takes 10.
        tolerance: each replica stops when its ‖b − A x‖² is at most this multiple of ‖b‖². It also stops when
            rounding leaves no positive curvature.

    Returns:
        `[S, P]`, x in the precision of b; 0 where b is 0.
    """
    residual, size = _of_unit_size(b)
    x, direction, square = torch.zeros_like(residual), residual, _dot(residual, residual)
    enough, earlier = tolerance * square, [(residual, square)]
    for _ in range(steps):
        image = product(direction.to(b.dtype)).double()
        curvature = _dot(direction, image)
        active = (square > enough) & (curvature > 0.0)
        if not active.any():
            break
        length = (square / curvature).where(active, 0.0)
        x = torch.where(active, x + length * direction, x)
        following = _orthogonal(residual - length * image, earlier)
        residual = torch.where(active, following, residual)
        previous, square = square, _dot(residual, residual)
        earlier.append((residual, square))
        direction = torch.where(active, residual + (square / previous) * direction, direction)
    return (size * x).to(b.dtype)


def _orthogonal(rows: Tensor, earlier: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Rows `[S, P]` without their parts along earlier rows, each given with its squared length `[S, 1]`."""
    for row, square in earlier:
        rows = rows - (_dot(row, rows) / square).where(square > 0.0, 0.0) * row
    return rows


@torch.no_grad()
def full_step(direction: Tensor, product: Product, delta: Tensor) -> Tensor:
    """The step Δ = √(2δ / sᵀHs) s, for which ½ ΔᵀHΔ = δ (Schulman et al. 2015, appendix C).

    If s is exactly H⁻¹g, then sᵀHs = gᵀH⁻¹g as in the note. After a few conjugate gradients, only this form
    meets δ.

    Args:
        direction: `[S, P]`, s; of its length nothing is kept.
        product: v ↦ H v in the precision of s.
        delta: `[S]`, δ, the largest KL divergence, in nats.

    Returns:
        `[S, P]`, Δ in the precision of s; 0 where sᵀHs is not positive.
    """
    unit, _ = _of_unit_size(direction)
    curvature = _dot(unit, product(unit.to(direction.dtype)).double())
    length = (2.0 * delta.double().unsqueeze(-1) / curvature).sqrt().where(curvature > 0.0, 0.0)
    return (length * unit).to(direction.dtype)


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


@dataclass(frozen=True)
class SearchBounds:
    """What a trial of a line search must keep to, `[S]` each; None: it need not.

    Attributes:
        gains: the gain that the whole step must exceed. A shorter trial must exceed the same share of it.
        divergence: the largest KL divergence, in nats.
    """

    gains: Tensor | None
    divergence: Tensor | None

    def kept(self, fraction: float, gain: Tensor, divergence: Tensor) -> Tensor:
        """Whether a trial at a fraction of the step keeps to the bounds, `[S]`; what is not a number does not."""
        kept = torch.ones_like(gain, dtype=torch.bool)
        if self.gains is not None:
            kept &= gain > fraction * self.gains
        if self.divergence is not None:
            kept &= divergence <= self.divergence
        return kept


@torch.no_grad()
def line_search(
    parameters: Tensor,
    step: Tensor,
    objective: Callable[[Tensor], tuple[Tensor, Tensor]],
    bounds: SearchBounds,
    ratio: float,
    backtracks: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """θ + αʲ Δ with the smallest j that is within the bounds (Schulman et al. 2015, appendix C).

    The paper asks for an improvement of the surrogate and for KL ≤ δ. The note asks for KL ≤ δ alone.

    Args:
        parameters: `[S, P]`, θ.
        step: `[S, P]`, Δ.
        objective: from trials `[S, P]` to the improvement of the surrogate over θ and the KL divergence from θ
            in nats, `[S]` each.
        bounds: what a trial must keep to.
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
        fraction = ratio**exponent
        trial = torch.where(accepted.unsqueeze(-1), result, parameters + fraction * step)
        accepted = accepted | bounds.kept(fraction, *objective(trial))
        rejected += ~accepted
        result = torch.where(accepted.unsqueeze(-1), trial, result)
        if accepted.all():
            break
    return result, accepted, rejected
