"""What a user's shell, locale and folders bring, and what it may not change."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.base import surroundings
from pgbench.base.places import visible

SETTLED = "from pgbench.base import surroundings; surroundings.settle(); "


def python(program: str, **variables: str) -> str:
    """What a program prints, in UTF-8, with these variables in its environment."""
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.no_such", "TkAgg", "no such backend"])
def test_the_plotting_settings_of_a_shell_do_not_count(backend: str, tmp_path: Path) -> None:
    settings = b"text.usetex: True\nfont.size: 30\n# \xff\n"
    for place in (tmp_path / "matplotlibrc", tmp_path / "other"):
        place.write_bytes(settings)
    program = (
        SETTLED
        + "import matplotlib as m; print(m.get_backend(), m.rcParams['text.usetex'], m.rcParams['font.size'])"
    )
    said = python(
        program, MPLBACKEND=backend, MPLCONFIGDIR=str(tmp_path), MATPLOTLIBRC=str(tmp_path / "other")
    )
    assert said.lower() == "agg false 10.0\n"


@pytest.mark.parametrize("renderer", ["osmesa", "no such renderer"])
def test_training_needs_no_renderer(renderer: str) -> None:
    assert python(SETTLED + "import mujoco; print('there')", MUJOCO_GL=renderer) == "there\n"


def test_a_terminal_without_greek_letters_shows_their_numbers() -> None:
    program = SETTLED + "print('\N{GREEK SMALL LETTER LAMDA} → 1')"
    assert python(program, PYTHONIOENCODING="ascii", LC_ALL="C") == "\\u03bb \\u2192 1\n"


def test_machine_code_has_a_folder_where_no_other_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(surroundings, "PACKAGE", tmp_path / "file" / "pgbench")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    for name in ("MPLBACKEND", "MATPLOTLIBRC", "MUJOCO_GL", "NUMBA_CACHE_DIR"):
        monkeypatch.setenv(name, "to be restored")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    surroundings.settle()
    assert Path(os.environ["NUMBA_CACHE_DIR"]).is_dir()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no folder yet"))
    surroundings.settle()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_hidden_files_of_editors_and_systems_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".#ladder.yaml").symlink_to("someone@host.1")  # Emacs
    for name in ("._ladder.yaml", ".ladder.yaml.swp", ".DS_Store", "ladder.yaml"):
        (tmp_path / name).touch()
    assert [path.name for path in visible(tmp_path, "*")] == ["ladder.yaml"]


def test_shell_commands_of_rules_quote_what_may_hold_a_space() -> None:
    words = {"params.run", "params.spending", "params.preset", "params.laboratory", "params.neighbours"}
    asked = 0
    for rules in sorted((CHECKOUT / "workflows" / "rules").glob("*.smk")):
        for command in re.findall(r"shell:\n((?: +\".*\"\n)+)", rules.read_text(encoding="utf-8")):
            for name in re.findall(r"\{([^}]+)\}", command):
                asked += 1
                assert name.endswith(":q") or name in words, f"{rules.name}: {name}"
    assert asked > 20
