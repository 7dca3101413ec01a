"""The advantage slot: the estimate of an action's return that weights its log-likelihood or ratio."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pgbench.base.specification import SLOT, Probability, Specification


class TotalReturn(Specification):
    """The discounted return of the whole episode, for each of its actions (Williams 1992)."""

    kind: Literal["total_return"] = "total_return"


class RewardToGo(Specification):
    """The discounted sum of the rewards from the action on, because an action cannot change the past.

    Sutton et al. 2000.
    """

    kind: Literal["reward_to_go"] = "reward_to_go"


class NStep(Specification):
    """n rewards, and then the critic's value; n = 1 gives the TD error of actor-critic (Mnih et al. 2016).

    With a critic Q(s, a), the estimate is r + γ Q(s', a'); the critic's `next_action` says which a' it takes.
    """

    kind: Literal["n_step"] = "n_step"
    n: PositiveInt = Field(1, description="The number of rewards before the critic's value.")


class UniformWeight(Specification):
    """Every action has weight 1, whatever its return: the policy imitates itself (the contrast in the note)."""

    kind: Literal["uniform_weight"] = "uniform_weight"


class GAE(Specification):
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16)."""

    kind: Literal["gae"] = "gae"
    lam: Probability = Field(
        0.95, description="λ: 0 gives the one-step TD error, 1 gives the return minus the value."
    )


class VTrace(Specification):
    """V-trace: r + γ v' − V(s); the target v' corrects what followed for the change of the policy since.

    Espeholt et al. 2018, section 4. The ratio of the action itself belongs to the surrogate.
    """

    kind: Literal["v_trace"] = "v_trace"
    rho_max: Annotated[float, Field(ge=1.0)] = Field(
        1.0, description="ρ̄, the largest ratio that weights a TD error; it decides which values are learned."
    )
    c_max: Annotated[float, Field(ge=1.0)] = Field(
        1.0, description="c̄, the largest ratio that hands a later TD error on to earlier steps."
    )


class ActionValue(Specification):
    """The critic's Q(s, a), less what the baseline subtracts (the note, off-policy actor-critic)."""

    kind: Literal["action_value"] = "action_value"
    action: Literal["buffer", "policy", "all"] = Field(
        "policy",
        description="The action that the actor makes more likely. `buffer`: the stored one. `policy`: one that the "
        "present policy draws at s. `all`: every one, by its probability: Σ_a ∇π(a|s) Q(s, a) (Sutton et al. 2000; "
        "Ciosek and Whiteson 2018); actions must be discrete.",
    )


Advantage = Annotated[TotalReturn | RewardToGo | NStep | GAE | VTrace | UniformWeight | ActionValue, *SLOT]
