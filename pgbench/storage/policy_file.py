"""The format of `policy.safetensors`: the trained policies of a block, readable without this package.

The tensors of seed 3 are `seed3.layer1.weight` and so on; docs/python.md lists them. The header holds one text,
`policy`, which is the JSON of a `PolicyDescription`. (The library does not keep the order of several texts, and a
block that is trained twice has the same bytes.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification

HEADER = "policy"

Tensors = Mapping[str, NDArray[Any]]
"""The tensors of one replica's policy, by name."""


Executed = Literal["as drawn", "clipped", "squashed"]
"""What happens to an action before the environment gets it."""


class KeptNormalisation(Specification):
    """What is done to an observation x: (x − mean) / √max(variance + epsilon, minimum), then clipped to ±clip."""

    epsilon: float
    minimum_variance: float | None = Field(description="The minimum; None: there is none.")
    clip: float | None = Field(description="None: it is not clipped.")


class KeptActions(Specification):
    """What the environment is given."""

    number: PositiveInt | None = Field(
        description="Of discrete actions 0, 1, …; None: actions are real-valued."
    )
    low: tuple[float | None, ...] | None = Field(description="Lower bounds; None where there is none.")
    high: tuple[float | None, ...] | None = Field(description="Upper bounds; None where there is none.")
    executed: Executed = Field(
        description="`clipped`: a component outside its bounds is moved to the bound. `squashed`: a component u "
        "becomes low + (high − low) (tanh u + 1) / 2."
    )


class PolicyDescription(Specification):
    """What the tensors of a block's policies mean."""

    format: Literal[1] = 1
    run: str = Field(description="The run's name, which ends with the digest of its specification.")
    environment: str = Field(description="Gymnasium id.")
    seeds: tuple[NonNegativeInt, ...] = Field(description="Of the replicas whose policies are here.")
    steps: tuple[NonNegativeInt, ...] = Field(
        description="Environment steps that each of them was trained for."
    )
    diverged: tuple[NonNegativeInt, ...] = Field(
        description="Seeds of replicas with parameters that are no finite numbers: they have no policy."
    )
    layers: PositiveInt = Field(description="Linear layers.")
    activation: str = Field(description="Follows every layer but the last.")
    distribution: str = Field(
        description="`categorical`: the last layer gives logits. `gaussian`: it gives means; `log_std` is free. "
        "`gaussian with log_std`: it gives means and then log σ."
    )
    observations: KeptNormalisation | None = Field(description="None: observations stay as they are.")
    actions: KeptActions


@dataclass(frozen=True)
class KeptPolicies:
    """The policies of a block.

    Attributes:
        description: what the tensors mean.
        tensors: by seed.
    """

    description: PolicyDescription
    tensors: Mapping[int, Tensors]

    def of(self, seed: int) -> Tensors:
        """The tensors of one replica.

        Raises:
            Refusal: if the replica diverged, or is not in the block.
        """
        about = self.description
        if seed in about.diverged:
            raise Refusal(f"{about.run}: seed {seed} diverged, so it has no policy; {self._others()}")
        if seed not in self.tensors:
            raise Refusal(f"{about.run}: there is no seed {seed}; {self._others()}")
        return self.tensors[seed]

    def _others(self) -> str:
        seeds = ", ".join(map(str, self.description.seeds))
        return f"there are policies of the seeds {seeds}" if seeds else "no replica has a policy"


def to_bytes(kept: KeptPolicies) -> bytes:
    """The policies as a file; the same policies give the same bytes."""
    named = {
        f"seed{seed}.{name}": np.ascontiguousarray(tensor)
        for seed, tensors in kept.tensors.items()
        for name, tensor in tensors.items()
    }
    return save(named, {HEADER: kept.description.model_dump_json()})


def read_policies(path: Path, remedy: str) -> KeptPolicies:
    """The policies in a file.

    Args:
        path: a safetensors file.
        remedy: what to do about any other file, as a clause.

    Raises:
        Refusal: if the file is missing or holds no policies.
    """
    try:
        with safe_open(path, "numpy") as file:
            text = (file.metadata() or {}).get(HEADER, "")
            description = PolicyDescription.model_validate_json(text)
            names = list(file.keys())
            tensors = {
                seed: {
                    name.removeprefix(f"seed{seed}."): file.get_tensor(name)
                    for name in names
                    if name.startswith(f"seed{seed}.")
                }
                for seed in description.seeds
            }
    except ValidationError as error:
        raise Refusal(*str(explain(error, str(path), PolicyDescription)).splitlines(), remedy) from None
    except (OSError, SafetensorError) as error:
        raise Refusal(f"{path}: cannot be read ({error}); {remedy}") from None
    return KeptPolicies(description, tensors)
