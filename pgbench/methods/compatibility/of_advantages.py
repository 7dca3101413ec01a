"""What advantages go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _uniform_weight(choices)
    yield from _total_return(choices)
    yield from _normalised_alone(choices)


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


def _total_return(choices: Choices) -> Iterator[str]:
    if isinstance(choices.advantage, c.TotalReturn) and isinstance(choices.data, c.FixedHorizon):
        yield (
            "advantage 'total_return' needs whole episodes, and data 'fixed_horizon' begins and ends within them: "
            "set data to 'whole_episodes', or advantage to 'reward_to_go'"
        )


def _normalised_alone(choices: Choices) -> Iterator[str]:
    """One number, or equal numbers, less their mean are 0. Nothing would be learned from them."""
    over = choices.details.advantage_normalisation
    if over is None:
        return
    if _is_single_transition(choices):
        yield (
            f"details.advantage_normalisation over a single transition makes every advantage 0: "
            f"leave it out, or let a {over} have 2 transitions or more"
        )
    data, advantage, baseline = choices.data, choices.advantage, choices.baseline
    one_return = isinstance(data, c.WholeEpisodes) and data.episodes == 1
    if one_return and isinstance(advantage, c.TotalReturn) and not isinstance(baseline, c.LearnedValue):
        yield (
            "details.advantage_normalisation over the total return of one episode makes every advantage 0: "
            "leave it out, or set data.episodes to 2 or more"
        )


def _is_single_transition(choices: Choices) -> bool:
    """Whether advantages are normalised over a single transition."""
    data, update = choices.data, choices.update
    if choices.details.advantage_normalisation == "minibatch":
        return isinstance(update, c.MinibatchEpochs) and update.minibatch_size == 1
    if isinstance(data, c.ReplayBuffer):
        return data.batch_size == 1
    return isinstance(data, c.FixedHorizon) and data.steps * data.environments == 1
