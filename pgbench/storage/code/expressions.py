"""The canonical text of expressions: what they compute, whatever Python parses them and wherever they stand.

A reference to something in the package is a placeholder, beside which its target is kept, so that the text does not
say in which file the target stands. A name from outside is written in full, however it was imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from pgbench.storage.code.bindings import Bindings, Comprehension, bindings, parameters
from pgbench.storage.code.parts import Choice, Condition, Draft, Entry, Found, Mention, Place, Use, node_of

IGNORED = {"annotation", "ctx", "kind", "returns", "type_comment", "type_ignores", "type_params"}
"""Fields of a tree that decide nothing, or that only some versions of Python have."""
ENVIRONMENT = re.compile(r"(?:[\w.-]+[:/])*[\w.-]+-v\d+")
"""What a Gymnasium id looks like."""
ANY_NAME = {"__import__", "eval", "exec", "globals", "locals", "vars"}
"""Builtins that can reach any name of the module."""
FOR_READERS = {"description", "title", "examples"}
"""Arguments of pydantic's `Field` that only schemas show."""


class Names(Protocol):
    """What a writer asks the package about."""

    def find(self, module: str, name: str, attributes: Sequence[str]) -> list[Found]:
        """What a name of a module, and attributes of it, stand for; nothing for a name that it does not bind."""
        ...

    def imported(self, module: str, attributes: Sequence[str]) -> list[Found]:
        """What attributes of an imported module stand for."""
        ...

    def statements(self, place: Place) -> list[ast.stmt]:
        """The statements of a definition."""
        ...

    def keys(self, place: Place) -> tuple[str, ...]:
        """The keys of a registry; none if the definition is anything else."""
        ...

    def is_model(self, place: Place) -> bool:
        """Whether it is a class whose annotations pydantic reads."""
        ...

    def below(self, prefix: str) -> list[str]:
        """The modules whose names begin with a prefix."""
        ...


@dataclass
class _Scope:
    bound: Bindings
    is_class: bool = False


