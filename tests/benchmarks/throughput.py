"""Environment steps per second, learning included: this project, its peers, and what physics and arithmetic allow.

`make bench`. One core. The contenders take turns, several rounds; each round's ratios compare what was measured
within a minute, and the median over rounds is what to quote. Same task, networks, batch, minibatches and epochs.
Run it on a quiet machine: `python tests/benchmarks/throughput.py --help`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

# What JAX may use must be said before anything imports it.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import torch
from accounting import PARTS, arithmetic, physics, time_by_part
from contenders import METHODS, Measure, Method, contenders

PHYSICS, ARITHMETIC = "physics alone", "physics and the arithmetic of the update"


def main() -> None:
    """Measure, print tables, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", nargs="+", default=["HalfCheetah-v5", "Hopper-v5", "CartPole-v1"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--replicas", type=int, nargs="+", default=[10, 1], help="the first is compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/throughput.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    found: dict[str, Any] = {}
    for environment in options.environments:
        for method in (METHODS[name] for name in options.methods):
            found[f"{method.name} {environment}"] = _compare(method, environment, options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2) + "\n")


def _compare(method: Method, environment: str, options: argparse.Namespace) -> dict[str, Any]:
    """One method on one environment: every contender's steps per second, and where the time goes."""
    first = options.replicas[0]
    measures, missing = contenders(method, options.replicas)
    measures |= _limits(method, environment, first)
    for name in missing:
        print(f"{name} is not installed: pip install '.[bench]'")
    rounds = [
        {name: measure(environment) for name, measure in measures.items()} for _ in range(options.rounds)
    ]
    rates = {name: [each[name] for each in rounds] for name in measures}
    print(f"\n{method.name}, {environment}: environment steps per second, median of {options.rounds} rounds")
    own = next(iter(rates.values()))
    for name, figures in rates.items():
        ratio = statistics.median(a / b for a, b in zip(own, figures, strict=True))
        spread = f"({min(figures):,.0f} to {max(figures):,.0f})"
        print(f"  {name:42s} {statistics.median(figures):9,.0f} {spread:22s} first / this: {ratio:6.2f}")
    parts = time_by_part(method.run(environment), first, method.steps)
    print("  µs a step: " + ", ".join(f"{part} {parts[part]:.1f}" for part in PARTS))
    return {"steps per second": rates, "microseconds": parts}


def _limits(method: Method, environment: str, replicas: int) -> dict[str, Measure]:
    """The two limits as contenders: measured in every round beside the others."""
    found: dict[str, Measure] = {PHYSICS: lambda name: 1.0 / physics(name, replicas, 20_000)}
    if arithmetic(method.algorithm, environment, replicas) is None:
        return found

    def both(name: str) -> float:
        products = arithmetic(method.algorithm, name, replicas, rounds=200)
        assert products is not None
        return 1.0 / (physics(name, replicas, 20_000) + products)

    return found | {ARITHMETIC: both}


if __name__ == "__main__":
    main()
