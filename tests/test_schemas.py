"""The committed JSON schemas are those of the models."""

import json

import pytest

from helpers.places import CHECKOUT
from pgbench.__main__ import SCHEMAS

DIRECTORY = CHECKOUT / "workflows" / "schemas"
REMEDY = "run `python -m pgbench schemas` and commit what it writes"


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_in_step_with_its_model(name: str) -> None:
    path = DIRECTORY / f"{name}.json"
    assert path.exists(), REMEDY
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMAS[name].model_json_schema(), REMEDY


def test_no_schema_is_left_over() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == set(SCHEMAS), REMEDY


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_closed(name: str) -> None:
    assert SCHEMAS[name].model_json_schema()["additionalProperties"] is False
