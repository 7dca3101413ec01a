"""The update slot: how the surrogate's gradient moves the parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pgbench.base.specification import SLOT, Fraction, Specification
from pgbench.methods.components.optimisers import Adam


class GradientStep(Specification):
    """Gradient steps on the whole batch, or on a minibatch each from a replay buffer: one, or K_π of them."""

    kind: Literal["gradient_step"] = "gradient_step"
    steps: PositiveInt = Field(1, description="Steps of the policy an update (K_π).")
    optimiser: Adam = Adam()


class MinibatchEpochs(Specification):
    """Several passes over the batch in shuffled minibatches, one gradient step each (PPO, algorithm 1)."""

    kind: Literal["minibatch_epochs"] = "minibatch_epochs"
    epochs: PositiveInt = Field(10, description="Passes over the batch (K).")
    minibatch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (M).")
    max_kl: PositiveFloat | None = Field(
        None, description="A replica whose mean KL(old, new) passes this after an epoch skips the others."
    )
    recompute_advantages: bool = Field(
        False,
        description="Whether the critic values the batch anew before each epoch (Andrychowicz et al. 2021).",
    )
    optimiser: Adam = Adam()


class ConjugateGradient(Specification):
    """How H⁻¹g is found without forming H, the Hessian of the mean KL (TRPO, appendix C)."""

    steps: PositiveInt = Field(10, description="Iterations k.")
    damping: NonNegativeFloat = Field(0.1, description="Multiple of the identity added to H.")
    fisher_fraction: Fraction = Field(1.0, description="Share of the batch on which H is estimated.")


class NaturalGradient(Specification):
    """The natural gradient, scaled to the trust region: √(2δ / gᵀH⁻¹g) H⁻¹g (Kakade 2002; Duan et al. 2016)."""

    kind: Literal["natural_gradient"] = "natural_gradient"
    delta: PositiveFloat = Field(0.01, description="δ, bound on the quadratic model of the mean KL, in nats.")
    solver: ConjugateGradient = ConjugateGradient()


class LineSearch(Specification):
    """Shorten the step until it improves the surrogate and, if checked, keeps to the trust region."""

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.8, description="Factor between trials.")
    backtracks: PositiveInt = Field(10, description="Trials at most, the full step included.")
    checks_kl: bool = Field(True, description="Whether a trial beyond δ is refused.")


class TrustRegion(Specification):
    """The natural gradient's step with a line search (Schulman et al. 2015, TRPO)."""

    kind: Literal["trust_region"] = "trust_region"
    delta: PositiveFloat = Field(0.01, description="δ, bound on the mean KL, in nats.")
    solver: ConjugateGradient = ConjugateGradient()
    line_search: LineSearch = LineSearch()


Update = Annotated[GradientStep | MinibatchEpochs | NaturalGradient | TrustRegion, *SLOT]
