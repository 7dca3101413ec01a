"""Where the checkout's files are. The package works only from its checkout (`pip install --editable`)."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CHECKOUT = PACKAGE.parent
WORKFLOWS = CHECKOUT / "workflows"
STUDIES = WORKFLOWS / "studies"
REFERENCES = WORKFLOWS / "references"
TEMPLATES = WORKFLOWS / "report"
