"""The unit in which a critic learns: running moments of its targets, one mean and deviation for each replica."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgbench.environments.interface import FloatArray
from pgbench.functional.rescaling import Unit
from pgbench.training.normalisation import RunningMoments

LEAST_DEVIATION = 1e-6
"""Targets without variance are divided by this, as in the code of Andrychowicz et al. 2021."""


class ValueScale:
    """Mean and standard deviation of all targets that a critic has learned from.

    Args:
        replicas: S.
        rescales: whether the critic's last layer is rescaled when they move, so that no value moves.
    """

    def __init__(self, replicas: int, rescales: bool) -> None:
        self.rescales = rescales
        self._moments = RunningMoments(replicas, 1)
        self.present = self._scale()

    def count(self, targets: Tensor, counted: Tensor) -> None:
        """Count targets `[S, N]` where `counted` `[S, N]`; each once, and no replica's in another's."""
        self._moments.update(targets.double().unsqueeze(-1).numpy(), counted.numpy())
        self.present = self._scale()

    def _scale(self) -> Unit:
        """The moments in single precision, `[S, 1]` each."""
        deviation = np.maximum(np.sqrt(self._moments.variance), LEAST_DEVIATION)
        return Unit(*(torch.from_numpy(column).float() for column in (self._moments.mean, deviation)))

    def state(self) -> dict[str, FloatArray]:
        """The moments, copied."""
        return self._moments.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: if the state is of another number of replicas.
        """
        self._moments.restore(state)
        self.present = self._scale()
