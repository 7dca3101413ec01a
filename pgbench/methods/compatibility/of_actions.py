"""What goes with which kind of actions: only an environment knows which it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def action_faults(choices: Choices, kind: Literal["discrete", "bounded", "unbounded"]) -> Iterator[str]:
    """Why a method has no meaning where actions are of this kind."""
    if kind == "discrete":
        yield from _of_gaussians(choices)
        return
    yield from _of_sums(choices)
    if kind == "unbounded" and choices.networks.squash:
        yield (
            "networks.squash scales actions to their bounds, and those of this environment are not bounded: "
            "leave networks.squash out"
        )


def _of_gaussians(choices: Choices) -> Iterator[str]:
    networks = choices.networks
    for name, chosen in (("deviation", networks.deviation != c.FreeDeviation()), ("squash", networks.squash)):
        if chosen:
            yield (
                f"networks.{name} belongs to a Gaussian policy, and the actions of this environment are discrete: "
                f"leave networks.{name} out"
            )


def _of_sums(choices: Choices) -> Iterator[str]:
    baseline, advantage = choices.baseline, choices.advantage
    if isinstance(baseline, c.LearnedActionValue) and baseline.subtracts == "expected_value":
        yield (
            "baseline.subtracts 'expected_value' sums over the actions, and those of this environment are real "
            "numbers: set baseline.subtracts to 'second_action'"
        )
    if isinstance(advantage, c.ActionValue) and advantage.action == "all":
        yield (
            "advantage.action 'all' sums over the actions, and those of this environment are real numbers: "
            "set advantage.action to 'policy'"
        )
