"""An algorithm: choices that go together."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from pgbench.methods.choices import Choices
from pgbench.methods.compatibility import faults


class Algorithm(Choices):
    """A policy-gradient method: one component a slot, and named details.

    Raises:
        ValueError: if two choices contradict each other, or one would have no effect beside the other.
    """

    @model_validator(mode="after")
    def _choices_fit_together(self) -> Self:
        for fault in faults(self):
            raise ValueError(fault)
        return self
