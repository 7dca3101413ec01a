"""The search for dead options: pairs of specifications that differ in one leaf and train alike.

The leaves and their values come from the models, so that a new component is searched as soon as it exists.
Trainings are tiny: eight steps a batch, episodes of at most five, networks of three units. Their numbers are large
where a bound must be reached to be seen.
"""

import itertools
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import gymnasium
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pgbench import environments
from pgbench.base.specification import Specification
from pgbench.methods import paths
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.compatibility.of_actions import action_faults
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.runs import Run
from pgbench.training.loop import Trainer

VISIBLE: Mapping[str, Any] = {
    "data.steps": 8,
    "data.episodes": 3,
    "data.capacity": 12,
    "data.batch_size": 4,
    "data.warm_up": 4,
    "networks.hidden": (3,),
    "advantage.n": 2,
    "baseline.fit.steps": 3,
    "baseline.fit.minibatch_size": 4,
    "baseline.fit.learning_rate": 0.005,
    "baseline.fit.optimiser.learning_rate": 0.02,
    "baseline.fit.optimiser.epsilon": 0.001,
    "surrogate.epsilon": 0.02,
    "surrogate.target": 0.1,
    "surrogate.epsilon_high": 0.03,
    "surrogate.maximum": 1.001,
    "advantage.rho_max": 1.001,
    "advantage.c_max": 1.001,
    "baseline.target.rho_max": 1.001,
    "baseline.target.c_max": 1.001,
    "update.epochs": 2,
    "update.minibatch_size": 4,
    "update.max_kl": 0.02,
    "update.delta": 0.5,
    "update.final_delta": 0.1,
    "update.solver.steps": 2,
    "update.solver.damping": 0.001,
    "update.line_search.backtracks": 2,
    "update.line_search.least_gain": 0.9,
    "update.optimiser.learning_rate": 0.02,
    "update.optimiser.epsilon": 0.001,
    "update.optimiser.decay.target": 0.0015,
    "update.optimiser.decay.band": 1.2,
    "update.optimiser.decay.factor": 1.1,
    "update.optimiser.decay.smallest": 0.0185,
    "update.optimiser.decay.largest": 0.0215,
    "details.observation_normalisation.clip": 0.5,
    "details.observation_normalisation.minimum_variance": 1.0,
    "details.reward_scaling.clip": 0.2,
    "details.reward_offset": 0.5,
    "details.time_limit": 3,
    "details.value_clip": 0.01,
    "details.max_gradient_norm": 2.0,
}
"""Numbers whose effect a tiny training shows. A leaf that is not named here keeps its default."""

VISIBLE_IN_EPOCHS = {**VISIBLE, "update.optimiser.decay.target": 0.012}
"""The same for updates of several epochs, which move the policy further than a single step."""

KEPT = (None, 1, ())
"""Values that say something that `VISIBLE` must not overwrite: off, one, and nothing."""


