"""Invented learning curves, of which one replica diverged."""

import numpy as np
import pandas as pd


def invented_curves(labels, seeds=3):
    """Curves and scores on one environment, where seed 0 of the first variant diverged."""
    steps = np.linspace(10_000, 1_000_000, 10).astype(int)
    tables, scores = [], []
    for number, label in enumerate(labels):
        for seed in range(seeds):
            diverged = number == seed == 0
            returns = -100_000.0 * (number + 1.0) + 1000.0 * seed + 0.01 * steps
            returns[5:] = np.nan if diverged else returns[5:]
            keys = {"variant": label, "environment": "Hopper-v5", "seed": seed}
            tables.append(pd.DataFrame(keys | {"step": steps, "episodic_return": returns}))
            scores.append(keys | {"status": "diverged" if diverged else "scored", "last_100": returns[-1]})
    return pd.concat(tables, ignore_index=True), pd.DataFrame(scores)
