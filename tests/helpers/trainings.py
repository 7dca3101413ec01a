"""Short trainings, and all that they leave behind."""

from pgbench.methods import lineage, paths, runs
from pgbench.training import loop

MUJOCO = [
    ("gae", "Hopper-v5"),
    ("ppo", "HalfCheetah-v5"),
    ("replay_unrepaired", "Hopper-v5"),
    ("replay", "HalfCheetah-v5"),
]


def records(algorithm, seeds, environment="CartPole-v1", steps=512):
    run = runs.Run(algorithm=algorithm, environment=environment, steps=steps)
    return list(loop.train(run, seeds))


def small(name, **overrides):
    algorithm = lineage.LINEAGE[name].algorithm
    shorter = {
        "fixed_horizon": {"data.steps": 128},
        "replay_buffer": {"data.warm_up": 64, "data.capacity": 256, "data.batch_size": 64},
    }.get(algorithm.data.kind, {})
    if algorithm.update.kind == "minibatch_epochs":
        shorter["update.epochs"] = 4
    return paths.with_values(algorithm, shorter | overrides)


def trace(records, seeds, seed):
    """Every number that a replica leaves behind."""
    row = seeds.index(seed)
    return [
        (
            record.iteration,
            record.steps[row],
            *(values[row].item().hex() for values in record.statistics.values() if record.measured[row]),
            *(episode for episode in record.episodes if episode.seed == seed),
            *(episode for episode in record.evaluations if episode.seed == seed),
        )
        for record in records
        if record.running[row]
    ]
