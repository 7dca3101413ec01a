"""The update slot: how the surrogate's gradient moves the parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pgbench.base.specification import SLOT, Fraction, Specification
from pgbench.methods.components.optimisers import Adam


class GradientStep(Specification):
    """One or more gradient steps (K_π): on the whole batch, or each on a minibatch from a replay buffer."""

    kind: Literal["gradient_step"] = "gradient_step"
    steps: PositiveInt = Field(1, description="Steps of the policy in one update (K_π).")
    optimiser: Adam = Adam()


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
    optimiser: Adam = Adam()


class ConjugateGradient(Specification):
    """How H⁻¹g is computed without H itself, the Hessian of the mean KL divergence (TRPO, appendix C)."""

    steps: PositiveInt = Field(10, description="The number of iterations k.")
    damping: NonNegativeFloat = Field(0.1, description="The multiple of the identity that is added to H.")
    fisher_fraction: Fraction = Field(1.0, description="The share of the batch on which H is estimated.")


class NaturalGradient(Specification):
    """The natural gradient, scaled to the trust region: √(2δ / gᵀH⁻¹g) H⁻¹g (Kakade 2002; Duan et al. 2016)."""

    kind: Literal["natural_gradient"] = "natural_gradient"
    delta: PositiveFloat = Field(
        0.01, description="δ, the bound on the quadratic model of the mean KL divergence, in nats."
    )
    solver: ConjugateGradient = ConjugateGradient()


class LineSearch(Specification):
    """Shorten the step until it improves the surrogate and, if `checks_kl`, stays in the trust region."""

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.8, description="The factor between the lengths of two trials."
    )
    backtracks: PositiveInt = Field(10, description="The largest number of trials, including the full step.")
    checks_kl: bool = Field(True, description="Whether a trial with a mean KL divergence above δ is refused.")


class TrustRegion(Specification):
    """The step of the natural gradient with a line search (Schulman et al. 2015, TRPO)."""

    kind: Literal["trust_region"] = "trust_region"
    delta: PositiveFloat = Field(0.01, description="δ, the bound on the mean KL divergence, in nats.")
    solver: ConjugateGradient = ConjugateGradient()
    line_search: LineSearch = LineSearch()


Update = Annotated[GradientStep | MinibatchEpochs | NaturalGradient | TrustRegion, *SLOT]
