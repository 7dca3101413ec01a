"""Who asks which component it holds: the file of the slot's meaning, and nobody else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from pgbench.base.places import PACKAGE
from pgbench.methods import components

MODULES = sorted(PACKAGE.rglob("*.py"))
SLOTS = {
    name: value.__module__.rpartition(".")[2]
    for name, value in vars(components).items()
    if isinstance(value, type) and issubclass(value, BaseModel)
}
"""Component → the slot, which is the name of its file."""
REFUSES = PACKAGE / "methods" / "compatibility"
MEANING = PACKAGE / "training" / "meaning"


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
    return {name for argument in asked for name in names(argument)} & SLOTS.keys()


def asked_by_kind(tree: ast.AST) -> bool:
    """Whether an attribute `kind` is compared with something."""
    comparisons = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    return any(isinstance(node.left, ast.Attribute) and node.left.attr == "kind" for node in comparisons)


def matched(tree: ast.AST) -> set[str]:
    """Components that stand in a pattern."""
    patterns = (node for node in ast.walk(tree) if isinstance(node, ast.MatchClass))
    return {name for pattern in patterns for name in names(pattern.cls)} & SLOTS.keys()


def is_exhaustive(match: ast.Match) -> bool:
    """Whether the last case takes whatever is left, and the type checker holds that nothing is."""
    last = match.cases[-1]
    takes_all = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None
    return takes_all and [ast.unparse(line).partition("(")[0] for line in last.body] == ["assert_never"]


def matches(path: Path) -> list[ast.Match]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_file_of_a_slots_meaning_asks_which_component_it_holds(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.parent != REFUSES:
        assert not asked_by_type(tree)
        assert not asked_by_kind(tree)
    for name in matched(tree):
        assert path == MEANING / f"{SLOTS[name]}.py", name


@pytest.mark.parametrize("path", sorted(MEANING.glob("*.py")), ids=lambda path: path.stem)
def test_every_match_of_a_meaning_names_its_cases(path: Path) -> None:
    assert [match.lineno for match in matches(path) if not is_exhaustive(match)] == []


def test_a_slot_is_one_file_on_both_sides() -> None:
    meant = {path.name for path in MEANING.glob("*.py")}
    assert meant == {path.name for path in Path(components.__file__).parent.glob("*.py")}


def test_the_rules_find_what_they_forbid() -> None:
    asks = "isinstance(a.baseline, c.LearnedValue | c.GAE)\nif a.update.kind == 'x': pass\n"
    tree = ast.parse(asks + "match b:\n    case c.Adam(): pass")
    assert asked_by_type(tree) == {"LearnedValue", "GAE"}
    assert asked_by_kind(tree)
    assert matched(tree) == {"Adam"}
    falls_through, refuses_late, named = (
        ast.parse(f"match b:\n    case c.GAE(): pass\n    case {last}").body[0]
        for last in ("_: return 0", "_ if x: assert_never(b)", "_: assert_never(b)")
    )
    found = [
        is_exhaustive(each) for each in (falls_through, refuses_late, named) if isinstance(each, ast.Match)
    ]
    assert found == [False, False, True]


def test_every_component_has_a_meaning() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MEANING.glob("*.py")]
    everywhere = set().union(*(matched(tree) for tree in trees))
    chosen = {name for name in SLOTS if "kind" in getattr(components, name).model_fields}
    assert chosen <= everywhere
