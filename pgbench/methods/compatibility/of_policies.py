"""What the choices of a policy go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _raw_actions(choices)
    yield from _squash(choices)


def _raw_actions(choices: Choices) -> Iterator[str]:
    """A sum over the actions needs discrete ones, and no box of theirs clips anything."""
    if choices.details.actions != "raw":
        return
    baseline, advantage = choices.baseline, choices.advantage
    sums = []
    if isinstance(baseline, c.LearnedActionValue) and baseline.subtracts == "expected_value":
        sums.append("baseline.subtracts 'expected_value'")
    if isinstance(advantage, c.ActionValue) and advantage.action == "all":
        sums.append("advantage.action 'all'")
    for chosen in sums:
        yield (
            f"{chosen} sums over discrete actions, on which details.actions 'raw' has no effect: "
            "leave details.actions out"
        )


def _squash(choices: Choices) -> Iterator[str]:
    if not choices.networks.squash:
        return
    if choices.details.actions == "raw":
        yield (
            "details.actions 'raw' has no effect with networks.squash, whose actions lie inside their box: "
            "leave details.actions out"
        )
    if isinstance(choices.baseline, c.LearnedActionValue):
        yield (
            "networks.squash would give a critic Q(s, a) the numbers from before the hyperbolic tangent, which no "
            "publication does: leave networks.squash out, or set baseline to 'learned_value'"
        )
