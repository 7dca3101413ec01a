"""Many simulations of one MuJoCo model, stepped together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from pgbench.environments.arithmetic import stacked
from pgbench.environments.interface import Box, FloatArray, IntArray, StepOutcome, VectorEnvironment
from pgbench.environments.mujoco_parts import Fields, Step, Task

# This state holds everything that MuJoCo's next step depends on, including the warm start of the solver.
_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


class MujocoVector(VectorEnvironment):
    """N simulations (`MjData`) that share one model (`MjModel`).

    Observations, rewards and terminal states are computed for all rows at once. For the same state and actions,
    every number equals that of `gymnasium.make` to the bit.

    Args:
        task: the task, one of `pgbench.environments.mujoco_tasks.TASKS`.
        generators: one generator a row.
        time_limit: steps of an episode, in place of the task's own limit; by default that one.
    """

    def __init__(
        self, task: Task, generators: Sequence[np.random.Generator], time_limit: int | None = None
    ) -> None:
        self._task = task
        self._model = _load(task.xml)
        self._data = [mujoco.MjData(self._model) for _ in generators]
        # MuJoCo never moves its arrays, therefore each is looked up once.
        self._arrays = {name: [read(data) for data in self._data] for name, read in task.reads.items()}
        self._contact_forces = "cfrc_ext" in task.reads  # MuJoCo computes them only on request
        self._controls = [data.ctrl for data in self._data]
        self._start_qpos = self._model.qpos0.copy()
        self._start_qvel = np.zeros(self._model.nv)
        self._masses = self._model.body_mass.copy()
        self._seconds = self._model.opt.timestep * task.frame_skip
        self._fields = self._gather(np.arange(len(self._data)))
        low, high = self._model.actuator_ctrlrange.astype(np.float32).T
        observation_size = task.observe(self._fields).shape[1]
        super().__init__(generators, observation_size, Box(low, high), time_limit or task.time_limit)

    def _start(self, rows: IntArray) -> FloatArray:
        for row in rows:
            data = self._data[row]
            qpos, qvel = self._task.start(self._generators[row], self._start_qpos, self._start_qvel)
            mujoco.mj_resetData(self._model, data)
            data.qpos[:] = qpos
            data.qvel[:] = qvel
            mujoco.mj_forward(self._model, data)
        now = self._gather(rows)
        self._keep(now, rows)
        return self._task.observe(now)

    def _advance(self, actions: NDArray[Any], rows: IntArray) -> StepOutcome:
        task, model, step = self._task, self._model, mujoco.mj_step
        for row, action in zip(rows.tolist(), actions, strict=True):
            self._controls[row][:] = action
            step(model, self._data[row], task.frame_skip)
            if self._contact_forces:
                mujoco.mj_rnePostConstraint(model, self._data[row])
        before = self._fields if len(rows) == self.rows else _select(self._fields, rows)
        now = self._gather(rows)
        self._keep(now, rows)
        terminated = task.terminated(now)
        taken = Step(before, now, actions, terminated, self._seconds, self._masses)
        rewards = np.asarray(task.reward(taken), dtype=np.float64)
        return StepOutcome(task.observe(now), rewards, terminated, np.zeros(len(rows), dtype=np.bool_))

    def _gather(self, rows: IntArray) -> Fields:
        """Fresh copies of the fields of some rows, `[K, …]` each."""
        everything = len(rows) == len(self._data)
        return {
            name: stacked(arrays if everything else [arrays[row] for row in rows])
            for name, arrays in self._arrays.items()
        }

    def _keep(self, now: Fields, rows: IntArray) -> None:
        """Remember the fields of some rows for the `before` of the next step."""
        if len(rows) == len(self._data):
            self._fields = now
        else:
            for name, field in now.items():
                self._fields[name][rows] = field

    def _simulation(self) -> dict[str, Any]:
        physics = np.empty((self.rows, mujoco.mj_stateSize(self._model, _INTEGRATION)))
        for row, data in zip(physics, self._data, strict=True):
            mujoco.mj_getState(self._model, data, row, _INTEGRATION)
        return {"physics": physics, "fields": {name: field.copy() for name, field in self._fields.items()}}

    def _restore_simulation(self, simulation: Mapping[str, Any]) -> None:
        self._fields = {name: np.array(field) for name, field in simulation["fields"].items()}
        for row, data in zip(np.array(simulation["physics"]), self._data, strict=True):
            mujoco.mj_setState(self._model, data, row, _INTEGRATION)


def _load(xml: str) -> mujoco.MjModel:
    """Load a model file that Gymnasium ships.

    MuJoCo 4 warns that one of these files uses old syntax. It does so at every load and also writes a log into the
    working directory. The file is Gymnasium's and must stay as it is, therefore the warning is silenced.
    """
    handler = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        model = mujoco.MjModel.from_xml_path(str(_asset(xml)))
    finally:
        mujoco.set_mju_user_warning(handler)
    if model.ntree == 1:
        # Constraints of one kinematic tree make one island; looking for it takes 4 to 8 % of a step.
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND
    return model


def _asset(xml: str) -> Path:
    """The path of a model file that Gymnasium ships; Gymnasium is not imported."""
    package = find_spec("gymnasium")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "the MuJoCo tasks need Gymnasium, which ships their models and is not installed"
        )
    return Path(package.origin).parent / "envs" / "mujoco" / "assets" / xml


def _select(fields: Fields, rows: IntArray) -> Fields:
    return {name: field[rows] for name, field in fields.items()}
