"""What an experiment is, as values: components, algorithms and runs.

Every model is frozen, refuses unknown keys and can be written as JSON. A component is one choice in a slot of
an `Algorithm`; its `kind` says which. "Off" is `None` or a `No…` component, never a magic number. This module
imports no tensor library, so that the workflow can plan thousands of runs in a moment.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Discount = Annotated[float, Field(gt=0.0, le=1.0)]


class Specification(BaseModel):
    """Base of every model of this package: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits over the fully resolved specification."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _named_by_kind(value: Any) -> Any:
    """Let a component without parameters be written as its bare name: `baseline: no_baseline`."""
    return {"kind": value} if isinstance(value, str) else value


_Slot = (BeforeValidator(_named_by_kind), Field(discriminator="kind"))


# ----------------------------------------------------------------------------------------------------------
# Data: which transitions one update learns from


class WholeEpisodes(Specification):
    """Every environment runs exactly one episode; the only unbiased data for methods without a critic."""

    kind: Literal["whole_episodes"] = "whole_episodes"
    episodes: PositiveInt = Field(4, description="Episodes an update, one in each environment of a replica.")


class FixedHorizon(Specification):
    """A fixed number of steps of every environment, whatever the episodes; needs a critic at the cut."""

    kind: Literal["fixed_horizon"] = "fixed_horizon"
    steps: PositiveInt = Field(2048, description="Steps of each environment an update (T in the PPO paper).")
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")


Data = Annotated[WholeEpisodes | FixedHorizon, *_Slot]


# ----------------------------------------------------------------------------------------------------------
# Advantage: which return an action is credited with


class TotalReturn(Specification):
    """The discounted return of the whole episode, credited to each of its actions (Williams 1992)."""

    kind: Literal["total_return"] = "total_return"


class RewardToGo(Specification):
    """The discounted sum of the rewards that follow the action: an action cannot change the past."""

    kind: Literal["reward_to_go"] = "reward_to_go"


class GAE(Specification):
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16)."""

    kind: Literal["gae"] = "gae"
    lam: Probability = Field(0.95, description="λ: 0 is the one-step TD error, 1 the return minus the value.")


Advantage = Annotated[TotalReturn | RewardToGo | GAE, *_Slot]


# ----------------------------------------------------------------------------------------------------------
# Baseline: what an action's return is compared with


class MonteCarloTarget(Specification):
    """The critic regresses on the observed discounted return, bootstrapped only where an episode was cut."""

    kind: Literal["monte_carlo"] = "monte_carlo"


class LambdaTarget(Specification):
    """The critic regresses on the λ-return: GAE(λ) plus the value (Sutton and Barto 2018, eq. 12.2)."""

    kind: Literal["lambda_return"] = "lambda_return"
    lam: Probability = Field(0.95, description="λ of the critic's target; independent of the actor's.")


CriticTarget = Annotated[MonteCarloTarget | LambdaTarget, *_Slot]


class SeparateFit(Specification):
    """After the policy's update, the critic takes full-batch gradient steps with an optimiser of its own."""

    kind: Literal["separate"] = "separate"
    steps: PositiveInt = Field(20, description="Gradient steps of the critic an update.")
    learning_rate: PositiveFloat = Field(1e-3, description="Step size of the critic's Adam.")


class JointFit(Specification):
    """The value loss is added to the policy's loss in each of its gradient steps (PPO, eq. 9)."""

    kind: Literal["joint"] = "joint"
    coefficient: PositiveFloat = Field(0.5, description="Weight of the value loss ½(V − target)².")


CriticFit = Annotated[SeparateFit | JointFit, *_Slot]


class NoBaseline(Specification):
    """Nothing is subtracted."""

    kind: Literal["no_baseline"] = "no_baseline"


class AverageReturn(Specification):
    """The average return of the batch: each trajectory's mean estimate, averaged over trajectories."""

    kind: Literal["average_return"] = "average_return"


class LearnedValue(Specification):
    """A network V(s) fitted by regression: the critic."""

    kind: Literal["learned_value"] = "learned_value"
    target: CriticTarget = MonteCarloTarget()
    fit: CriticFit = SeparateFit()


Baseline = Annotated[NoBaseline | AverageReturn | LearnedValue, *_Slot]


# ----------------------------------------------------------------------------------------------------------
# Surrogate: the objective whose gradient the update follows


