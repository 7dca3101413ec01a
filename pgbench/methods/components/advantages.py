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
    discount: Literal["from_the_action", "from_the_start"] = Field(
        "from_the_action",
        description="`from_the_action`: the factor γ^(t'−t), which is common in practice. `from_the_start`: "
        "γ^(t'−1), which the derivation gives.",
    )


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


class ActionValue(Specification):
    """The critic's Q(s, a), with nothing subtracted (the note, off-policy actor-critic)."""

    kind: Literal["action_value"] = "action_value"
    action: Literal["buffer", "policy"] = Field(
        "policy",
        description="The action that the actor makes more likely. `buffer`: the stored one. `policy`: one that the "
        "present policy draws at s.",
    )


Advantage = Annotated[TotalReturn | RewardToGo | NStep | GAE | UniformWeight | ActionValue, *SLOT]
