"""Who asks which component it holds: the `match` of the slot's meaning, and nobody else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from pgbench.methods import components

PACKAGE = Path(components.__file__).parents[2]
MODULES = sorted(PACKAGE.rglob("*.py"))
COMPONENTS = {
    name
    for name, value in vars(components).items()
    if isinstance(value, type) and issubclass(value, BaseModel)
}
REFUSES = PACKAGE / "methods" / "compatibility.py"
MEANING = {PACKAGE / "training" / "meaning", PACKAGE / "training", PACKAGE / "networks"}


def names(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute):
            yield child.attr
        if isinstance(child, ast.Name):
            yield child.id


def asked_by_type(tree: ast.AST) -> set[str]:
    """Components that stand in the second argument of `isinstance`."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    asked = (call.args[1] for call in calls if getattr(call.func, "id", "") == "isinstance")
    return {name for argument in asked for name in names(argument)} & COMPONENTS


def asked_by_kind(tree: ast.AST) -> bool:
    """Whether an attribute `kind` is compared with something."""
    comparisons = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    return any(isinstance(node.left, ast.Attribute) and node.left.attr == "kind" for node in comparisons)


def matched(tree: ast.AST) -> set[str]:
    patterns = (node for node in ast.walk(tree) if isinstance(node, ast.MatchClass))
    return {name for pattern in patterns for name in names(pattern.cls)} & COMPONENTS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_match_of_a_slot_asks_which_component_it_holds(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path != REFUSES:
        assert not asked_by_type(tree)
        assert not asked_by_kind(tree)
    assert not matched(tree) or path.parent in MEANING


def test_the_rules_find_what_they_forbid() -> None:
    asks = "isinstance(a.baseline, c.LearnedValue | c.GAE)\nif a.update.kind == 'x': pass\n"
    tree = ast.parse(asks + "match b:\n    case c.Adam(): pass")
    assert asked_by_type(tree) == {"LearnedValue", "GAE"}
    assert asked_by_kind(tree)
    assert matched(tree) == {"Adam"}


def test_every_component_has_a_meaning() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES if path.parent in MEANING]
    everywhere = set().union(*(matched(tree) for tree in trees))
    slots = {name for name in COMPONENTS if "kind" in getattr(components, name).model_fields}
    assert slots <= everywhere
