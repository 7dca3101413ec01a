"""What advantages go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _uniform_weight(choices)


def _uniform_weight(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.advantage, c.UniformWeight):
        return
    name = "advantage 'uniform_weight'"
    if not isinstance(choices.baseline, c.NoBaseline):
        yield f"{name} weights every action by 1, and a baseline would change that: set baseline to 'no_baseline'"
    if choices.gamma != 1.0:
        yield f"{name} uses no reward, and gamma has no effect: set gamma to 1"
    for detail in ("reward_offset", "reward_scaling", "advantage_normalisation"):
        if getattr(choices.details, detail) is not None:
            yield f"{name} uses no reward: leave details.{detail} out"
