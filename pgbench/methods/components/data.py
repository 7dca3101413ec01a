"""The data slot: the transitions that one update learns from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pgbench.base.specification import LATER, SLOT, Specification


class WholeEpisodes(Specification):
    """Every environment runs exactly one episode. Without a critic, only these data give an unbiased gradient."""

    kind: Literal["whole_episodes"] = "whole_episodes"
    episodes: PositiveInt = Field(
        4, description="Episodes in one update, one in each environment of a replica."
    )


class FixedHorizon(Specification):
    """Every environment runs a fixed number of steps. A critic estimates the rewards after the last one."""

    kind: Literal["fixed_horizon"] = "fixed_horizon"
    steps: PositiveInt = Field(
        2048, description="Steps of each environment in one update (T in the PPO paper)."
    )
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")
    restarts: Annotated[bool, LATER] = Field(
        False,
        description="Whether every batch begins with new episodes, and gives up those under way (the code of "
        "Engstrom et al. 2020).",
    )


class ReplayBuffer(Specification):
    """Minibatches of single transitions, drawn from the latest ones. Older policies collected most of them."""

    kind: Literal["replay_buffer"] = "replay_buffer"
    capacity: PositiveInt = Field(
        100_000, description="Transitions that a replica keeps; a new one replaces the oldest."
    )
    steps: PositiveInt = Field(64, description="Steps of each environment between two updates.")
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")
    batch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (N).")
    warm_up: NonNegativeInt = Field(
        1000, description="Additional steps of each environment before the first update."
    )


Data = Annotated[WholeEpisodes | FixedHorizon | ReplayBuffer, *SLOT]
