"""An algorithm: choices that go together."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from pgbench.methods.choices import Choices
from pgbench.methods.compatibility.faults import faults


class Algorithm(Choices):
    """A policy-gradient method: one component in each slot, and named details.

    Raises:
        ValueError: if two choices contradict each other, or if a choice has no effect beside the others.
    """

    @model_validator(mode="after")
    def _choices_go_together(self) -> Self:
        for fault in faults(self):
            raise ValueError(fault)
        return self
