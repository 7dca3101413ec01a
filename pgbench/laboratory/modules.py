"""Which file measures what: the measurements of the catalogue by name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pgbench.laboratory.measurements import (
    action_baselines,
    cloning,
    critic_targets,
    discounting,
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


class MeasurementModule(Protocol):
    """The functions that the module of a measurement defines."""

    def measure(self, size: Size, rng: np.random.Generator) -> MeasurementResult:
        """Perform the measurement.

        Args:
            size: how much to sample.
            rng: the only source of random numbers that depend on the seed.
        """
        ...

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw the table of the result."""
        ...


MODULES: dict[str, MeasurementModule] = {
    "variance": variance,
    "offset": offset,
    "frontier": frontier,
    "importance": importance,
    "surrogate": surrogate,
    "divergence": divergence,
    "trust_region": trust_region,
    "landscape": landscape,
    "off_policy": off_policy,
    "critic_targets": critic_targets,
    "cloning": cloning,
    "action_baselines": action_baselines,
    "discounting": discounting,
}
"""Name in the catalogue → module."""