class Brief(gymnasium.Env):
    """Noisy episodes of at most five steps: about a third of them terminate, the others are cut."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)

    def __init__(self, discrete: bool) -> None:
        box = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(3) if discrete else box

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.normal(size=2), {}

    def step(self, action):
        luck = self.np_random.normal(size=3)
        reward = float(np.sum(action)) + luck[2]
        return luck[:2], reward, bool(luck[2] > 1.2), False, {}


WORLDS = {"BriefBox-v0": False, "BriefDiscrete-v0": True}
STEPS = 16
"""Of each training: two updates or more, so that what an update leaves for the next one is seen."""
SAME = ({"log_likelihood", "importance_ratio"},)
"""Components that may do the same. Where the policy has not moved, the gradient of the ratio is that of the
likelihood: the lineage replaces one by the other to say so, and the study `ladder` tests that it changes nothing.
"""
ROUNDING = 1e-5
"""Parameters that differ by no more than this differ by rounding: a step of Adam is 2,000 times as long."""


def register() -> None:
    """Make the worlds known to Gymnasium, once."""
    for name, discrete in WORLDS.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, Brief, kwargs={"discrete": discrete}, max_episode_steps=5)


# ----------------------------------------------------------------------------------------------------------
# Leaves and their values


def visible(algorithm: Algorithm) -> Algorithm:
    """The algorithm with numbers whose effect a tiny training shows."""
    numbers = VISIBLE_IN_EPOCHS if algorithm.update.kind == "minibatch_epochs" else VISIBLE
    return Algorithm.model_validate(_shown(algorithm.model_dump(), "", numbers))


def _shown(fields: Mapping[str, Any], prefix: str, numbers: Mapping[str, Any] = VISIBLE) -> dict[str, Any]:
    """The fields of a specification at a path, with visible numbers wherever they say something else."""
    shown = {}
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            shown[name] = _shown(value, f"{path}.", numbers)
        else:
            shown[name] = numbers[path] if path in numbers and value not in KEPT else value
    return shown


def alternatives(algorithm: Algorithm) -> Iterator[tuple[str, Any]]:
    """Each leaf of an algorithm with each other value that the search gives it, allowed there or not."""
    for path in paths.settable_paths(algorithm):
        *slots, name = path.split(".")
        parent: Any = algorithm
        for slot in slots:
            parent = getattr(parent, slot)
        field, present = type(parent).model_fields[name], getattr(parent, name)
        for value in _values(field.annotation, field.metadata, present, path):
            if value != present:
                yield path, value


def _values(annotation: Any, bounds: Sequence[Any], present: Any, path: str) -> Iterator[Any]:
    """Values that a field of this type is given: all of a few, some of many."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from _values(arguments[0], [*bounds, *annotation.__metadata__], present, path)
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from [None] if argument is type(None) else _values(argument, bounds, present, path)
    elif origin is Literal:
        yield from arguments
    elif origin is tuple:
        yield from ((), (3,), (4,))
    elif annotation is bool:
        yield from (False, True)
    elif annotation in (int, float):
        yield from _numbers(annotation, bounds, present, path)
    elif isinstance(annotation, type) and issubclass(annotation, Specification):
        # A part that is always there, such as the details, has leaves of its own.
        if not isinstance(present, annotation) and (present is None or "kind" in annotation.model_fields):
            yield annotation.model_validate(_shown(annotation().model_dump(), f"{path}."))
    else:
        raise TypeError(f"the search does not know what to try at {path}, of type {annotation}")


def _numbers(kind: type, bounds: Sequence[Any], present: float | None, path: str) -> Iterator[float]:
    """The number itself and others that are far from it, as far as its bounds allow."""
    number = VISIBLE.get(path, kind(1)) if present is None else present
    if kind is int:
        tried = [number, 1, 2 * number]
    else:
        tried = [number, number / 100, 100 * number] if number else [number, 0.1, 0.9]
        far = all(_within(value, bounds) for value in (number / 100, 100 * number))
        tried += [] if far else [0.5 * (1 + number)]
    yield from (value for value in tried if _within(value, bounds))


def _within(value: float, bounds: Sequence[Any]) -> bool:
    """Whether a number is within its field's bounds."""
    for bound in bounds:
        match bound:
            case FieldInfo(metadata=inner) if not _within(value, inner):
                return False
            case annotated_types.Gt(gt=limit) if not value > limit:
                return False
            case annotated_types.Ge(ge=limit) if not value >= limit:
                return False
            case annotated_types.Lt(lt=limit) if not value < limit:
                return False
            case annotated_types.Le(le=limit) if not value <= limit:
                return False
    return True


def changed(algorithm: Algorithm, path: str, value: Any) -> Algorithm | None:
    """The algorithm with another value at one path; None where the choices do not go together."""
    try:
        return paths.with_values(algorithm, {path: value})
    except ValidationError:
        return None


# ----------------------------------------------------------------------------------------------------------
# Contexts: members, and members with one other choice


def contexts() -> list[Algorithm]:
    """Each member, and members with one choice changed that may make another one idle.

    Such a choice is a component, something turned on or off, a word, a count of one or none. Another size makes
    nothing idle. Of the members that share data and update, the first that can make a change makes it.
    """
    members = [visible(member.algorithm) for member in LINEAGE.values()]
    found = {member.digest: member for member in members}
    made: set[tuple[Any, ...]] = set()
    for member in members:
        for path, value in alternatives(member):
            change = path, str(value), member.data.kind, member.update.kind
            if change in made or _is_size(member, path, value):
                continue
            if (other := changed(member, path, value)) is not None:
                made.add(change)
                other = visible(other)
                found.setdefault(other.digest, other)
    return list(found.values())


def _is_size(algorithm: Algorithm, path: str, value: Any) -> bool:
    """Whether a value is another number or shape where there is one already, and neither 1 nor nothing."""
    turned_on = _at(algorithm, path) is None and value in (VISIBLE.get(path), True, 0.1)
    return isinstance(value, int | float | tuple) and not (turned_on or value in (0, 1, ()))


