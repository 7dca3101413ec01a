"""Specifications: models that are frozen, closed to unknown keys, and named by their content."""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]


class Later:
    """The mark of a field that came after results had names; see `LATER`."""


LATER: Final = Later()
"""An annotation of such a field: while it has its default, digests and labels are those from before the field."""


class Specification(BaseModel):
    """The base of every model in this package."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _truths_are_no_numbers(cls, values: Any) -> Any:
        """Refuse `on` for 1 and `no` for 0; a model inside looks at its own fields."""

        def types_in(annotation: Any) -> Iterator[Any]:
            """The types that an annotation mentions, through unions, containers and `Annotated`."""
            yield annotation
            for argument in typing.get_args(annotation):
                yield from types_in(argument)

        def is_truth(annotation: Any, value: Any) -> bool:
            """Whether a value is or holds a truth value where numbers are allowed, but no truth values."""
            if isinstance(value, Mapping | list | tuple):
                inner = value.values() if isinstance(value, Mapping) else value
                return any(is_truth(annotation, each) for each in inner)
            allowed = list(types_in(annotation))
            return isinstance(value, bool) and bool not in allowed and (int in allowed or float in allowed)

        for name, value in values.items() if isinstance(values, Mapping) else ():
            if name in cls.model_fields and is_truth(cls.model_fields[name].annotation, value):
                raise ValueError(
                    f"'{name}' needs numbers, and yes, no, on, off, true and false are none: write a number"
                )
        return values

    @property
    def named(self) -> dict[str, Any]:
        """What counts in a name: all values, defaults included except those of fields marked `LATER`."""
        return _without_later(self, self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits over what counts in a name."""
        canonical = json.dumps(self.named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _without_later(model: BaseModel, dumped: dict[str, Any]) -> dict[str, Any]:
    """What a model dumps, without its later fields that have their default."""
    kept = {}
    for name, value in dumped.items():
        field, present = type(model).model_fields[name], getattr(model, name)
        if LATER in field.metadata and present == field.default:
            continue
        kept[name] = _without_later(present, value) if isinstance(present, BaseModel) else value
    return kept


def _named_by_kind(value: Any) -> Any:
    """Allow the bare name of a component that needs no parameters: `baseline: no_baseline`."""
    return {"kind": value} if isinstance(value, str) else value


SLOT = (BeforeValidator(_named_by_kind), Field(discriminator="kind"))
"""Annotations of a field that holds one of several components, told apart by `kind`."""
