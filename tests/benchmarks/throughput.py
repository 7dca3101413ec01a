"""Environment steps per second: this project, Stable-Baselines3, and the physics alone, in one run on one core.

`make bench`. The contenders take turns, several rounds; each round's ratio compares measurements that were made
within a minute of each other, and the median over rounds is what to quote. Same task, networks, batch,
minibatches and epochs. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
import torch

from pgbench import environments, lineage, specs
from pgbench.training import train

BATCH = 2048


def ours(environment: str, replicas: int, steps: int) -> float:
    """PPO as practised, with as many replicas in a block."""
    run = specs.Run(
        algorithm=lineage.PPO_PRACTISED.algorithm, environment=environment, steps=steps // replicas
    )
    begin, done = time.perf_counter(), 0
    for record in train(run, range(replicas)):
        done = int(record.steps.sum())
    return done / (time.perf_counter() - begin)


def stable_baselines3(environment: str, steps: int) -> float:
    """Its PPO with the same settings, one seed: it has no replicas."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    vector = VecNormalize(DummyVecEnv([lambda: gymnasium.make(environment)]))
    model = PPO(
        "MlpPolicy",
        vector,
        n_steps=BATCH,
        batch_size=64,
        n_epochs=10,
        learning_rate=3e-4,
        device="cpu",
        seed=0,
    )
    begin = time.perf_counter()
    model.learn(steps)
    return model.num_timesteps / (time.perf_counter() - begin)


def physics(environment: str, steps: int) -> float:
    """The environment alone, with random actions."""
    rng = np.random.default_rng(0)
    world = environments.make(environment, [np.random.default_rng(seed) for seed in range(10)])
    space = world.actions
    world.reset()
    begin = time.perf_counter()
    for _ in range(steps // 10):
        actions = (
            rng.uniform(space.low, space.high, (10, space.size))
            if isinstance(space, environments.Box)
            else rng.integers(space.n, size=10)
        )
        transition = world.step(actions)
        ended = transition.terminated | transition.truncated
        if ended.any():
            world.reset(ended)
    return steps / (time.perf_counter() - begin)


def main() -> None:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", nargs="+", default=["HalfCheetah-v5"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/throughput.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    contenders: dict[str, Callable[[str], float]] = {
        "pgbench, 10 replicas": lambda name: ours(name, 10, 3 * BATCH * 10),
        "pgbench, 1 replica": lambda name: ours(name, 1, 3 * BATCH),
        "environment alone, 10 at a time": lambda name: physics(name, 20_000),
    }
    if importlib.util.find_spec("stable_baselines3"):
        contenders["Stable-Baselines3"] = lambda name: stable_baselines3(name, 3 * BATCH)
    else:
        print("Stable-Baselines3 is not installed: pip install '.[bench]'")
    found: dict[str, dict[str, list[float]]] = {}
    for name in options.environments:
        rounds = [
            {label: measure(name) for label, measure in contenders.items()} for _ in range(options.rounds)
        ]
        found[name] = {label: [each[label] for each in rounds] for label in contenders}
        print(f"\n{name}: environment steps per second, median of {options.rounds} rounds (least, most)")
        main_figures = found[name]["pgbench, 10 replicas"]
        for label, figures in found[name].items():
            ratio = statistics.median(a / b for a, b in zip(main_figures, figures, strict=True))
            print(
                f"  {label:32s} {statistics.median(figures):9,.0f} ({min(figures):,.0f}, {max(figures):,.0f})"
                f"   first / this: {ratio:.2f}"
            )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