def _at(algorithm: Algorithm, path: str) -> Any:
    value: Any = algorithm
    for name in path.split("."):
        value = getattr(value, name)
    return value


# ----------------------------------------------------------------------------------------------------------
# Trainings and pairs


@dataclass(frozen=True)
class Pair:
    """Two specifications that differ in one leaf and end with the same parameters.

    Attributes:
        algorithm: with the first value.
        path: of the leaf.
        one: its value there.
        other: the value that changes nothing.
    """

    algorithm: Algorithm
    path: str
    one: Any
    other: Any

    def __str__(self) -> str:
        near = min(
            LINEAGE.values(),
            key=lambda member: len(paths.difference(visible(member.algorithm), self.algorithm)),
        )
        context = {k: v[1] for k, v in paths.difference(visible(near.algorithm), self.algorithm).items()}
        return f"{near.name} with {context}: {self.path} {self.one} = {self.other}"


Variant = tuple[Any, Algorithm]
"""A value of a leaf, and the algorithm with it."""


class Search:
    """Trains specifications, each once, and compares those that differ in one leaf."""

    def __init__(self) -> None:
        self.pairs = 0
        self._known: dict[tuple[str, str, int], NDArray[np.float32] | None] = {}

    @property
    def trainings(self) -> int:
        """How many specifications were trained."""
        return len(self._known)

    def dead(self, algorithm: Algorithm, only: str | None = None) -> Iterator[Pair]:
        """The leaves of an algorithm that change nothing there, each with the values that end alike.

        A number is dead if none of its values matters; of other leaves, each pair of values must differ.

        Args:
            algorithm: the context.
            only: the path of a leaf; None: all of them.
        """
        grouped: dict[str, list[Any]] = {}
        for path, value in alternatives(algorithm):
            if only in (None, path):
                grouped.setdefault(path, []).append(value)
        for path, values in grouped.items():
            variants = [(_at(algorithm, path), algorithm)]
            variants += [(value, other) for value in values if (other := changed(algorithm, path, value))]
            found = self._alike_among(variants)
            yield from (Pair(one[1], path, one[0], other[0]) for one, other in found)

    def _alike_among(self, variants: Sequence[Variant]) -> list[tuple[Variant, Variant]]:
        """The pairs of variants that end alike; of a number none, as soon as one of its pairs differs."""
        is_number = all(type(value) in (int, float, NoneType) for value, _ in variants)
        alike = []
        for one, other in itertools.combinations(variants, 2):
            self.pairs += 1
            if {getattr(value, "kind", None) for value, _ in (one, other)} in SAME:
                continue
            if self._alike(one[1], other[1]):
                alike.append((one, other))
            elif is_number:
                return []
        return alike

    def _alike(self, one: Algorithm, other: Algorithm) -> bool:
        """Whether both end with the same finite parameters, with every kind of action and with another seed."""
        comparisons = 0
        for world, seed in itertools.product(WORLDS, (0, 1)):
            if _refused(one, world) or _refused(other, world):  # the other kind of action judges
                continue
            first, second = self._end(one, world, seed), self._end(other, world, seed)
            comparisons += 1
            if first is None or second is None or first.shape != second.shape:
                return False
            if not np.allclose(first, second, rtol=0.0, atol=ROUNDING):
                return False
        return comparisons > 0

    def _end(self, algorithm: Algorithm, world: str, seed: int) -> NDArray[np.float32] | None:
        """All parameters after a training; None if one is not finite."""
        key = algorithm.model_dump_json(), world, seed
        if key not in self._known:
            self._known[key] = _train(algorithm, world, seed)
        return self._known[key]


class _Unwatched(Trainer):
    """Training without metrics, which take half its time."""

    def _metrics_due(self, before: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.zeros(len(before), dtype=bool)


def _refused(algorithm: Algorithm, world: str) -> bool:
    """Whether the choices have no meaning for the actions of a world."""
    return any(action_faults(algorithm, environments.kind_of_actions(world)))


def _train(algorithm: Algorithm, world: str, seed: int) -> NDArray[np.float32] | None:
    trainer = _Unwatched(Run(algorithm=algorithm, environment=world, steps=STEPS), [seed])
    with closing(trainer):
        for _ in trainer.records():
            pass
    if trainer.learner.diverged().any():
        return None
    return np.concatenate([part.values.detach().numpy().ravel() for part in trainer.learner.parts])
