"""The canonical text of a definition: what it does, and nothing that decides no number.

Left out are comments, docstrings, annotations, imports, the texts of refusals, and the descriptions of fields.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from pgbench.storage.code.bindings import parameters, registry
from pgbench.storage.code.expressions import Expressions, Names
from pgbench.storage.code.parts import (
    AllOf,
    AnyOf,
    Aspect,
    Condition,
    Entry,
    Found,
    Heard,
    IsInstance,
    Listed,
    Part,
    Place,
    all_of,
)

CHECKS = {"field_validator", "model_validator", "field_serializer", "model_serializer"}
"""Decorators of pydantic that say which values are let in, and how they are written down."""
MARKERS = ("ClassVar", "InitVar", "KW_ONLY")
"""Annotations that a dataclass looks at."""
SIMPLE = ast.Assign | ast.AnnAssign | ast.AugAssign


def canonical(names: Names, place: Place, package: str, aspect: Aspect) -> Part:
    """The canonical text of a definition.

    Args:
        names: of the package.
        place: of the definition.
        package: from which relative imports in it start.
        aspect: which part of it counts.
    """
    writer, statements = _Definitions(names, place.module, package), names.statements(place)
    with writer.drafting() as draft:
        if aspect == "entries":
            writer.entries(place, statements)
        for statement in statements if aspect != "entries" else []:
            if isinstance(statement, ast.ClassDef):
                writer.class_definition(statement, names.is_model(place), aspect == "behaviour")
            else:
                writer.block([statement])
    return draft.finished()


class _Definitions(Expressions):
    """Writes statements, functions and classes."""

    def entries(self, place: Place, statements: Sequence[ast.stmt]) -> None:
        """A registry, each entry under the condition that it can be looked up."""
        dictionary, keys = registry(statements), self.names.keys(place)
        assert dictionary is not None
        self.put("Entries ", place.name, "(")
        items = list(zip(dictionary.keys, dictionary.values, strict=True))
        for _, other in (item for item in items if item[0] is None):
            self.write_looked_up(other)
        written = [(key, value) for key, value in items if isinstance(key, ast.Constant)]
        self.choose((Entry(str(key.value), keys), self._writing(key, value)) for key, value in written)
        self.put(")")

    def _writing(self, *nodes: object) -> Callable[[], None]:
        return lambda: self.write(list(nodes))

    # ------------------------------------------------------------------------------------------------------
    # Functions and classes

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.put(type(node).__name__, " ", node.name, "(")
        self.write(node.decorator_list)
        self.write(node.args)
        with self.scope([*parameters(node.args), *node.body]):
            self.block(node.body)
        self.put(")")

    _write_functiondef = _write_asyncfunctiondef = _function

    def _write_classdef(self, node: ast.ClassDef) -> None:
        self.class_definition(node, model=False, behaviour=False)

    def class_definition(self, node: ast.ClassDef, model: bool, behaviour: bool) -> None:
        """A class.

        Args:
            node: its tree.
            model: whether pydantic reads its annotations.
            behaviour: whether only its methods count, since its instances are given with all their values.
        """
        self.put("Class ", node.name, "(")
        self.write(node.decorator_list)
        with self.using("base"):
            self.write(node.bases)
        self.write(node.keywords)
        with self.scope(node.body, is_class=True):
            for statement in node.body:
                if behaviour and self._is_given(statement):
                    continue
                if isinstance(statement, ast.AnnAssign):
                    self._field(statement, model)
                elif not _is_inert(statement):
                    self.block([statement])
        self.put(")")

    def _is_given(self, statement: ast.stmt) -> bool:
        """Whether a statement in a model only says which values its instances may have."""
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                return not name.startswith("_") and not _markers(annotation)
            case ast.FunctionDef(decorator_list=decorators):
                called = [each.func if isinstance(each, ast.Call) else each for each in decorators]
                return any(
                    self.is_one_of(each, *(f"pydantic.{check}" for check in CHECKS)) for each in called
                )
            case ast.Assign(targets=[ast.Name(id="model_config")]):
                return True
            case _:
                return False

    def _field(self, statement: ast.AnnAssign, model: bool) -> None:
        self.put("Field(")
        self.write(statement.target)
        if model:
            with self.using("given"):
                self.write(statement.annotation)
        else:
            self.put(*_markers(statement.annotation))
        if statement.value is not None:
            self.write(statement.value)
        self.put(")")

    # ------------------------------------------------------------------------------------------------------
    # Statements

    def write_generic(self, node: ast.AST) -> None:
        """Write a node; its blocks without what decides nothing."""
        match node:
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.write_generic(ast.Assign(targets=[target], value=value))
            case ast.Assert(test=test):
                super().write_generic(ast.Assert(test))
            case _:
                super().write_generic(node)

    def write(self, node: object) -> None:
        """Write any node, field or constant."""
        match node:
            case [ast.stmt(), *_]:
                self.block([each for each in node if isinstance(each, ast.stmt)])
            case _:
                super().write(node)

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Write statements that follow each other."""
        self.put("[")
        kept = [each for each in statements if not _is_inert(each)]
        for place, statement in enumerate(kept):
            rest = kept[place:]
            if _is_refusal(rest):
                self._refusal(rest)
                break
            if isinstance(statement, ast.If) and (listed := self._listed(statement.test)):
                leaves = _leaves(statement.body) and not statement.orelse
                self._branches(statement, *listed, rest[1:] if leaves else statement.orelse)
                if leaves:
                    break
            else:
                self.write(statement)
            self.put(";")
        self.put("]")

    def _listed(self, test: ast.expr) -> tuple[tuple[str, ...], bool] | None:
        """The keys of the registry that a condition `x in REGISTRY` asks, and whether it asks for one of them."""
        match test:
            case ast.Compare(ops=[ast.In() | ast.NotIn() as operator], comparators=[other]):
                registry = self.registry_of(other)
                return None if registry is None else (registry[1], isinstance(operator, ast.In))
            case _:
                return None

    def _branches(
        self, node: ast.If, keys: tuple[str, ...], inside: bool, otherwise: Sequence[ast.stmt]
    ) -> None:
        self.put("If(")
        self.write(node.test)
        self.choose(
            [
                (Listed(keys, inside), self._branch("then", node.body)),
                (Listed(keys, not inside), self._branch("else", otherwise)),
            ]
        )
        self.put(")")

    def _branch(self, name: str, statements: Sequence[ast.stmt]) -> Callable[[], None]:
        def write() -> None:
            self.put(name)
            self.block(statements)

        return write

    def _refusal(self, statements: Sequence[ast.stmt]) -> None:
        """`raise`, with what it says, and how that is put together, under the condition that somebody looks."""
        raised = getattr(statements[-1], "exc", None)
        if raised is None:
            self.put("raise")
            return
        exception = self._exception(raised)
        self.put("raise ", "" if exception else "?")
        if exception:
            self.refer(exception)
        self.choose([(Heard(exception), self._writing(*statements[:-1], raised))])

    def _exception(self, raised: ast.expr) -> Found | None:
        """The class of what is raised; None if a function makes it."""
        match self.dotted(raised.func if isinstance(raised, ast.Call) else raised):
            case [Found(place=None) as found]:
                return found
            case [Found(place=Place() as place) as found]:
                return found if isinstance(self.names.statements(place)[0], ast.ClassDef) else None
            case _:
                return None

    def _write_excepthandler(self, node: ast.ExceptHandler) -> None:
        self.put("except ")
        if node.type is not None:
            self.write(node.type)
        kept = [each for each in node.body if not _is_inert(each)]
        if not (kept and isinstance(kept[-1], ast.Raise)) or (
            node.name and _looks_into(node.body, node.name)
        ):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            for kind in kinds:
                found = self.dotted(kind) if kind is not None else None
                self.draft.hears.update(found or [Found(None, "BaseException")])
        self.put(" as ", str(node.name))
        self.block(node.body)

    # ------------------------------------------------------------------------------------------------------
    # Match

    def _write_match(self, node: ast.Match) -> None:
        self.put("Match(")
        self.write(node.subject)
        self.choose(self._arms(node.cases))
        self.put(")")

    def _arms(self, cases: Sequence[ast.match_case]) -> Iterator[tuple[Condition, Callable[[], None]]]:
        for case in cases:
            kept = [each for each in case.body if not _is_inert(each)]
            condition = self._condition(case.pattern)
            if _is_refusal(kept):
                raised = getattr(kept[-1], "exc", None)
                condition = all_of((condition, Heard(self._exception(raised) if raised else None)))
            if not self._never_happens(kept):
                yield condition, self._arm(case)

    def _never_happens(self, statements: Sequence[ast.stmt]) -> bool:
        match statements:
            case [ast.Expr(value=ast.Call(func=function))]:
                return self.is_one_of(function, "typing.assert_never")
            case _:
                return False

    def _arm(self, case: ast.match_case) -> Callable[[], None]:
        def write() -> None:
            self.put("case ")
            self._pattern(case.pattern)
            if case.guard is not None:
                self.put(" if ")
                self.write(case.guard)
            self.block(case.body)

        return write

    def _pattern(self, pattern: ast.pattern) -> None:
        """A pattern, as the choice of its alternatives; most have only one."""
        alternatives = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
        self.choose((self._condition(each), self._alternative(each)) for each in alternatives)

    def _alternative(self, pattern: ast.pattern) -> Callable[[], None]:
        def write() -> None:
            self.put(type(pattern).__name__, "(")
            for name, value in ast.iter_fields(pattern):
                self.put(name, "=")
                if name == "cls":
                    with self.using("asked"):
                        self.write(value)
                elif isinstance(value, ast.pattern):
                    self._pattern(value)
                elif name in ("patterns", "kwd_patterns"):
                    for each in value:
                        self._pattern(each)
                else:
                    self.write(value)
            self.put(")")

        return write

    def _condition(self, pattern: ast.pattern | None) -> Condition:
        """Under which condition something can match a pattern."""
        match pattern:
            case ast.MatchOr(patterns=patterns):
                return AnyOf(tuple(map(self._condition, patterns)))
            case ast.MatchSequence(patterns=patterns) | ast.MatchMapping(patterns=patterns):
                return all_of(map(self._condition, patterns))
            case ast.MatchAs(pattern=inner):
                return self._condition(inner)
            case ast.MatchClass(cls=kind, patterns=patterns, kwd_attrs=names, kwd_patterns=named):
                nested = all_of(map(self._condition, [*patterns, *named]))
                values = tuple(
                    (name, _literal(value))
                    for name, value in zip(names, named, strict=True)
                    if _is_literal(value)
                )
                match self.dotted(kind):
                    case [Found(place=Place() as place, rest="")]:
                        return all_of((IsInstance(place, values), nested))
                return nested
            case _:
                return AllOf()


