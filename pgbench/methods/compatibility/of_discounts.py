"""What the step goes with from which the discount counts."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    if choices.discount != "from_the_start":
        return
    name, remedy = "discount 'from_the_start'", "set discount to 'from_the_action'"
    if choices.gamma == 1.0:
        yield f"{name} has no effect with gamma 1: {remedy}"
    if isinstance(choices.advantage, c.TotalReturn):
        yield f"{name} has no effect on advantage 'total_return', which counts from the start anyway: {remedy}"
    if isinstance(choices.surrogate, c.PerDecisionRatio):
        yield f"{name} has no effect on surrogate 'per_decision_ratio', which computes its own returns: {remedy}"
    if isinstance(choices.data, c.ReplayBuffer):
        yield f"{name} needs the time of each step, and data 'replay_buffer' does not store it: {remedy}"
