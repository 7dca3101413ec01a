"""What the names of a module, or of a function, stand for: imports, definitions, or values of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Alias(NamedTuple):
    """What an import gives a name to: a module, or one of its attributes."""

    module: str
    attribute: str | None = None


@dataclass
class Bindings:
    """The names that statements bind.

    Attributes:
        aliases: name → what its imports stand for; more than one where imports are alternatives.
        names: all names that are bound otherwise.
        modules: every module that an import names, whether or not it gives it a name.
    """

    aliases: dict[str, list[Alias]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def bindings(statements: Iterable[ast.AST], package: str) -> Bindings:
    """The names that statements bind in their own scope; what is bound in an inner scope is not among them.

    Args:
        statements: of one scope, or its parameters.
        package: the package that relative imports start from.
    """
    found, outer = Bindings(), set()
    for node in _of_this_scope(statements):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.names.add(name)
            case ast.Import() | ast.ImportFrom():
                _add_import(found, node, package)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.names.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                outer.update(names)
    found.names -= outer
    return found


LEAVES = ast.expr_context | ast.operator | ast.cmpop | ast.unaryop | ast.boolop | ast.Constant


def _of_this_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes below some nodes, in order, without those of inner functions, classes and comprehensions."""
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                yield node
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # `:=` in a comprehension binds a name of the function around it
                yield from (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            case _:
                yield node
                inner = [each for each in ast.iter_child_nodes(node) if not isinstance(each, LEAVES)]
                waiting += inner[::-1]


def _add_import(found: Bindings, node: ast.Import | ast.ImportFrom, package: str) -> None:
    if isinstance(node, ast.Import):
        for each in node.names:
            found.modules.add(each.name)
            name = each.asname or each.name.partition(".")[0]
            found.aliases.setdefault(name, []).append(Alias(each.name if each.asname else name))
        return
    source = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        source = ".".join([*above, *filter(None, [source])])
    found.modules.add(source)
    for each in node.names:
        found.modules.add(f"{source}.{each.name}")
        found.aliases.setdefault(each.asname or each.name, []).append(Alias(source, each.name))


@dataclass
class Module:
    """The top level of a module.

    Attributes:
        name: dotted.
        bound: what its imports stand for.
        definitions: name → the statements that define it; more than one where it is defined again.
        effects: the statements that do something else when the module is imported.
        loads: the modules that importing it imports.
    """

    name: str
    bound: Bindings
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    loads: set[str] = field(default_factory=set)


@cache
def read_module(name: str, text: str, package: str) -> Module:
    """The top level of a module's text.

    Args:
        name: dotted.
        text: its source.
        package: the package that its relative imports start from.
    """
    statements = list(_executed(ast.parse(text, name).body))
    bound = bindings(statements, package)
    module = Module(name, bound, loads=bound.modules)
    for statement in statements:
        names = _defined(statement)
        if names is None:
            module.effects.append(statement)
            names = sorted(bindings([statement], package).names)
        for each in names:
            module.definitions.setdefault(each, []).append(statement)
    return module


def _executed(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at the top level, without those that only type checkers or a command line execute."""
    for statement in statements:
        match statement:
            case ast.If(
                test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=other
            ):
                yield from _executed(other)
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]), orelse=other):
                yield from _executed(other)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case _:
                yield statement


def _defined(statement: ast.stmt) -> list[str] | None:
    """The names that a statement does nothing but define; None if it does something else."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import() | ast.ImportFrom():
            return []
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return [] if value is None else [name]
        case ast.AugAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            parts = [part for target in targets for part in _parts(target)]
            return [part.id for part in parts if isinstance(part, ast.Name)] if _all_names(parts) else None
        case _:
            return None


def _parts(target: ast.expr) -> Iterator[ast.expr]:
    """The targets in a target such as `a, (b, *c)`."""
    match target:
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _parts(element)
        case ast.Starred(value=value):
            yield from _parts(value)
        case _:
            yield target


def _all_names(targets: Iterable[ast.expr]) -> bool:
    return all(isinstance(target, ast.Name) for target in targets)


def registry(statements: Iterable[ast.stmt]) -> ast.Dict | None:
    """The dictionary display in a definition `NAME = {"key": …, **OTHER}`, perhaps wrapped in one call.

    None if the definition is anything else, or if a key is not written out as a string.
    """
    match list(statements):
        case [ast.Assign(value=value) | ast.AnnAssign(value=value)]:
            match value:
                case ast.Call(args=[ast.Dict() as found], keywords=[]) | (ast.Dict() as found):
                    return found if all(map(_is_entry, found.keys, found.values)) else None
    return None


def _is_entry(key: ast.expr | None, value: ast.expr) -> bool:
    match key:
        case None:
            return isinstance(value, ast.Name | ast.Attribute)
        case ast.Constant(value=str()):
            return True
        case _:
            return False


def imported(modules: Iterable[str], known: Mapping[str, object]) -> set[str]:
    """Of the modules that imports name, those of the package, with the packages that they lie in."""
    parents = {name.rsplit(".", depth)[0] for name in modules for depth in range(name.count(".") + 1)}
    return {name for name in parents if name in known}


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters of a function."""
    starred = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]
