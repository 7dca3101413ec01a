"""Small changes planted into functions of the package, and what short trainings then compute.

A change is made twice: in the text of a module, of which digests are taken, and in the process, where the code of
the loaded function is swapped. Compiled loops run as plain Python meanwhile, so that all see a change in one.
"""

import ast
import copy
import functools
import hashlib
import random
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numba.core.dispatcher import Dispatcher

from pgbench.base.places import PACKAGE
from pgbench.methods import lineage, paths
from pgbench.methods.runs import Evaluation, Run
from pgbench.running.recording import Tables
from pgbench.storage.code.bindings import registry
from pgbench.storage.code.package import read_sources
from pgbench.training.loop import Trainer

ROOMS = ("environments", "functional", "networks", "training")
SOURCES = read_sources(PACKAGE)
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPARISONS = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
SECONDS = 20.0
"""A planted change may make a loop endless."""


# ----------------------------------------------------------------------------------------------------------
# Functions and changes


@dataclass(frozen=True)
class Function:
    """A function of a module or a method of a class in it, with the functions inside it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Change:
    """A function with something changed: the whole tree of its module."""

    function: Function
    what: str
    tree: ast.Module

    @property
    def sources(self) -> dict[str, str]:
        """The sources of the package with this change in them."""
        return SOURCES | {self.function.module: ast.unparse(self.tree)}


@functools.cache
def functions() -> list[Function]:
    """All functions and methods in the rooms that compute training."""
    found = []
    for module, text in SOURCES.items():
        if module.split(".")[1:2] and module.split(".")[1] in ROOMS:
            for node in ast.parse(text).body:
                members = node.body if isinstance(node, ast.ClassDef) else [node]
                prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
                found += [
                    Function(module, prefix + each.name)
                    for each in members
                    if isinstance(each, ast.FunctionDef)
                ]
    return found


def changes(function: Function) -> Iterator[Change]:
    """A changed constant, a changed operator and a swapped comparison, as far as the function has one."""
    if function not in functions():
        return
    for kind in ("constant", "operator", "comparison"):
        tree = ast.parse(SOURCES[function.module])
        sites = [node for node in _computing(_definition(tree, function)) if _kind(node) == kind]
        if sites:
            site = random.Random(f"{function} {kind}").choice(sites)
            before = ast.unparse(site)
            _change(site)
            yield Change(function, f"{before} → {ast.unparse(site)}", tree)


def _definition(tree: ast.Module, function: Function) -> ast.FunctionDef:
    node: ast.AST = tree
    for name in function.name.split("."):
        node = next(each for each in node.body if getattr(each, "name", None) == name)
    return node


def _computing(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below one that compute: no annotations, docstrings and refusals."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "pattern"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Raise):
                yield from _computing(child)


def _kind(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float()):
            return "constant"
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            return "operator"
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            return "comparison"
        case _:
            return None


def _change(node: ast.AST) -> None:
    match node:
        case ast.Constant(value=value):
            node.value = value + 1 if isinstance(value, int) else 1.5 * value + 0.25
        case ast.BinOp(op=operator):
            node.op = OPERATORS[type(operator)]()
        case ast.Compare(ops=[operator]):
            node.ops = [COMPARISONS[type(operator)]()]


# ----------------------------------------------------------------------------------------------------------
# Changes in the process


@contextmanager
def plain_loops() -> Iterator[None]:
    """Run compiled loops as plain Python, in all modules."""
    compiled = [
        (module, name, value)
        for module in _loaded()
        for name, value in list(vars(module).items())
        if isinstance(value, Dispatcher)
    ]
    for module, name, value in compiled:
        setattr(module, name, value.py_func)
    try:
        yield
    finally:
        for module, name, value in compiled:
            setattr(module, name, value)


@contextmanager
def planted(change: Change) -> Iterator[None]:
    """Let a loaded function do what the change says."""
    module = sys.modules[change.function.module]
    function = _live(module, change.function.name)
    before = function.__code__
    tree = ast.fix_missing_locations(copy.deepcopy(change.tree))
    function.__code__ = _code(compile(tree, str(module.__file__), "exec"), before.co_qualname)
    rebuilt = _rebuild()
    try:
        yield
    finally:
        function.__code__ = before
        for place, name, value in rebuilt:
            setattr(place, name, value)


def _loaded() -> list:
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == PACKAGE.name]


def _live(module, name):
    """The function behind descriptors and decorators."""
    value = module
    for part in name.split("."):
        value = vars(value)[part]
    while True:
        match value:
            case staticmethod() | classmethod():
                value = value.__func__
            case property():
                value = value.fget
            case functools.cached_property():
                value = value.func
            case _ if hasattr(value, "__wrapped__"):
                value = value.__wrapped__
            case _:
                return value


def _code(code, name):
    """The code object of a qualified name, anywhere in another."""
    for constant in code.co_consts:
        if hasattr(constant, "co_qualname"):
            if constant.co_qualname == name:
                return constant
            if name.startswith(f"{constant.co_qualname}."):
                return _code(constant, name)
    raise KeyError(name)


def _rebuild() -> list:
    """Make registries again, whose entries changed functions may have made; what was in their place before."""
    replaced = []
    statements = [
        (module, statement)
        for module in _loaded()
        for statement in ast.parse(SOURCES.get(module.__name__, "")).body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and registry([statement]) is not None
    ]
    for module, statement in sorted(statements, key=lambda each: None in registry([each[1]]).keys):
        name = ast.unparse(statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0])
        old = vars(module)[name]
        exec(compile(ast.Module([statement], []), str(module.__file__), "exec"), vars(module))
        for other in _loaded():
            for alias, value in list(vars(other).items()):
                if value is old:
                    replaced.append((other, alias, old))
                    setattr(other, alias, vars(module)[name])
        replaced.append((module, name, old))
    return replaced


# ----------------------------------------------------------------------------------------------------------
# Short trainings


def short(name: str, environment: str, evaluation: Evaluation | None = None, **overrides) -> Run:
    """A run of a few small updates."""
    algorithm = lineage.LINEAGE[name].algorithm
    known = paths.settable_paths(algorithm)
    smaller = {
        "networks.hidden": (4,),
        "data.episodes": 2,
        "data.steps": 16 if algorithm.data.kind == "replay_buffer" else 32,
        "data.warm_up": 16,
        "data.capacity": 64,
        "data.batch_size": 8,
        "update.epochs": 2,
        "update.minibatch_size": 16,
        "update.solver.steps": 2,
        "baseline.fit.steps": 2,
    }
    chosen = {path: value for path, value in smaller.items() if path in known}
    if name == "online_actor_critic":
        del chosen["data.steps"]
    algorithm = paths.with_values(algorithm, chosen | overrides)
    return Run(algorithm=algorithm, environment=environment, steps=48, evaluation=evaluation)


def bits(run: Run) -> str:
    """A digest of every number that a short training leaves behind, or what ended it."""
    digest = hashlib.sha256()
    trainer, tables = None, Tables([0, 1])
    with warnings.catch_warnings(), np.errstate(all="ignore"), _limited():
        warnings.simplefilter("ignore")
        try:
            trainer = Trainer(run, [0, 1])
            for record in trainer.records():
                tables.add(record)
                for part in (record.steps, record.running, record.measured):
                    digest.update(part.tobytes())
                digest.update(repr((record.iteration, record.episodes, record.evaluations)).encode())
                for name, values in record.statistics.items():
                    digest.update(name.encode() + values.detach().numpy().tobytes())
            for part in trainer.learner.parts:
                digest.update(part.values.detach().numpy().tobytes())
            digest.update(repr([table.to_dict("list") for table in tables.rows()]).encode())
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return digest.hexdigest()


def executed(run: Run) -> set[Function]:
    """The functions of the package that a short training executes."""
    return _executed(lambda: bits(run))


def making_registries() -> set[Function]:
    """The functions of the package that are executed where registries are made."""
    return _executed(_rebuild)


def _executed(work) -> set[Function]:
    found, folder = set(), str(PACKAGE)

    def note(frame, event, argument) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            name = frame.f_code.co_qualname.partition(".<")[0]
            found.add(Function(frame.f_globals["__name__"], name))

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


@contextmanager
def _limited() -> Iterator[None]:
    def end(number, frame) -> None:
        raise TimeoutError("endless")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
