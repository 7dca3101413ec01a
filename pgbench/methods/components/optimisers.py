"""The optimiser, which turns a gradient into a step."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from pgbench.base.specification import Specification


class Adam(Specification):
    """Adam (Kingma and Ba 2015)."""

    learning_rate: PositiveFloat = Field(3e-4, description="The step size α.")
    epsilon: PositiveFloat = Field(1e-8, description="The constant ε in the denominator.")
    decay: Literal["linear"] | None = Field(
        None, description="`linear`: the step size falls linearly and reaches 0 at the end of the budget."
    )