def _is_literal(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchSingleton() | ast.MatchValue(value=ast.Constant(value=str())):
            return True
        case _:
            return False


def _literal(pattern: ast.pattern) -> str | bool | None:
    match pattern:
        case ast.MatchSingleton(value=bool() | None as value):
            return value
        case ast.MatchValue(value=ast.Constant(value=str(text))):
            return text
        case _:
            raise ValueError(f"no literal: {ast.dump(pattern)}")


def _markers(annotation: ast.expr) -> list[str]:
    names = [getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(annotation)]
    return [marker for marker in MARKERS if marker in names]


def _is_inert(statement: ast.stmt) -> bool:
    """Whether it does nothing: docstrings and other constants, `pass`, bare annotations, and imports."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Import() | ast.ImportFrom():
            return True
        case ast.AnnAssign(value=None):
            return True
        case _:
            return False


def _is_refusal(statements: Sequence[ast.stmt]) -> bool:
    """Whether statements end in `raise`, and those before it only put together what it says."""
    if not statements or not isinstance(statements[-1], ast.Raise):
        return False
    return all(isinstance(each, SIMPLE) and isinstance(_target(each), ast.Name) for each in statements[:-1])


def _target(statement: ast.stmt) -> ast.AST | None:
    match statement:
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return target
        case _:
            return None


def _leaves(statements: Sequence[ast.stmt]) -> bool:
    return isinstance(statements[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _looks_into(node: object, name: str) -> bool:
    """Whether a name is read elsewhere than in a refusal."""
    match node:
        case [ast.stmt(), *_]:
            block = [each for each in node if isinstance(each, ast.stmt)]
            end = next((end for end in range(len(block)) if _is_refusal(block[end:])), len(block))
            return any(_looks_into(each, name) for each in block[:end])
        case list():
            return any(_looks_into(each, name) for each in node)
        case ast.Name(id=found):
            return found == name
        case ast.AST():
            return any(_looks_into(value, name) for _, value in ast.iter_fields(node))
        case _:
            return False
