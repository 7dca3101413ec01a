"""What a job reaches in a package: the definitions that decide what it computes, and a digest of them.

The search is a rapid type analysis (Bacon and Sweeney 1996): an arm of a `match` counts once an instance of its
class can exist, because the job's specification holds one, or because code that is reached mentions the class.

Two things it takes for granted. Code looks up environments by the id of the run, or by one that stands in the code
as a string. A decorator, or a call that gives a name its value, changes nothing else in the package on import.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, assert_never

from pgbench.storage.code.expressions import ENVIRONMENT
from pgbench.storage.code.package import EFFECTS, EVERYTHING, Package
from pgbench.storage.code.parts import (
    AllOf,
    AnyOf,
    Choice,
    Condition,
    Entry,
    Found,
    Heard,
    IsInstance,
    Listed,
    Mention,
    Node,
    Part,
    Place,
    node_of,
)


class Model(NamedTuple):
    """An instance that a specification holds: the name of its class, and the values that a pattern can ask for."""

    name: str
    values: tuple[tuple[str, str | bool | None], ...]


class Job(NamedTuple):
    """What is known of a job before it starts.

    Attributes:
        models: the instances that its specification holds; None: any instance of any class may be read from a file.
        names: what it looks up in registries, such as its environment.
        others: all names among which these are, if they are no ids of environments: a registry in which only such
            names are keys is taken for one of theirs.
    """

    models: frozenset[Model] | None = None
    names: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


def digest(package: Package, entries: Iterable[str], job: Job) -> str:
    """Eight hexadecimal digits over all that a job reaches.

    Args:
        package: the code.
        entries: dotted names of the definitions, or modules, where the job begins.
        job: what is known of it.
    """
    return Reach(package, entries, job).digest()


class Reach:
    """What a job reaches.

    Args:
        package: the code.
        entries: dotted names of the definitions, or modules, where the job begins.
        job: what is known of it.

    Attributes:
        nodes: what is reached.
    """

    def __init__(self, package: Package, entries: Iterable[str], job: Job) -> None:
        self._package, self._job = package, job
        self._given: dict[str, list[dict[str, str | bool | None]]] = {}
        for model in job.models or ():
            self._given.setdefault(model.name, []).append(dict(model.values))
        self._by_environment = any(map(ENVIRONMENT.fullmatch, job.names))
        self._roots = [node_of(package.place(entry)) for entry in entries]
        self._roots += [
            node_of(place, "behaviour")
            for name in sorted(self._given)
            for place in package.models_named(name)
        ]
        self.nodes: set[Node] = set()
        self._made: set[Place] = set()
        self._words: set[str] = set()
        self._heard: set[Found] = set()
        self._loaded: set[str] = set()
        self._waiting: list[Node] = []
        self._undecided: list[Choice] = []
        self._chosen: set[int] = set()
        self._find()

    @property
    def names(self) -> list[str]:
        """The dotted names of all that is reached, sorted."""
        return sorted({".".join(node.place) for node in self.nodes})

    # ------------------------------------------------------------------------------------------------------
    # What is reached

    def _find(self) -> None:
        for node in self._roots:
            self._reach(node)
        undecided: list[Choice] = []
        while self._waiting or len(undecided) != len(self._undecided):
            while self._waiting:
                self._open(self._waiting.pop())
            undecided, self._undecided = self._undecided, []
            for choice in undecided:
                if self._holds(choice.condition):
                    self._chosen.add(id(choice.part))
                    self._take(choice.part)
                else:
                    self._undecided.append(choice)

    def _reach(self, node: Node) -> None:
        if node in self.nodes:
            return
        self.nodes.add(node)
        self._waiting.append(node)
        if node.aspect == "whole":
            self._made.add(node.place)
        if node.place.module not in self._loaded:
            self._load(node.place.module)

    def _load(self, module: str) -> None:
        for name in self._package.loaded(module) - self._loaded:
            self._loaded.add(name)
            if self._package.statements(Place(name, EFFECTS)):
                self._reach(node_of(Place(name, EFFECTS)))

    def _open(self, node: Node) -> None:
        if node.place.name != EVERYTHING:
            self._take(self._package.part(node))
            return
        for _, place in self._package.everything(node.place.module):
            self._reach(node_of(place))

    def _take(self, part: Part) -> None:
        """Reach what a text that counts refers to."""
        self._words |= part.words
        self._heard |= part.hears
        for module in part.loads:
            if self._package.has(module):
                self._load(module)
        for reference in part.references:
            if reference.use == "value":
                self._reach(reference.node)
            elif (reference.use != "asked" or self._job.models is None) and (node := self._node(reference)):
                self._reach(node)
                if reference.use == "base":
                    self._made.add(node.place)
        for choices in part.choices:
            self._undecided += choices

    def _node(self, reference: Mention) -> Node | None:
        """What counts of a definition that is referred to; None if the text asks for what cannot exist."""
        place, use = reference.node.place, reference.use
        match use:
            case "value":
                return reference.node
            case "looked_up":
                return node_of(place, "entries" if self._is_filtered(self._package.keys(place)) else "whole")
            case "base":
                model = self._job.models is not None and self._package.is_model(place)
                return node_of(place, "behaviour" if model else "whole")
            case "given":
                return node_of(place, "behaviour" if self._is_given(place) else "whole")
            case "asked" if self._job.models is None:
                return reference.node
            case "asked":
                nodes = node_of(place), node_of(place, "behaviour")
                return next((node for node in nodes if node in self.nodes), None)
            case _:
                assert_never(use)

    def _is_given(self, place: Place) -> bool:
        """Whether the instances that are read are those of the specification."""
        return place.name in self._given and self._package.is_model(place)

    def _is_filtered(self, keys: Sequence[str]) -> bool:
        """Whether it is known what the job looks up in a registry with these keys."""
        if self._by_environment:
            return all(map(ENVIRONMENT.fullmatch, keys))
        return self._job.others.issuperset(keys)

    # ------------------------------------------------------------------------------------------------------
    # What counts

    def _holds(self, condition: Condition) -> bool:
        """Whether a condition holds, by what has been found so far; what holds once, holds for good."""
        match condition:
            case IsInstance():
                return self._may_exist(condition)
            case AllOf(conditions=conditions):
                return all(map(self._holds, conditions))
            case AnyOf(conditions=conditions):
                return any(map(self._holds, conditions))
            case Listed(keys=keys, inside=inside):
                names = self._job.names | self._words
                return not self._is_filtered(keys) or any((name in keys) == inside for name in names)
            case Entry(key=key, keys=keys):
                return not self._is_filtered(keys) or key in self._job.names or key in self._words
            case Heard(exception=exception):
                return any(self._catches(heard, exception) for heard in self._heard)
            case _:
                assert_never(condition)

    def _may_exist(self, condition: IsInstance) -> bool:
        place, fields = condition.place, condition.fields
        if self._job.models is None or place in self._made:
            return True
        if not self._is_given(place):
            return False
        given = self._given[place.name]
        return any(all(values.get(name, value) == value for name, value in fields) for values in given)

    def _catches(self, handler: Found, raised: Found | None) -> bool:
        if raised is None:
            return True
        kinds = [raised] if raised.place is None else self._package.ancestors(raised.place)
        known = [getattr(builtins, kind.rest, None) for kind in kinds if kind.place is None]
        names = {parent.__name__ for kind in known if isinstance(kind, type) for parent in kind.__mro__}
        return handler in kinds or (
            handler.place is None and handler.rest in names | {"Exception", "BaseException"}
        )

    # ------------------------------------------------------------------------------------------------------
    # The digest

    def digest(self) -> str:
        """Eight hexadecimal digits over what is reached.

        Each definition has a number by the order in which it is first referred to. The numbers say what refers to
        what, without a word on where it stands.
        """
        order = list(dict.fromkeys([*self._roots, *self._effects()]))
        numbers = {node: number for number, node in enumerate(order)}
        text: list[object] = []
        for node in order:  # grows while it is read
            text.append(";")
            if node.place.name != EVERYTHING:
                self._append(self._package.part(node), text, order, numbers)
                continue
            for name, place in self._package.everything(node.place.module):
                text += name, _number(node_of(place), order, numbers)
        return hashlib.sha256(",".join(map(str, text)).encode()).hexdigest()[:8]

    def _effects(self) -> list[Node]:
        """What importing modules does, by its content, whatever the modules are called."""
        nodes = [node for node in self.nodes if node.place.name == EFFECTS]
        return sorted(nodes, key=lambda node: (self._package.part(node).digest, node.place))

    def _append(self, part: Part, text: list[object], order: list[Node], numbers: dict[Node, int]) -> None:
        """Add a text that counts, and the numbers of what it refers to."""
        text.append(part.digest)
        for reference in part.references:
            node = reference.node if reference.use == "value" else self._node(reference)
            text.append(None if node is None else _number(node, order, numbers))
        for choices in part.choices:
            text.append("{")
            for choice in choices:
                if id(choice.part) in self._chosen:
                    self._append(choice.part, text, order, numbers)
            text.append("}")


def _number(node: Node, order: list[Node], numbers: dict[Node, int]) -> int:
    """The number of what is referred to; the next one for what is new."""
    number = numbers.setdefault(node, len(order))
    if number == len(order):
        order.append(node)
    return number
