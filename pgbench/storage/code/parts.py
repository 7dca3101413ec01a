"""Parts of definitions: a text, what it refers to, and the parts of it that count only under a condition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple

Use = Literal["value", "given", "base", "asked", "looked_up"]
"""How a definition is referred to: as a value; as the type of data that are read; as a base class; to ask what is
an instance of it; or to look up a key in it."""


class Place(NamedTuple):
    """Where a definition stands; the name `*` is all that a module defines, and the empty one its effects."""

    module: str
    name: str


Aspect = Literal["whole", "behaviour", "entries"]
"""All of a definition; of a model whose instances are given in full, its methods; or, of a registry, those entries
that can be looked up."""


@dataclass(frozen=True, eq=False)
class Node:
    """What counts of a definition; made by `node_of` only, so that equal nodes are one object."""

    place: Place
    aspect: Aspect


@cache
def node_of(place: Place, aspect: Aspect = "whole") -> Node:
    """The node of a place and an aspect. A search compares nodes a million times, by identity in no time."""
    return Node(place, aspect)


class Mention(NamedTuple):
    """A definition that a text refers to, all of it if nothing else follows from the use."""

    node: Node
    use: Use


class Found(NamedTuple):
    """What a dotted name stands for: a place in the package or, without one, the text of a name outside."""

    place: Place | None
    rest: str


# ----------------------------------------------------------------------------------------------------------
# Conditions


@dataclass(frozen=True)
class IsInstance:
    """An object can be an instance of a class whose fields have these values."""

    place: Place
    fields: tuple[tuple[str, str | bool | None], ...] = ()


@dataclass(frozen=True)
class AllOf:
    """All of some conditions hold."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class AnyOf:
    """One of some conditions holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Listed:
    """What is looked up can be one of some keys or, if not `inside`, can be none of them."""

    keys: tuple[str, ...]
    inside: bool = True


@dataclass(frozen=True)
class Entry:
    """The entry of a key, among all of its registry, can be looked up."""

    key: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """Something looks into an exception of this kind, so that what it says matters; None: of any kind."""

    exception: Found | None


def all_of(conditions: Iterable[Condition]) -> Condition:
    """All of some conditions hold, as the simplest condition that says so."""
    kept = tuple(each for each in conditions if each != AllOf())
    return kept[0] if len(kept) == 1 else AllOf(kept)


Condition = IsInstance | AllOf | AnyOf | Listed | Entry | Heard


class Choice(NamedTuple):
    """A text that counts under a condition."""

    condition: Condition
    part: Part


@dataclass(frozen=True)
class Part:
    """A canonical text.

    Attributes:
        digest: of the text, with placeholders for references and choices.
        references: in the order of their placeholders.
        choices: the same; one placeholder stands for all choices of one place.
        words: environments that strings in it name.
        hears: the exceptions whose contents it looks into.
        loads: modules that it imports.
    """

    digest: str
    references: tuple[Mention, ...]
    choices: tuple[tuple[Choice, ...], ...]
    words: frozenset[str]
    hears: frozenset[Found]
    loads: frozenset[str]


@dataclass
class Draft:
    """A part that is being written."""

    text: list[str] = field(default_factory=list)
    references: list[Mention] = field(default_factory=list)
    choices: list[tuple[Choice, ...]] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    hears: set[Found] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)

    def finished(self) -> Part:
        """The part, now that its text is whole."""
        return Part(
            hashlib.sha256("".join(self.text).encode()).hexdigest(),
            tuple(self.references),
            tuple(self.choices),
            frozenset(self.words),
            frozenset(self.hears),
            frozenset(self.loads),
        )
