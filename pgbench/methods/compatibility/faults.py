"""Which choices go together. A combination is refused if it is wrong, or if one of its choices has no effect."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods.choices import Choices
from pgbench.methods.compatibility import (
    of_advantages,
    of_baselines,
    of_critic_fits,
    of_critics,
    of_discounts,
    of_first_steps,
    of_optimisers,
    of_replay,
    of_surrogates,
    of_trust_regions,
    of_unread_choices,
    of_updates,
    of_v_trace,
)

PARTS = (
    of_critics,
    of_critic_fits,
    of_replay,
    of_surrogates,
    of_updates,
    of_optimisers,
    of_trust_regions,
    of_first_steps,
    of_baselines,
    of_advantages,
    of_v_trace,
    of_discounts,
    of_unread_choices,
)
"""In this order: the first fault is the one that a person reads."""


def faults(choices: Choices) -> Iterator[str]:
    """Each fault of the choices as a sentence: what is wrong, which key is wrong, and what to set instead."""
    for part in PARTS:
        yield from part.faults(choices)
