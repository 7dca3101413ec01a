"""Refusals are short enough to be read, whatever was written."""

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from pgbench.base.refusals import explain
from pgbench.base.specification import Specification

LONG = "x" * 10_000


class Left(Specification):
    kind: Literal["left"] = "left"


class Right(Specification):
    kind: Literal["right"] = "right"


class Written(Specification):
    number: int = 0
    slot: Left | Right = Field(Left(), discriminator="kind")


@pytest.mark.parametrize("values", [{LONG: 1}, {"number": LONG}, {"slot": {"kind": LONG}}])
def test_what_is_quoted_is_cut(values):
    with pytest.raises(ValidationError) as caught:
        Written.model_validate(values)
    message = str(explain(caught.value, "here", Written))
    assert "xxx…" in message
    assert len(message) < 300
