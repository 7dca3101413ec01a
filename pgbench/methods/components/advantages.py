"""The advantage slot: which return an action is credited with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pgbench.base.specification import SLOT, Probability, Specification


class TotalReturn(Specification):
    """The discounted return of the whole episode, credited to each of its actions (Williams 1992)."""

    kind: Literal["total_return"] = "total_return"


class RewardToGo(Specification):
    """The discounted sum of the rewards that follow the action: an action cannot change the past."""

    kind: Literal["reward_to_go"] = "reward_to_go"
    discount: Literal["from_the_action", "from_the_start"] = Field(
        "from_the_action",
        description="γ^(t'−t), which everybody uses, or γ^(t'−1), which the derivation gives.",
    )


class NStep(Specification):
    """n rewards, then the critic's value; n = 1 is the TD error of actor-critic (Mnih et al. 2016).

    With a critic of actions: r + γ Q(s', a'), the action a' being the critic's `next_action`.
    """

    kind: Literal["n_step"] = "n_step"
    n: PositiveInt = Field(1, description="Rewards before the critic takes over.")


class UniformWeight(Specification):
    """Every action counts 1, whatever came of it: the policy clones its own behaviour (the note's contrast)."""

    kind: Literal["uniform_weight"] = "uniform_weight"


class GAE(Specification):
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16)."""

    kind: Literal["gae"] = "gae"
    lam: Probability = Field(0.95, description="λ: 0 is the one-step TD error, 1 the return minus the value.")


class ActionValue(Specification):
    """Q(s, a), as the critic of actions says, with nothing subtracted (the note, off-policy actor-critic)."""

    kind: Literal["action_value"] = "action_value"
    action: Literal["buffer", "policy"] = Field(
        "policy",
        description="Whose action the actor makes likelier: the stored one, or one that it draws anew at s.",
    )


Advantage = Annotated[TotalReturn | RewardToGo | NStep | GAE | UniformWeight | ActionValue, *SLOT]
