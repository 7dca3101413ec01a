"""Optimisers: how a gradient becomes a step."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from pgbench.base.specification import Specification


class Adam(Specification):
    """Adam (Kingma and Ba 2015)."""

    learning_rate: PositiveFloat = 3e-4
    epsilon: PositiveFloat = 1e-8
    decay: Literal["linear"] | None = Field(None, description="Linear: the step size falls to 0 at the end.")