class Expressions:
    """Writes expressions; `write` and what it calls add to the draft that is open.

    Args:
        names: of the package.
        module: in which the expressions stand.
        package: from which relative imports start.
    """

    def __init__(self, names: Names, module: str, package: str) -> None:
        self.names, self.module, self.package = names, module, package
        self.draft = Draft()
        self._scopes: list[_Scope] = []
        self._use: Use = "value"

    @contextmanager
    def drafting(self) -> Iterator[Draft]:
        """Write into a new draft."""
        before, self.draft = self.draft, Draft()
        yield self.draft
        self.draft = before

    @contextmanager
    def using(self, use: Use) -> Iterator[None]:
        """Write references as of this use."""
        before, self._use = self._use, use
        yield
        self._use = before

    @contextmanager
    def scope(self, nodes: Iterable[ast.AST], is_class: bool = False) -> Iterator[None]:
        """Write what stands in a scope of its own, in which these nodes bind names."""
        bound = bindings(nodes, self.package)
        self.draft.loads |= bound.modules
        self._scopes.append(_Scope(bound, is_class))
        yield
        self._scopes.pop()

    def put(self, *texts: str) -> None:
        """Write texts as they are."""
        self.draft.text += texts

    def refer(self, found: Found, use: Use | None = None) -> None:
        """Write what a dotted name stands for."""
        if found.place is None:
            self.put(found.rest)
        else:
            self.put("@", found.rest)
            self.draft.references.append(Mention(node_of(found.place), use or self._use))

    def choose(self, choices: Iterable[tuple[Condition, Callable[[], None]]]) -> None:
        """Write one placeholder for texts that count under conditions."""
        written = []
        for condition, write in choices:
            with self.drafting() as draft:
                write()
            written.append(Choice(condition, draft.finished()))
        self.put("§")
        self.draft.choices.append(tuple(written))

    # ------------------------------------------------------------------------------------------------------
    # Names

    def dotted(self, node: ast.AST) -> list[Found] | None:
        """What an expression such as `name.attribute` stands for; None if it is a local value or anything else."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            return None
        found = self._resolved(node.id, attributes)
        return [Found(None, ".".join([node.id, *attributes]))] if found == [] else found

    def _resolved(self, name: str, attributes: Sequence[str]) -> list[Found] | None:
        for depth, scope in enumerate(reversed(self._scopes)):
            if scope.is_class and depth:
                continue  # the names of a class are not seen in its methods
            found: list[Found] = []
            for alias in scope.bound.aliases.get(name, ()):
                path = [*filter(None, [alias.attribute]), *attributes]
                found += self.names.imported(alias.module, path)
            if found:
                return found
            if name in scope.bound.names and not scope.is_class:
                return None
        return self.names.find(self.module, name, attributes)

    def is_one_of(self, node: ast.AST, *names: str) -> bool:
        """Whether an expression is one of some names outside the package."""
        return any(found.place is None and found.rest in names for found in self.dotted(node) or ())

    def registry_of(self, node: ast.expr) -> tuple[Found, tuple[str, ...]] | None:
        """The definition with keys that an expression names, and the keys."""
        match self.dotted(node):
            case [Found(place=Place() as place, rest="") as found]:
                keys = self.names.keys(place)
                return (found, keys) if keys else None
            case _:
                return None

    # ------------------------------------------------------------------------------------------------------
    # Trees

    def write(self, node: object) -> None:
        """Write any node, field or constant."""
        match node:
            case ast.Name() | ast.Attribute() if found := self.dotted(node):
                for each in found:
                    self.refer(each)
            case ast.AST():
                special = getattr(self, f"_write_{type(node).__name__.lower()}", self.write_generic)
                special(node)
            case list():
                self.put("[")
                for each in node:
                    self.write(each)
                    self.put(",")
                self.put("]")
            case None:  # such as the key of `**` in a dictionary
                self.put("~")
            case _:
                self.put(ascii(node))

    def write_generic(self, node: ast.AST) -> None:
        """Write the kind of a node, and those of its fields that are there."""
        self.put(type(node).__name__, "(")
        for name, value in ast.iter_fields(node):
            if name not in IGNORED and value is not None and value != []:
                self.put(name, "=")
                self.write(value)
                self.put(" ")
        self.put(")")

    def _write_constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and ENVIRONMENT.fullmatch(node.value):
            self.draft.words.add(node.value)
        self.put("Constant ", ascii(node.value))

    def _write_joinedstr(self, node: ast.JoinedStr) -> None:
        """Versions of Python cut the text between two expressions differently."""
        self.put("f(")
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            self.put(ascii(text))
            text = ""
            self.write(part)
        self.put(ascii(text), ")")

    def _write_call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(func=function) if self.is_one_of(function, "pydantic.Field"):
                kept = [each for each in node.keywords if each.arg not in FOR_READERS]
                self.write_generic(ast.Call(function, node.args, kept))
            case ast.Call(func=function, args=[value, kind]) if self.is_one_of(function, "isinstance"):
                self.put("isinstance(")
                self.write(value)
                with self.using("asked"):
                    self.write(kind)
                self.put(")")
            case ast.Call(func=function, args=[name, *_]) if self.is_one_of(
                function, "importlib.import_module"
            ):
                self.write_generic(node)
                self._write_imported(name)
            case ast.Call(func=function, args=arguments) if self.is_one_of(function, *ANY_NAME):
                if not (arguments and self.is_one_of(function, "vars")):
                    self.refer(Found(Place(self.module, "*"), ""), "value")
                self.write_generic(node)
            case _:
                self.write_generic(node)

    def _write_imported(self, name: ast.expr) -> None:
        """The modules that `import_module` can import: entries, by their last names, below the constant prefix."""
        match name:
            case ast.Constant(value=str(module)):
                modules = [each for each in self.names.below(module) if each == module]
            case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
                modules = self.names.below(prefix)
            case ast.BinOp(left=ast.Constant(value=str(prefix)), op=ast.Add()):
                modules = self.names.below(prefix)
            case _:
                modules = self.names.below("")
        keys = tuple(module.rpartition(".")[2] for module in modules)
        self.choose((Entry(key, keys), self._module(each)) for each, key in zip(modules, keys, strict=True))

    def _module(self, name: str) -> Callable[[], None]:
        return lambda: self.refer(Found(Place(name, "*"), ""), "value")

    def _write_subscript(self, node: ast.Subscript) -> None:
        self.put("Subscript(")
        self.write_looked_up(node.value)
        self.write(node.slice)
        self.put(")")

    def _write_compare(self, node: ast.Compare) -> None:
        self.put("Compare(")
        self.write(node.left)
        for operator, other in zip(node.ops, node.comparators, strict=True):
            self.write(operator)
            if isinstance(operator, ast.In | ast.NotIn):
                self.write_looked_up(other)
            else:
                self.write(other)
        self.put(")")

    def write_looked_up(self, node: ast.expr) -> None:
        """Write that in which a key is looked up."""
        registry = self.registry_of(node)
        if registry is None:
            self.write(node)
        else:
            self.refer(registry[0], "looked_up")

    def _write_lambda(self, node: ast.Lambda) -> None:
        self.put("Lambda(")
        self.write(node.args)
        with self.scope([*parameters(node.args), node.body]):
            self.write(node.body)
        self.put(")")

    def _comprehension(self, node: Comprehension) -> None:
        first, *others = node.generators
        self.put(type(node).__name__, "(")
        self.write(first.iter)  # is evaluated outside
        with self.scope([each.target for each in node.generators]):
            self.write([first.target, first.ifs, first.is_async, *others])
            self.write([getattr(node, name) for name in ("key", "value", "elt") if hasattr(node, name)])
        self.put(")")

    _write_listcomp = _write_setcomp = _write_dictcomp = _write_generatorexp = _comprehension