class LogLikelihood(Specification):
    """log π(a|s) · Â (Williams 1992)."""

    kind: Literal["log_likelihood"] = "log_likelihood"


class ImportanceRatio(Specification):
    """π(a|s) / π_old(a|s) · Â, with neither clip nor penalty (PPO, eq. 6)."""

    kind: Literal["importance_ratio"] = "importance_ratio"


class ClippedRatio(Specification):
    """min(r Â, clip(r, 1 − ε, 1 + ε) Â) (PPO, eq. 7)."""

    kind: Literal["clipped_ratio"] = "clipped_ratio"
    epsilon: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.2, description="Half-width ε of the interval.")


Surrogate = Annotated[LogLikelihood | ImportanceRatio | ClippedRatio, *_Slot]


# ----------------------------------------------------------------------------------------------------------
# Update: how the surrogate's gradient moves the parameters


class GradientStep(Specification):
    """One gradient step on the whole batch."""

    kind: Literal["gradient_step"] = "gradient_step"


class MinibatchEpochs(Specification):
    """Several passes over the batch in shuffled minibatches, one gradient step each (PPO, algorithm 1)."""

    kind: Literal["minibatch_epochs"] = "minibatch_epochs"
    epochs: PositiveInt = Field(10, description="Passes over the batch (K).")
    minibatch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (M).")
    max_kl: PositiveFloat | None = Field(
        None, description="A replica whose mean KL(old, new) passes this after an epoch skips the others."
    )


Update = Annotated[GradientStep | MinibatchEpochs, *_Slot]


# ----------------------------------------------------------------------------------------------------------
# Optimiser, networks, details


class Adam(Specification):
    """Adam (Kingma and Ba 2015)."""

    learning_rate: PositiveFloat = 3e-4
    epsilon: PositiveFloat = 1e-8
    decay: Literal["linear"] | None = Field(None, description="Linear: the step size falls to 0 at the end.")


class Xavier(Specification):
    """Uniform weights of variance 2 / (fan in + fan out), zero biases (Glorot and Bengio 2010)."""

    kind: Literal["xavier"] = "xavier"


class Orthogonal(Specification):
    """Orthogonal weights times a gain, zero biases (Saxe et al. 2014)."""

    kind: Literal["orthogonal"] = "orthogonal"
    hidden_gain: PositiveFloat = Field(2.0**0.5, description="Gain of the hidden layers.")
    policy_gain: PositiveFloat = Field(0.01, description="Gain of the policy's last layer.")
    value_gain: PositiveFloat = Field(1.0, description="Gain of the critic's last layer.")


Initialisation = Annotated[Xavier | Orthogonal, *_Slot]


class Networks(Specification):
    """Separate actor and critic of the same hidden layers; a Gaussian policy's log deviation is free."""

    hidden: tuple[PositiveInt, ...] = Field((64, 64), description="Units of each hidden layer.")
    activation: Literal["tanh", "relu"] = "tanh"
    initialisation: Initialisation = Xavier()


class ObservationNormalisation(Specification):
    """Subtract the running mean and divide by the running standard deviation of a replica's observations."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the normalised observation.")


class RewardScaling(Specification):
    """Divide rewards by the running standard deviation of a replica's discounted return; keep their mean."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the scaled reward.")


class Details(Specification):
    """What implementations add to the printed algorithm; each alone can be switched."""

    observation_normalisation: ObservationNormalisation | None = None
    reward_scaling: RewardScaling | None = None
    advantage_normalisation: Literal["batch", "minibatch"] | None = Field(
        None, description="Over which transitions advantages get mean 0 and standard deviation 1."
    )
    entropy_bonus: NonNegativeFloat = Field(0.0, description="Weight of the entropy in the objective.")
    max_gradient_norm: PositiveFloat | None = Field(
        None, description="A replica's gradient is shortened to this Euclidean length."
    )


# ----------------------------------------------------------------------------------------------------------
# Algorithm and run


