"""What a uniformly random policy scores in each environment, as `workflows/random_returns.csv` has it."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import FiniteFloat, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError

from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification

REMEDY = "`python -m pgbench measure-random` writes it"


class RandomReturn(Specification):
    """A line of the table: undiscounted returns of whole episodes, over all seeds and episodes together."""

    environment: str
    seeds: PositiveInt
    episodes: PositiveInt
    mean: FiniteFloat
    standard_deviation: NonNegativeFloat
    minimum: FiniteFloat
    maximum: FiniteFloat
    mean_length: PositiveFloat


def read_random_returns(path: Path) -> dict[str, RandomReturn]:
    """Environment → what was measured.

    Raises:
        Refusal: if the file cannot be read, or a line in it is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: cannot be read ({error}); {REMEDY}") from None
    found = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        try:
            line = RandomReturn.model_validate(row)
        except ValidationError as error:
            raise explain(error, f"{path}: {row.get('environment')}", RandomReturn) from None
        found[line.environment] = line
    return found
