"""The data slot: which transitions one update learns from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pgbench.base.specification import SLOT, Specification


class WholeEpisodes(Specification):
    """Every environment runs exactly one episode; the only unbiased data for methods without a critic."""

    kind: Literal["whole_episodes"] = "whole_episodes"
    episodes: PositiveInt = Field(4, description="Episodes an update, one in each environment of a replica.")


class FixedHorizon(Specification):
    """A fixed number of steps of every environment, whatever the episodes; needs a critic at the cut."""

    kind: Literal["fixed_horizon"] = "fixed_horizon"
    steps: PositiveInt = Field(2048, description="Steps of each environment an update (T in the PPO paper).")
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")


class ReplayBuffer(Specification):
    """Minibatches of single transitions, drawn from a ring of the latest ones, whichever policy they are of."""

    kind: Literal["replay_buffer"] = "replay_buffer"
    capacity: PositiveInt = Field(
        100_000, description="Transitions that a replica keeps; the oldest go first."
    )
    steps: PositiveInt = Field(64, description="Steps of each environment that are stored before an update.")
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")
    batch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (N).")
    warm_up: NonNegativeInt = Field(
        1000, description="Steps of each environment more, before the first update."
    )


Data = Annotated[WholeEpisodes | FixedHorizon | ReplayBuffer, *SLOT]