class Algorithm(Specification):
    """A policy-gradient method: one component a slot, and named details.

    Raises:
        ValueError: if two choices contradict each other, or one would have no effect beside the other.
    """

    data: Data = WholeEpisodes()
    gamma: Discount = Field(0.99, description="Discount γ of rewards, in (0, 1].")
    advantage: Advantage = TotalReturn()
    baseline: Baseline = NoBaseline()
    surrogate: Surrogate = LogLikelihood()
    update: Update = GradientStep()
    optimiser: Adam = Adam()
    networks: Networks = Networks()
    details: Details = Details()

    @model_validator(mode="after")
    def _choices_fit_together(self) -> Self:
        """Refuse combinations that are wrong or in which an option would be dead."""
        has_critic = isinstance(self.baseline, LearnedValue)
        if isinstance(self.advantage, GAE) and not has_critic:
            raise ValueError("advantage 'gae' needs a critic: set baseline to 'learned_value'")
        if isinstance(self.data, FixedHorizon) and not has_critic:
            raise ValueError(
                "data 'fixed_horizon' cuts episodes, and only a critic can say what the cut is worth: "
                "set baseline to 'learned_value' or data to 'whole_episodes'"
            )
        if isinstance(self.update, MinibatchEpochs):
            self._minibatches_partition_the_batch(self.update)
        elif self.details.advantage_normalisation == "minibatch":
            raise ValueError(
                "details.advantage_normalisation 'minibatch' needs update 'minibatch_epochs'; "
                "one step on the whole batch normalises by 'batch'"
            )
        return self

    def _minibatches_partition_the_batch(self, update: MinibatchEpochs) -> None:
        if not isinstance(self.data, FixedHorizon):
            raise ValueError(
                "update 'minibatch_epochs' needs batches of one size: set data to 'fixed_horizon' "
                "(whole episodes differ in length)"
            )
        batch = self.data.steps * self.data.environments
        if batch % update.minibatch_size:
            raise ValueError(
                f"update.minibatch_size {update.minibatch_size} does not divide the batch of "
                f"{self.data.steps} steps × {self.data.environments} environments = {batch}"
            )


class Run(Specification):
    """An algorithm on an environment for a number of steps: what one curve of a report shows, seeds aside."""

    algorithm: Algorithm
    environment: str = Field(min_length=1, description="Gymnasium id, such as HalfCheetah-v5.")
    steps: PositiveInt = Field(description="Environment steps of each replica.")


def leaves(specification: BaseModel | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf of a specification as (dotted path, value), in the order of declaration."""
    fields = specification.model_dump() if isinstance(specification, BaseModel) else specification
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def replace(algorithm: Algorithm, overrides: Mapping[str, Any]) -> Algorithm:
    """Return the algorithm with the values at dotted paths replaced, validated as a whole.

    A path names a slot (`baseline`) or a parameter of what stands there (`advantage.lam`). A component may be
    given as a model, as a mapping with its `kind`, or as its bare name.

    Raises:
        KeyError: if a path does not exist; its message lists the paths there are.
        pydantic.ValidationError: if a value is not allowed there.
    """
    fields = algorithm.model_dump()
    for path, value in overrides.items():
        *slots, last = path.split(".")
        target: Any = fields
        for slot in slots:
            target = target.get(slot) if isinstance(target, dict) else None
        if not isinstance(target, dict) or last not in target or last == "kind":
            raise KeyError(path)
        target[last] = value.model_dump() if isinstance(value, BaseModel) else value
    return Algorithm.model_validate(fields)


def paths(algorithm: Algorithm) -> list[str]:
    """All paths that `replace` accepts on this algorithm: slots, and parameters of what stands in them."""

    def walk(fields: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for name, value in fields.items():
            if name != "kind":
                yield f"{prefix}{name}"
                if isinstance(value, Mapping):
                    yield from walk(value, f"{prefix}{name}.")

    return list(walk(algorithm.model_dump(), ""))


def difference(algorithm: Algorithm, other: Algorithm) -> dict[str, tuple[Any, Any]]:
    """Where two algorithms differ: the shortest path → (value in the first, value in the second).

    A slot that holds another component counts as one difference and is given whole.
    """

    def walk(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name in first:
            one, two = first[name], second[name]
            comparable = isinstance(one, Mapping) and isinstance(two, Mapping) and one.keys() == two.keys()
            if comparable and one.get("kind") == two.get("kind"):
                yield from walk(one, two, f"{prefix}{name}.")
            elif one != two:
                yield f"{prefix}{name}", (one, two)

    return dict(walk(algorithm.model_dump(mode="json"), other.model_dump(mode="json"), ""))


def path_safe(text: str) -> str:
    """The text with everything but letters, digits, '_' and '-' replaced, so that it can name a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)
