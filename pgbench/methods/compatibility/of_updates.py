"""What updates go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _minibatches(choices)


def _minibatches(choices: Choices) -> Iterator[str]:
    data, update = choices.data, choices.update
    if not isinstance(update, c.MinibatchEpochs):
        if choices.details.advantage_normalisation == "minibatch":
            yield (
                "details.advantage_normalisation 'minibatch' needs update 'minibatch_epochs': "
                "set it to 'batch' for a step on the whole batch"
            )
        return
    if not isinstance(data, c.FixedHorizon):
        yield (
            "update 'minibatch_epochs' needs batches of one size, and whole episodes differ in length: "
            "set data to 'fixed_horizon'"
        )
    elif (batch := data.steps * data.environments) % update.minibatch_size:
        yield (
            f"update.minibatch_size {update.minibatch_size} does not divide the batch of {data.steps} steps × "
            f"{data.environments} environments = {batch} transitions: set it to a divisor of {batch}"
        )
