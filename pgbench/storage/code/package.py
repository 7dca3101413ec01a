"""The definitions of a package, by name: each module is parsed once, when something in it is first reached."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pgbench.base.places import visible
from pgbench.storage.code.bindings import Alias, Module, imported, read_module, registry
from pgbench.storage.code.canonical import canonical
from pgbench.storage.code.parts import Found, Node, Part, Place

EVERYTHING, EFFECTS = "*", ""
"""Names of places that are no definition: all that a module binds, and what importing it does besides."""


def read_sources(directory: Path) -> dict[str, str]:
    """Module → text, of a package in a directory of the same name."""
    sources = {}
    for path in visible(directory, "**/*.py"):
        parts = path.relative_to(directory.parent).with_suffix("").parts
        sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return sources


class Package:
    """What the names of a package stand for, and the canonical texts of its definitions.

    Args:
        sources: module → text; a package has the text of its `__init__`.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._packages = {name.rpartition(".")[0] for name in sources}
        self.module = cache(self._read)
        self.part = cache(self._part)
        self.is_model = cache(self._is_model)
        self.keys = cache(self._keys)
        self.loaded = cache(self._loaded)
        self.models_named = cache(self._models_named)

    def _read(self, name: str) -> Module:
        return read_module(name, self._sources[name], self._package_of(name))

    def _package_of(self, module: str) -> str:
        return module if module in self._packages else module.rpartition(".")[0]

    def find(self, module: str, name: str, attributes: Sequence[str]) -> list[Found]:
        """What a name of a module, and attributes of it, stand for; nothing for a name that it does not bind."""
        here, found = self.module(module), []
        for alias in here.bound.aliases.get(name, ()):
            if alias == Alias(module, name):  # a package that imports its own module
                found += self.imported(f"{module}.{name}", attributes)
            else:
                found += self.imported(alias.module, [*filter(None, [alias.attribute]), *attributes])
        if name in here.definitions:
            found.append(Found(Place(module, name), _dots(attributes)))
        if not found:
            starred = here.bound.aliases.get("*", ())
            found = [each for alias in starred for each in self.imported(alias.module, [name, *attributes])]
        return found

    def imported(self, module: str, attributes: Sequence[str]) -> list[Found]:
        """What attributes of an imported module stand for."""
        if module not in self._sources:
            return [Found(None, module + _dots(attributes))]
        if not attributes:
            return [Found(Place(module, EVERYTHING), "")]
        name, *rest = attributes
        found = self.find(module, name, rest) if name != EVERYTHING else []
        if found:
            return found
        if f"{module}.{name}" in self._sources:
            return self.imported(f"{module}.{name}", rest)
        return [Found(Place(module, EVERYTHING), _dots(attributes))]  # it may come about in any way

    def has(self, module: str) -> bool:
        """Whether a module is of this package."""
        return module in self._sources

    def below(self, prefix: str) -> list[str]:
        """The modules whose names begin with a prefix."""
        return sorted(name for name in self._sources if name.startswith(prefix))

    def place(self, dotted: str) -> Place:
        """The definition, or the module, with a dotted name.

        Raises:
            KeyError: if there is none.
        """
        module, _, name = dotted.rpartition(".")
        if dotted in self._sources:
            return Place(dotted, EVERYTHING)
        if module not in self._sources or name not in self.module(module).definitions:
            raise KeyError(f"the package does not define {dotted}")
        return Place(module, name)

    def statements(self, place: Place) -> list[ast.stmt]:
        """The statements of a definition, or the effects of a module."""
        module = self.module(place.module)
        return module.effects if place.name == EFFECTS else module.definitions.get(place.name, [])

    def _part(self, node: Node) -> Part:
        return canonical(self, node.place, self._package_of(node.place.module), node.aspect)

    def everything(self, module: str) -> list[tuple[str, Place]]:
        """All names that a module binds to definitions of the package, sorted, and these."""
        here = self.module(module)
        names = sorted({*here.definitions, *here.bound.aliases} - {EVERYTHING})
        found = [(name, each.place) for name in names for each in self.find(module, name, [])]
        return [(name, place) for name, place in found if place is not None]

    def _is_model(self, place: Place) -> bool:
        return Found(None, "pydantic.BaseModel") in self.ancestors(place)

    def ancestors(self, place: Place) -> list[Found]:
        """A class of the package and what it inherits from, as far as the package says."""
        found = [Found(place, "")]
        for statement in self.statements(place):
            for base in statement.bases if isinstance(statement, ast.ClassDef) else ():
                for each in self._named(place.module, base):
                    found += [each] if each.place is None or each.rest else self.ancestors(each.place)
        return found

    def _named(self, module: str, node: ast.expr) -> list[Found]:
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return []
        return self.find(module, node.id, names) or [Found(None, ".".join([node.id, *names]))]

    def _models_named(self, name: str) -> list[Place]:
        """All models with a name."""
        defining = [
            Place(module, name)
            for module, text in self._sources.items()
            if f"class {name}(" in text and name in self.module(module).definitions
        ]
        return [place for place in defining if self.is_model(place)]

    def _keys(self, place: Place) -> tuple[str, ...]:
        """The keys of a registry, with those of the registries in it; none if one of them is anything else."""
        dictionary, found = registry(self.statements(place)), []
        for key, value in zip(dictionary.keys, dictionary.values, strict=True) if dictionary else ():
            if isinstance(key, ast.Constant):
                found.append(str(key.value))
                continue
            inner = [self.keys(each.place) for each in self._named(place.module, value) if each.place]
            if len(inner) != 1 or not inner[0]:
                return ()
            found += inner[0]
        return tuple(found) if len(set(found)) == len(found) else ()

    def _loaded(self, module: str) -> frozenset[str]:
        """The modules of the package that importing a module imports, itself among them."""
        found: set[str] = set()
        waiting = {*imported([module], self._sources)}
        while waiting:
            name = waiting.pop()
            found.add(name)
            waiting |= imported(self.module(name).loads, self._sources) - found
        return frozenset(found)


def _dots(attributes: Sequence[str]) -> str:
    return "".join(f".{name}" for name in attributes)
