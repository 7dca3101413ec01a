"""Who is compared with whom, at which settings: this project's methods, and their peers from the package index."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium

from pgbench.methods import lineage, paths, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.training.loop import train

BATCH = 2048
FEW = 5
"""Steps of an update of A2C, as Mnih et al. 2016 take them."""
BUDGET = 1_000_000
"""Environment steps of the run whose beginning is timed: metrics are kept as often as in a run of a study."""

Measure = Callable[[str], float]
"""From a Gymnasium id to environment steps per second, learning included."""


@dataclass(frozen=True)
class Method:
    """A method of this project, and what does the same elsewhere.

    Attributes:
        name: as the table calls it.
        algorithm: of the lineage, with the peer's batch.
        steps: environment steps of each replica that are timed.
        peers: package → module that it needs, and a function from an environment and steps to a model of it.
    """

    name: str
    algorithm: Algorithm
    steps: int
    peers: dict[str, tuple[str, Callable[[Any], Any]]]

    def run(self, environment: str) -> runs.Run:
        """What is trained, of which the first steps are timed."""
        return runs.Run(algorithm=self.algorithm, environment=environment, steps=BUDGET)


def _sb3_ppo(vector: Any) -> Any:
    from stable_baselines3 import PPO

    return PPO("MlpPolicy", vector, n_steps=BATCH, batch_size=64, n_epochs=10, device="cpu", seed=0)


def _sbx_ppo(vector: Any) -> Any:
    from sbx import PPO

    return PPO("MlpPolicy", vector, n_steps=BATCH, batch_size=64, n_epochs=10, seed=0)


def _contrib_trpo(vector: Any) -> Any:
    from sb3_contrib import TRPO

    # ten steps of the critic on the whole batch and ten of conjugate gradients, as here
    settings = {"cg_max_steps": 10, "n_critic_updates": 10, "batch_size": BATCH}
    return TRPO("MlpPolicy", vector, n_steps=BATCH, device="cpu", seed=0, **settings)


def _sb3_a2c(steps: int) -> Callable[[Any], Any]:
    def build(vector: Any) -> Any:
        from stable_baselines3 import A2C

        return A2C("MlpPolicy", vector, n_steps=steps, use_rms_prop=False, device="cpu", seed=0)

    return build


SB3 = "Stable-Baselines3"
METHODS = {
    method.name: method
    for method in (
        Method(
            name="PPO",
            algorithm=lineage.LINEAGE["ppo"].algorithm,
            steps=3 * BATCH,
            peers={SB3: ("stable_baselines3", _sb3_ppo), "SBX": ("sbx", _sbx_ppo)},
        ),
        Method(
            name="TRPO",
            algorithm=paths.with_values(
                lineage.LINEAGE["trpo_practised"].algorithm, {"data.steps": BATCH, "baseline.fit.steps": 10}
            ),
            steps=3 * BATCH,
            peers={"sb3-contrib": ("sb3_contrib", _contrib_trpo)},
        ),
        Method(
            name="A2C",
            algorithm=paths.with_values(
                lineage.LINEAGE["joint_fit"].algorithm, {"data.steps": FEW, "advantage.lam": 1.0}
            ),
            steps=BATCH,
            peers={SB3: ("stable_baselines3", _sb3_a2c(FEW))},
        ),
        Method(
            # No peer has REINFORCE: theirs is A2C with one update a batch, which does the same arithmetic.
            name="REINFORCE",
            algorithm=paths.with_values(lineage.LINEAGE["joint_fit"].algorithm, {"advantage.lam": 1.0}),
            steps=3 * BATCH,
            peers={SB3: ("stable_baselines3", _sb3_a2c(BATCH))},
        ),
    )
}


def ours(method: Method, replicas: int) -> Measure:
    """This project, with as many replicas in a block."""

    def measure(environment: str) -> float:
        records = train(method.run(environment), range(replicas))
        before = next(records).steps  # what is compiled is compiled in the first iteration
        begin = time.perf_counter()
        after = next(each.steps for each in records if (each.steps - before).min() >= method.steps)
        return float((after - before).sum() / (time.perf_counter() - begin))

    return measure


def theirs(method: Method, build: Callable[[Any], Any]) -> Measure:
    """A peer, one seed: it has no replicas."""

    def measure(environment: str) -> float:
        from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

        vector: Any = DummyVecEnv([lambda: gymnasium.make(environment)])
        if method.algorithm.details.observation_normalisation is not None:
            vector = VecNormalize(vector)
        model = build(vector)
        model.learn(model.n_steps)
        before, begin = model.num_timesteps, time.perf_counter()
        model.learn(method.steps, reset_num_timesteps=False)
        return float((model.num_timesteps - before) / (time.perf_counter() - begin))

    return measure


def contenders(method: Method, replicas: Sequence[int]) -> tuple[dict[str, Measure], list[str]]:
    """This project with each number of replicas and its peers, by name; and the peers that are not installed."""
    found = {f"pgbench, {_counted(count)}": ours(method, count) for count in replicas}
    missing = []
    for name, (module, build) in method.peers.items():
        if importlib.util.find_spec(module):
            found[name] = theirs(method, build)
        else:
            missing.append(name)
    return found, missing


def _counted(replicas: int) -> str:
    return f"{replicas} replica{'s' if replicas > 1 else ''}"
