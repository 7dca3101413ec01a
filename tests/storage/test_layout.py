"""Paths of results are spelled in `storage/layout.py` and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.storage.layout import PLAN, PROVENANCE, RECORD, Layout

MODULES = sorted(set((CHECKOUT / "pgbench").rglob("*.py")) - {CHECKOUT / "pgbench/storage/layout.py"})
RULES = [CHECKOUT / "Snakefile", *sorted((CHECKOUT / "workflows/rules").glob("*.smk"))]
PARTS = {"results", "runs", "references", "tracking", "logs", "benchmarks", PLAN, PROVENANCE, RECORD}
SHARED = {"studies", "laboratory"}
"""Names of folders of results that other folders have too."""


def path_operands(tree: ast.AST) -> Iterator[str]:
    """Texts that a path is made of: operands of `/`, and arguments of Path, joinpath, glob and rglob."""
    for node in ast.walk(tree):
        operands: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            operands = [node.left, node.right]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            operands = node.args if name in ("Path", "joinpath", "glob", "rglob") else []
        for operand in operands:
            for part in operand.values if isinstance(operand, ast.JoinedStr) else [operand]:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def spelled(code: str) -> set[str]:
    """Names of the layout that a module makes paths of."""
    tree = ast.parse(code)
    found = {part for text in path_operands(tree) for part in text.split("/")} & PARTS
    below_results = re.findall(r"results(?:_directory)? / \"(\w+)\"|\"(\w+)/\*", code)
    return found | ({name for match in below_results for name in match} & SHARED)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_other_module_spells_the_layout(path: Path) -> None:
    # The checkout's own workflows/references is another folder than that of the results.
    allowed = {"references"} if path.name == "places.py" else set()
    assert spelled(path.read_text(encoding="utf-8")) <= allowed


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_spells_the_layout(path: Path) -> None:
    assert not re.findall(r"results/|\bruns/|plan\.json|run\.json|provenance\.json", path.read_text("utf-8"))


@pytest.mark.parametrize(
    "code",
    [
        'results / "runs" / name',
        'Path("results", "x")',
        'results.glob("runs/*/*")',
        'directory / f"{x}/run.json"',
        'results / "studies"',
        'root.glob("studies/*/*")',
    ],
)
def test_the_search_finds_what_it_forbids(code: str) -> None:
    assert spelled(code)


def test_a_name_may_be_a_wildcard() -> None:
    layout = Layout()
    assert str(layout.block("{run}/{block}")) == "results/runs/{run}/{block}"
    assert str(layout.study("{preset}", "{study}")) == "results/studies/{preset}/{study}"


def test_what_is_there_is_listed_in_order(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in ("b/0-9", "a/10-19", "a/0-9"):
        layout.block(name).mkdir(parents=True)
    assert layout.blocks() == [layout.block(name) for name in ("a/0-9", "a/10-19", "b/0-9")]
    planned, gathered = layout.study("quick", "one"), layout.study("paper", "two")
    for directory, files in ((planned, [PLAN]), (gathered, [PLAN, PROVENANCE])):
        directory.mkdir(parents=True)
        for file in files:
            (directory / file).touch()
    assert layout.plans() == [gathered / PLAN, planned / PLAN]
    assert layout.gathered_studies() == [gathered]
