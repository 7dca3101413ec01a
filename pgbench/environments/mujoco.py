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
from pgbench.environments.interface import Box, FloatArray, IntArray, Outcome, VectorEnvironment
from pgbench.environments.mujoco_tasks import Fields, Step, Task

# everything that MuJoCo's next step depends on, the solver's warm start included
_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


class MujocoVector(VectorEnvironment):
    """One `MjModel` shared by N `MjData`; the numpy part is computed for all rows at once.

    Given the same state and actions, every number equals that of `gymnasium.make` to the bit.

    Args:
        task: The task; see `pgbench.environments.mujoco_tasks.TASKS`.
        generators: One generator a row.
    """

    def __init__(self, task: Task, generators: Sequence[np.random.Generator]) -> None:
        self._task = task
        self._model = _load(task.xml)
        self._data = [mujoco.MjData(self._model) for _ in generators]
        # MuJoCo never moves its arrays, so the views are made once
        self._views = {name: [view(data) for data in self._data] for name, view in task.views.items()}
        self._contact_forces = "cfrc_ext" in task.views  # MuJoCo computes them only on request
        self._controls = [data.ctrl for data in self._data]
        self._start_qpos = self._model.qpos0.copy()
        self._start_qvel = np.zeros(self._model.nv)
        self._masses = self._model.body_mass.copy()
        self._seconds = self._model.opt.timestep * task.frame_skip
        self._fields = self._gather(np.arange(len(self._data)))
        low, high = self._model.actuator_ctrlrange.astype(np.float32).T
        observation_size = task.observe(self._fields).shape[1]
        super().__init__(generators, observation_size, Box(low, high), task.time_limit)

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

    def _advance(self, actions: NDArray[Any], rows: IntArray) -> Outcome:
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
        return Outcome(task.observe(now), rewards, terminated, np.zeros(len(rows), dtype=np.bool_))

    def _gather(self, rows: IntArray) -> Fields:
        """Fresh copies of the fields of some rows, each [K, …]."""
        everything = len(rows) == len(self._data)
        return {
            name: stacked(views if everything else [views[row] for row in rows])
            for name, views in self._views.items()
        }

    def _keep(self, now: Fields, rows: IntArray) -> None:
        """Remember the fields of some rows: they are the next step's `before`."""
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
    """The model in a file as Gymnasium ships it.

    MuJoCo 4 says of one of these files that it is old-fashioned, on every load and into a log in the working
    directory; the file is Gymnasium's and must stay as it is, so that remark is not passed on.
    """
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        return mujoco.MjModel.from_xml_path(str(_asset(xml)))
    finally:
        mujoco.set_mju_user_warning(before)


def _asset(xml: str) -> Path:
    """A model file as Gymnasium ships it, found without importing Gymnasium."""
    package = find_spec("gymnasium")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("Gymnasium, which ships the MuJoCo models, is not installed")
    return Path(package.origin).parent / "envs" / "mujoco" / "assets" / xml


def _select(fields: Fields, rows: IntArray) -> Fields:
    return {name: field[rows] for name, field in fields.items()}
