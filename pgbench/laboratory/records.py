"""Read the files of a measurement: its record and its statements."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field, NonNegativeFloat, NonNegativeInt, ValidationError

from pgbench.base.refusals import Refusal
from pgbench.base.specification import Specification
from pgbench.storage.layout import MEASUREMENT as RECORD
from pgbench.storage.provenance import Provenance
from pgbench.studies.catalogue import Measurement, Size

REMEDY = "`python -m pgbench laboratory` writes it"


class Performed(Specification):
    """The record of a measurement: what was measured, how much was sampled, and where. It is written last."""

    measurement: Measurement
    preset: str
    size: Size
    seed: NonNegativeInt
    seconds: NonNegativeFloat
    code_digest: str = Field(description="Digest of the code that the measurement reaches.")
    provenance: Provenance


def read_record(directory: Path) -> Performed:
    """Read the record of a measurement.

    Raises:
        Refusal: if the file is missing or is not such a record.
    """
    try:
        return Performed.model_validate_json((directory / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        reason = getattr(error, "strerror", None) or "it is not a record of a measurement"
        raise Refusal(f"{directory / RECORD}: cannot be used ({reason}); {REMEDY}") from None


def read_statements(directory: Path) -> pd.DataFrame:
    """Read the statements of a measurement, in the columns of `statements.as_table`.

    Raises:
        Refusal: if the table is missing or unreadable.
    """
    try:
        return pd.read_parquet(directory / "statements.parquet")
    except (OSError, ValueError) as error:
        raise Refusal(f"{directory}: is not a whole measurement ({error}); {REMEDY}") from None
