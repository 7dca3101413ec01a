"""What the parts of second-order updates go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _final_delta(choices)
    yield from _line_search(choices)
    yield from _fisher(choices)


def _final_delta(choices: Choices) -> Iterator[str]:
    update = choices.update
    if isinstance(update, c.NaturalGradient | c.TrustRegion) and update.final_delta == update.delta:
        yield (
            f"update.final_delta {update.final_delta:g} is update.delta, so nothing changes: "
            "leave update.final_delta out"
        )


def _line_search(choices: Choices) -> Iterator[str]:
    update = choices.update
    if not isinstance(update, c.TrustRegion):
        return
    if update.line_search.least_gain is None and update.line_search.largest_kl is None:
        yield (
            "update.line_search accepts every step, because it asks neither for a gain nor for a KL divergence: "
            "set update.line_search.largest_kl, or update to 'natural_gradient'"
        )


def _fisher(choices: Choices) -> Iterator[str]:
    data, update = choices.data, choices.update
    if not isinstance(update, c.NaturalAscent | c.NaturalGradient | c.TrustRegion):
        return
    every = update.solver.fisher_every
    if isinstance(data, c.FixedHorizon) and every > 1 and every >= (batch := data.steps * data.environments):
        yield (
            f"update.solver.fisher_every {every} leaves one of the batch's {batch} transitions to estimate H on: "
            f"set it below {batch}"
        )
