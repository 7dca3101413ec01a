"""Where results lie in their folder: every path below `results/` is spelled here and nowhere else.

    runs/<run>/<block>/                 a block: its tables and its record
    studies/<preset>/<study>/           a study: its plan and its tables
    laboratory/<preset>/<measurement>/  what the laboratory measured
    tracking/<run>/<block>.attempted    a block that was shown in Weights & Biases
    logs/, benchmarks/                  what jobs printed, and what they cost

A name may also be a wildcard of the workflow: `Layout().block("{run}/{block}")` is a pattern of paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path("results")
PUBLISHED = RESULTS / "published"
"""A results folder of its own, which is part of the repository."""
PUBLISHED_VERDICTS = PUBLISHED / "verdicts.csv"
"""The verdicts of the studies that are published."""
RECORD = "run.json"
"""In the directory of a finished block."""
MEASUREMENT = "measurement.json"
"""In the directory of a finished measurement."""
PLAN = "plan.json"
"""In the directory of a study."""
PROVENANCE = "provenance.json"
"""In the directory of a study whose tables have been written."""


@dataclass(frozen=True)
class Layout:
    """The paths in one results folder."""

    root: Path = RESULTS

    def run(self, name: str) -> Path:
        """The directory of a run's blocks."""
        return self.root / "runs" / name

    def block(self, name: str) -> Path:
        """The directory of a block, `<run>/<block>`."""
        return self.root / "runs" / name

    def blocks(self) -> list[Path]:
        """The directories of all blocks, finished or not."""
        return sorted(path for path in self.root.glob("runs/*/*") if path.is_dir())

    def holds_runs(self) -> bool:
        """Whether the folder has a place for blocks, as a results folder has."""
        return (self.root / "runs").is_dir()

    def presets(self) -> list[str]:
        """The presets under which studies have results."""
        return sorted(path.name for path in self.root.glob("studies/*"))

    def study(self, preset: str, name: str) -> Path:
        """The directory of a study's plan and tables."""
        return self.root / "studies" / preset / name

    def plans(self, preset: str = "*") -> list[Path]:
        """The plans of all studies under a preset, or under all."""
        return sorted(self.root.glob(f"studies/{preset}/*/{PLAN}"))

    def gathered_studies(self) -> list[Path]:
        """The directories of all studies whose tables have been written."""
        return sorted(path.parent for path in self.root.glob(f"studies/*/*/{PROVENANCE}"))

    def measurement(self, preset: str, name: str) -> Path:
        """The directory of what the laboratory measured."""
        return self.root / "laboratory" / preset / name

    def tracking_mark(self, block: str) -> Path:
        """The file that says that a block, `<run>/<block>`, was offered to Weights & Biases."""
        return self.root / "tracking" / f"{block}.attempted"

    def log(self, rule: str, name: str) -> Path:
        """What a job of a rule printed."""
        return self.root / "logs" / rule / f"{name}.log"

    def benchmark(self, rule: str, name: str) -> Path:
        """What a job of a rule cost, as Snakemake measures it."""
        return self.root / "benchmarks" / rule / f"{name}.tsv"
