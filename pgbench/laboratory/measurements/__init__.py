"""What each entry of the catalogue does: a module with `measure` and `draw`."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pgbench.laboratory.measurements import (
    divergence,
    frontier,
    importance,
    landscape,
    off_policy,
    offset,
    surrogate,
    trust_region,
    variance,
)
from pgbench.laboratory.statements import MeasurementResult
from pgbench.studies.catalogue import Size


class Module(Protocol):
    """What a module of a measurement holds."""

    def measure(self, size: Size, rng: np.random.Generator) -> MeasurementResult:
        """Measure.

        Args:
            size: how much to sample.
            rng: where all chance comes from.
        """
        ...

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw the findings' table."""
        ...


MODULES: dict[str, Module] = {
    "variance": variance,
    "offset": offset,
    "frontier": frontier,
    "importance": importance,
    "surrogate": surrogate,
    "divergence": divergence,
    "trust_region": trust_region,
    "landscape": landscape,
    "off_policy": off_policy,
}
"""By the names of the catalogue."""
