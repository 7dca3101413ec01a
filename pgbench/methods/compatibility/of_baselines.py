"""What baselines without a network go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

OPTIMAL_BASELINES = (c.OptimalConstant, c.OptimalComponents)


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _optimal_baselines(choices)
    yield from _leave_one_out(choices)
    yield from _optimal_components(choices)
    yield from _of_itself(choices)


def _optimal_baselines(choices: Choices) -> Iterator[str]:
    baseline = choices.baseline
    if isinstance(baseline, OPTIMAL_BASELINES) and not isinstance(choices.advantage, c.TotalReturn):
        yield f"baseline '{baseline.kind}' is derived for total returns: set advantage to 'total_return'"


def _leave_one_out(choices: Choices) -> Iterator[str]:
    data = choices.data
    alone = isinstance(data, c.WholeEpisodes) and data.episodes == 1
    if isinstance(choices.baseline, c.LeaveOneOut) and alone:
        yield "baseline 'leave_one_out' averages the other episodes of a batch: set data.episodes to 2 or more"


def _optimal_components(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.baseline, c.OptimalComponents):
        return
    name = "baseline 'optimal_components'"
    if not isinstance(choices.surrogate, c.LogLikelihood):
        yield f"{name} corrects the gradient of the log-likelihood: set surrogate to 'log_likelihood'"
    if isinstance(choices.update, c.GradientStep) and choices.update.steps > 1:
        yield f"{name} is valid only for the policy that collected the batch: set update.steps to 1"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} has the unit of the return: leave details.advantage_normalisation out"


def _of_itself(choices: Choices) -> Iterator[str]:
    """An average over a single episode is that episode. Rounding is left, and Adam makes full steps of it."""
    data, baseline = choices.data, choices.baseline
    average_of_totals = isinstance(baseline, c.AverageReturn) and isinstance(choices.advantage, c.TotalReturn)
    if (
        isinstance(data, c.WholeEpisodes)
        and data.episodes == 1
        and (average_of_totals or isinstance(baseline, (c.TimestepAverage, *OPTIMAL_BASELINES)))
    ):
        yield (
            f"baseline '{baseline.kind}' of a single episode is its own return, and every advantage is 0: "
            "set data.episodes to 2 or more, or baseline to 'no_baseline'"
        )
