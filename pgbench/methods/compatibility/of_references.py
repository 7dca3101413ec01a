"""Which methods can be compared with a reference gradient."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def reference_faults(choices: Choices) -> Iterator[str]:
    """Why no update of the method can be compared with a reference gradient."""
    if isinstance(choices.data, c.ReplayBuffer):
        yield "data 'replay_buffer' has no batch that a large one could be compared with: leave reference out"


def faults_without_a_limit(choices: Choices) -> Iterator[str]:
    """Why it cannot where episodes have no time limit."""
    data = choices.data
    if isinstance(data, c.FixedHorizon) and not data.restarts and choices.details.time_limit is None:
        yield (
            "reference leads environments to where training is within its episodes, and these have no time limit: "
            "set details.time_limit, or data to 'whole_episodes'"
        )
