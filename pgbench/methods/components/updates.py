"""The update slot: how the surrogate's gradient moves the parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pgbench.base.specification import SLOT, Specification
from pgbench.methods.components.optimisers import Adam, Optimiser

FINAL_DELTA = "δ changes linearly to this at the end of the budget (Engstrom et al. 2020); null: it does not."


class GradientStep(Specification):
    """One or more gradient steps (K_π): on the whole batch, or each on a minibatch from a replay buffer."""

    kind: Literal["gradient_step"] = "gradient_step"
    steps: PositiveInt = Field(1, description="Steps of the policy in one update (K_π).")
    optimiser: Optimiser = Adam()


class MinibatchEpochs(Specification):
    """Several passes over the batch in shuffled minibatches, one gradient step each (PPO, algorithm 1)."""

    kind: Literal["minibatch_epochs"] = "minibatch_epochs"
    epochs: PositiveInt = Field(10, description="Passes over the batch (K).")
    minibatch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (M).")
    max_kl: PositiveFloat | None = Field(
        None,
        description="A replica whose mean KL(old ‖ new) exceeds this after an epoch skips the other epochs.",
    )
    recompute_advantages: bool = Field(
        False,
        description="Whether advantages are recomputed with the present critic before each epoch "
        "(Andrychowicz et al. 2021).",
    )
    optimiser: Optimiser = Adam()


class ConjugateGradient(Specification):
    """How H⁻¹g is computed without H itself, the Hessian of the mean KL divergence (TRPO, appendix C)."""

    steps: PositiveInt = Field(10, description="The number of iterations k.")
    damping: NonNegativeFloat = Field(0.1, description="The multiple of the identity that is added to H.")
    fisher_every: PositiveInt = Field(
        1, description="H is estimated on every k-th transition of the batch; 1: on all of them."
    )


class NaturalAscent(Specification):
    """The natural gradient with a fixed multiplier: α H⁻¹g (Kakade 2002; TRPO, section 8, "fixed penalty")."""

    kind: Literal["natural_ascent"] = "natural_ascent"
    multiplier: PositiveFloat = Field(
        0.1, description="α, which is 1/λ for a penalty λ on the KL divergence. Its unit is that of 1/reward."
    )
    solver: ConjugateGradient = ConjugateGradient()


class NaturalGradient(Specification):
    """The natural gradient, scaled to the trust region: √(2δ / gᵀH⁻¹g) H⁻¹g (Duan et al. 2016, TNPG)."""

    kind: Literal["natural_gradient"] = "natural_gradient"
    delta: PositiveFloat = Field(
        0.01, description="δ, the bound on the quadratic model of the mean KL divergence, in nats."
    )
    final_delta: PositiveFloat | None = Field(None, description=FINAL_DELTA)
    solver: ConjugateGradient = ConjugateGradient()


class LineSearch(Specification):
    """Shorten the step until it gains enough in the surrogate and stays in the trust region (TRPO, appendix C).

    The note asks for the KL alone (`least_gain: null`). Engstrom et al. 2020 ask for 0.1 of the predicted gain.
    """

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.8, description="The factor between the lengths of two trials."
    )
    backtracks: PositiveInt = Field(10, description="The largest number of trials, including the full step.")
    least_gain: Annotated[float, Field(ge=0.0, lt=1.0)] | None = Field(
        0.0,
        description="A trial must gain more than this share of what the gradient predicts for it; an entropy bonus "
        "is part of the gain; null: it may gain or lose.",
    )
    largest_kl: PositiveFloat | None = Field(
        1.0,
        description="A trial with a mean KL divergence above this multiple of δ is refused; null: none is.",
    )


class TrustRegion(Specification):
    """The step of the natural gradient with a line search (Schulman et al. 2015, TRPO)."""

    kind: Literal["trust_region"] = "trust_region"
    delta: PositiveFloat = Field(0.01, description="δ, the bound on the mean KL divergence, in nats.")
    final_delta: PositiveFloat | None = Field(None, description=FINAL_DELTA)
    solver: ConjugateGradient = ConjugateGradient()
    line_search: LineSearch = LineSearch()


Update = Annotated[
    GradientStep | MinibatchEpochs | NaturalAscent | NaturalGradient | TrustRegion,
    *SLOT,
]
