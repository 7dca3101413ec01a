"""What surrogates go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

PENALTIES = (c.FixedPenalty, c.AdaptivePenalty)
BOUNDED_STEPS = (c.NaturalGradient, c.TrustRegion)
BOUNDED = (
    c.TruncatedRatio,
    c.ClippedRatio,
    c.ClippedLogRatio,
    c.RollbackRatio,
    c.QuadraticPenalty,
    *PENALTIES,
)
"""Where no ratio has moved yet, these have the gradient of the importance ratio."""
TRAJECTORY_WEIGHTS = (c.TrajectoryRatio, c.CausalRatio, c.PerDecisionRatio)


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _weights(choices)
    yield from _bounded_step(choices)
    yield from _per_decision(choices)
    yield from _equal_widths(choices)
    yield from _exponential(choices)


def _weights(choices: Choices) -> Iterator[str]:
    surrogate = choices.surrogate
    if isinstance(surrogate, TRAJECTORY_WEIGHTS) and not isinstance(choices.data, c.WholeEpisodes):
        yield f"surrogate '{surrogate.kind}' needs whole trajectories: set data to 'whole_episodes'"


def _bounded_step(choices: Choices) -> Iterator[str]:
    surrogate, update = choices.surrogate, choices.update
    if isinstance(surrogate, BOUNDED) and isinstance(update, BOUNDED_STEPS):
        yield (
            f"surrogate '{surrogate.kind}' and update '{update.kind}' bound the step twice: "
            "set surrogate to 'importance_ratio'"
        )
    if isinstance(update, c.TrustRegion) and isinstance(surrogate, c.LogLikelihood | c.ExponentialAdvantage):
        yield (
            "update 'trust_region' compares trial steps by the probability ratio: "
            "set surrogate to 'importance_ratio'"
        )


def _per_decision(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.surrogate, c.PerDecisionRatio):
        return
    name = "surrogate 'per_decision_ratio'"
    if choices.advantage != c.RewardToGo():
        yield f"{name} weights each following reward separately: set advantage to 'reward_to_go'"
    if not isinstance(choices.baseline, c.NoBaseline):
        yield f"{name} computes its own returns and subtracts nothing: set baseline to 'no_baseline'"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} computes its own returns: leave details.advantage_normalisation out"


def _equal_widths(choices: Choices) -> Iterator[str]:
    surrogate = choices.surrogate
    if isinstance(surrogate, c.ClippedRatio) and surrogate.epsilon_high == surrogate.epsilon:
        yield (
            f"surrogate.epsilon_high {surrogate.epsilon_high:g} is surrogate.epsilon, which holds for both sides: "
            "set surrogate.epsilon_high to null, or to another width"
        )


def _exponential(choices: Choices) -> Iterator[str]:
    if isinstance(choices.surrogate, c.ExponentialAdvantage) and isinstance(
        choices.advantage, c.UniformWeight
    ):
        yield (
            "surrogate 'exponential_advantage' weights all actions alike with advantage 'uniform_weight': "
            "set surrogate to 'log_likelihood'"
        )
