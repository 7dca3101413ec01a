"""What the choices of a policy go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
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
