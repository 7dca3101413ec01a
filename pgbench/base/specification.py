"""Specifications: models that are frozen, closed to unknown keys, and named by their content."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]


class Specification(BaseModel):
    """The base of every model in this package."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits over all values, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _named_by_kind(value: Any) -> Any:
    """Allow the bare name of a component that needs no parameters: `baseline: no_baseline`."""
    return {"kind": value} if isinstance(value, str) else value


SLOT = (BeforeValidator(_named_by_kind), Field(discriminator="kind"))
"""Annotations of a field that holds one of several components, told apart by `kind`."""
