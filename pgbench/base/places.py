"""Where the checkout's files are. The package works only from its checkout (`pip install --editable`)."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CHECKOUT = PACKAGE.parent
WORKFLOWS = CHECKOUT / "workflows"
STUDIES = WORKFLOWS / "studies"
REFERENCES = WORKFLOWS / "references"
TEMPLATES = WORKFLOWS / "report"


def visible(directory: Path, pattern: str) -> list[Path]:
    """What is in a directory, without hidden files such as `.#name`, which editors and systems leave there."""
    return [path for path in sorted(directory.glob(pattern)) if not path.name.startswith(".")]
