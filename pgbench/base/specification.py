"""What every specification is: frozen, closed to unknown keys, and named by its content."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]


class Specification(BaseModel):
    """Base of every model of this package: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits over the fully resolved specification."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _named_by_kind(value: Any) -> Any:
    """Let a component without parameters be written as its bare name: `baseline: no_baseline`."""
    return {"kind": value} if isinstance(value, str) else value


SLOT = (BeforeValidator(_named_by_kind), Field(discriminator="kind"))
