"""Gathered studies by their names."""

from __future__ import annotations

from pathlib import Path

from pgbench.analysis import study_tables
from pgbench.analysis.study_tables import StudyTables
from pgbench.base.refusals import Refusal, nearest
from pgbench.storage.layout import PROVENANCE, Layout


def load(path: str | Path) -> StudyTables:
    """See `calls.load_study`."""
    if (Path(path) / PROVENANCE).exists():
        return study_tables.load(Path(path))
    gathered = Layout().gathered_studies()
    names = {f"{directory.parent.name}/{directory.name}": directory for directory in gathered}
    found = [name for name in names if str(path) in (name, name.partition("/")[2])]
    if len(found) > 1:
        raise Refusal(
            f"load_study: '{path}' was gathered under several presets; name one of {', '.join(found)}"
        )
    if not found:
        hint = nearest(str(path), names) if names else "results/studies holds none"
        raise Refusal(f"load_study: there is no gathered study '{path}'; {hint}")
    return study_tables.load(names[found[0]])
