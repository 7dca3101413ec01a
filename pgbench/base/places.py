"""Where the files beside the package are: in its checkout or, if it was installed, in `checkout/` inside it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "Snakefile").exists() else PACKAGE / "checkout"
SNAKEFILE = CHECKOUT / "Snakefile"
WORKFLOWS = CHECKOUT / "workflows"
STUDIES = WORKFLOWS / "studies"
REFERENCES = WORKFLOWS / "references"
TEMPLATES = WORKFLOWS / "report"


def from_here(path: Path) -> Path:
    """A path as it is called from the working directory, if it lies in there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def visible(directory: Path, pattern: str) -> list[Path]:
    """What is in a directory, without hidden files such as `.#name`, which editors and systems leave there."""
    return [path for path in sorted(directory.glob(pattern)) if not path.name.startswith(".")]
