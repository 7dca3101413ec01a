"""The house: rooms in layers, names that mean one thing, and files and functions that can be read at once.

import-linter holds the directions (`make test` runs it). Here is what it cannot say.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.base.places import PACKAGE

MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FACES = [path for path in MODULES if path.name == "__init__.py"]
MIRRORS = ("methods/components", "training/meaning")
CONTRACTS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
LIGHT = {"methods", "studies", "storage", "analysis", "figures", "report"}
LONGEST_FILE, LONGEST_FUNCTION, MOST_ARROWS, MOST_LAYERS = 400, 45, 70, 9


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def modules_imported(path: Path) -> Iterator[Path]:
    """The modules of the package that a module takes names from, wherever it does."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name):
            base = PACKAGE.joinpath(*(node.module or "").split(".")[1:])
            for alias in node.names:
                candidates = (base / f"{alias.name}.py", base / alias.name / "__init__.py")
                found = [each for each in candidates if each in TREES]
                yield from found or [
                    each for each in (base.with_suffix(".py"), base / "__init__.py") if each in TREES
                ]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def circles(edges: dict[Path, set[Path]]) -> list[Path]:
    """The modules that are on some circle of imports, or lead to one."""
    left = dict(edges)
    while leaves := [path for path, targets in left.items() if not targets & left.keys()]:
        for leaf in leaves:
            del left[leaf]
    return list(left)


@pytest.mark.parametrize("path", FACES, ids=place)
def test_the_face_of_a_room_defines_nothing(path: Path) -> None:
    sentence, *others = TREES[path].body
    assert ast.get_docstring(TREES[path])
    assert isinstance(sentence, ast.Expr)
    if path.parent == PACKAGE:  # all that is public
        others, (listed,) = others[:-1], others[-1:]
        names = sorted(
            alias.name for each in others if isinstance(each, ast.ImportFrom) for alias in each.names
        )
        assert ast.unparse(listed) == f"__all__ = {names}"
    assert all(isinstance(each, ast.Import | ast.ImportFrom) for each in others), place(path)


def test_the_package_is_imported_in_no_time() -> None:
    """Only the public functions and the files that hold them, which import nothing else before they are called."""
    program = "import sys, pgbench\nprint(sorted(name for name in sys.modules if name.startswith('pgbench')))"
    program += "\nprint([name for name in ('numpy', 'pandas', 'torch', 'pydantic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    ours = ["pgbench", "pgbench.notebook", "pgbench.notebook.calls"]
    assert done.stdout.splitlines() == [str(ours), "[]"]


def test_every_room_has_a_layer_and_there_are_few() -> None:
    layers = next(contract["layers"] for contract in CONTRACTS["contracts"] if contract["type"] == "layers")
    assert sorted(name for layer in layers for name in layer.split(" | ")) == ROOMS
    assert len(layers) + 1 <= MOST_LAYERS  # and the command line above them


def test_arrows_between_rooms_are_few() -> None:
    arrows = {(room(path), room(other)) for path in MODULES for other in modules_imported(path)}
    assert len([each for each in arrows if len(set(each)) == 2]) <= MOST_ARROWS


def test_no_two_modules_need_each_other() -> None:
    assert (
        circles({path: set(modules_imported(path)) - {path} for path in MODULES if path not in FACES}) == []
    )


def test_a_circle_is_found() -> None:
    one, two, three = (Path(name) for name in "abc")
    assert circles({one: {two}, two: {one}, three: set()}) == [one, two]
    assert circles({one: {two}, two: {three}, three: set()}) == []


def test_no_file_name_is_used_twice_but_by_a_slot_and_its_meaning() -> None:
    files = [path for path in MODULES if path not in FACES and path.parent != PACKAGE / MIRRORS[1]]
    assert [name for name, count in Counter(path.name for path in files).items() if count > 1] == []


def test_no_type_name_is_used_twice() -> None:
    types = Counter(
        node.name for tree in TREES.values() for node in tree.body if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in types.items() if count > 1 and not name.startswith("_")] == []


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_files_and_functions_can_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    functions = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef)]
    long = {each.name: (each.end_lineno or 0) - each.lineno + 1 for each in functions}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


def test_rooms_of_numbers_and_words_load_no_tensors() -> None:
    """As they are really loaded: import-linter follows the imports that are written."""
    light = [path for path in MODULES if room(path) in LIGHT]
    names = [".".join(("pgbench", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in light]
    modules = [name.removesuffix(".__init__") for name in names]
    program = f"import sys\nfor name in {modules!r}: __import__(name)\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
