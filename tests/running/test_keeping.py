"""The policies that a block keeps are those that were trained, whoever reads them."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from helpers.documents import blocks as fences
from helpers.trainings import small
from pgbench.base.refusals import Refusal
from pgbench.environments import Discrete
from pgbench.methods import naming, runs
from pgbench.networks.distributions import Policy
from pgbench.networks.perceptron import Perceptron
from pgbench.networks.plain_tensors import named_views
from pgbench.running import keeping
from pgbench.running.block import train_block
from pgbench.running.evaluating import play
from pgbench.running.trained_policy import TrainedPolicy
from pgbench.storage import blocks
from pgbench.storage.policy_file import read_policies, to_bytes
from pgbench.training.learner import Learner
from pgbench.training.loop import Trainer

SEEDS = [3, 0]
SMALL = {"networks.hidden": (16, 8)}
KINDS = [
    ("ppo", "Hopper-v5", SMALL | {"networks.activation": "relu"}),
    ("ppo", "CartPole-v1", SMALL),
    ("average_baseline", "Pendulum-v1", SMALL | {"data.episodes": 2}),
    ("ppo_clip", "Reacher-v5", SMALL | {"networks.shared": True}),
    ("replay", "Terminating-v0", SMALL),
    ("ppo_released", "Hopper-v5", SMALL),
    ("ppo_state_deviation", "Pendulum-v1", SMALL | {"networks.shared": True}),
    ("ppo_squashed", "Reacher-v5", SMALL),
]
"""Normalised or not, discrete or not, tanh or not, with layers shared with a critic or not, a user's own world, one
with raw actions, a least variance and statistics that move once a batch, other deviations, and squashed actions."""


def trained(name, environment, changes, seeds=SEEDS, steps=300):
    run = runs.Run(algorithm=small(name, **changes), environment=environment, steps=steps)
    trainer = Trainer(run, seeds)
    list(trainer.records())
    trainer.close()
    return trainer


def through_a_file(trainer, path):
    path.write_bytes(to_bytes(keeping.policies_of(trainer, naming.run_name(trainer.run))))
    return read_policies(path, "do something")


def observations(trainer, count=20):
    """Like those that were seen in training, and beyond."""
    draws = np.random.default_rng(0)
    return draws.normal(0.0, 3.0, (count, trainer.sampler.environment.observation_size))


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def trainer(request):
    return trained(*request.param)


def test_a_policy_acts_as_it_did_in_training(trainer, tmp_path):
    """To the bit: the mean action, and the one that is drawn."""
    kept = through_a_file(trainer, tmp_path / "policy.safetensors")
    learner, sampler = trainer.learner, trainer.sampler
    everyone = np.ones((2, 1), dtype=bool)
    for replica, seed in enumerate(SEEDS):
        policy = TrainedPolicy(trainer.run, kept, seed)
        for raw in observations(trainer):
            seen = torch.from_numpy(
                sampler.preprocessing.frozen().observations(np.tile(raw, (2, 1, 1)), everyone)
            )
            draws = learner.policy.noise(np.random.default_rng(7), (1, 1))
            noise = torch.from_numpy(np.tile(draws, (2, 1, 1)))
            space = trainer.sampler.environment.actions
            for act, generator in ((learner.act_by_mode(), None), (learner.act(), np.random.default_rng(7))):
                expected = act(seen, noise)[replica, 0].numpy()
                if not isinstance(space, Discrete):
                    expected = sampler.preprocessing.given(space, expected[None])[0]
                np.testing.assert_array_equal(policy(raw, generator), expected)


def test_anybody_can_read_them(trainer, tmp_path):
    """The example of docs/python.md, which uses no part of this package, gives the means and the logits."""
    (example,) = (block.text for block in fences("python") if "safe_open" in block.text)
    path = tmp_path / "policy.safetensors"
    through_a_file(trainer, path)
    example = example.replace('"policy.safetensors"', f'"{path}"').replace("seed1.", f"seed{SEEDS[1]}.")
    names = {}
    exec(example, names)
    learner = trainer.learner
    for raw in observations(trainer):
        everyone = np.ones((2, 1), dtype=bool)
        seen = trainer.sampler.preprocessing.frozen().observations(np.tile(raw, (2, 1, 1)), everyone)
        distribution = learner.distribution(torch.from_numpy(seen), learner.actor.values.detach())
        found = names["outputs"](raw)
        if names["about"]["distribution"] == "categorical":
            found = torch.from_numpy(found).log_softmax(-1).numpy()
            expected = distribution.log_probabilities
        else:
            expected = distribution.mean
            log_std = distribution.log_std.expand_as(distribution.mean)[1, 0]
            if names["about"]["distribution"] == "gaussian with log_std":
                found, second = np.split(found, 2)
                np.testing.assert_allclose(second, log_std, rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(names["p"]["log_std"], log_std)
        np.testing.assert_allclose(found, expected[1, 0], rtol=1e-4, atol=1e-5)


def test_the_header_says_what_they_are(tmp_path):
    trainer = trained("ppo", "Hopper-v5", SMALL)
    through_a_file(trainer, tmp_path / "policy.safetensors")
    with safe_open(tmp_path / "policy.safetensors", "numpy") as file:
        about = json.loads(file.metadata()["policy"])
        shapes = {
            name: file.get_slice(name).get_shape()
            for name in file.keys()  # noqa: SIM118 (no dictionary)
            if "seed3." in name
        }
        kinds = {name: file.get_tensor(name).dtype for name in shapes}
    assert shapes == {
        "seed3.layer1.weight": [16, 11],
        "seed3.layer1.bias": [16],
        "seed3.layer2.weight": [8, 16],
        "seed3.layer2.bias": [8],
        "seed3.layer3.weight": [3, 8],
        "seed3.layer3.bias": [3],
        "seed3.log_std": [3],
        "seed3.observation.mean": [11],
        "seed3.observation.variance": [11],
        "seed3.observation.count": [1],
    }
    assert {kinds[name] for name in kinds if "observation" not in name} == {np.dtype(np.float32)}
    assert about["run"] == naming.run_name(trainer.run)
    assert about["seeds"] == SEEDS
    assert about["steps"] == trainer.sampler.steps.tolist()
    assert about["diverged"] == []
    assert (about["layers"], about["activation"], about["distribution"]) == (3, "tanh", "gaussian")
    assert about["observations"] == {"epsilon": 1e-8, "minimum_variance": None, "clip": 10.0}
    assert about["actions"] == {"number": None, "low": [-1.0] * 3, "high": [1.0] * 3, "executed": "clipped"}


def test_all_parameters_but_those_of_the_value_are_kept():
    network, policy = Perceptron((2, 3, 3), "tanh"), Policy(Discrete(2))
    row = torch.arange(float(network.width))
    named = named_views(network, policy, row)
    kept = torch.cat([view.flatten() for view in named.values()])
    assert len(kept) == len(set(kept.tolist())) == 2 * 3 + 3 + 3 * 2 + 2
    first = torch.nn.functional.linear(torch.ones(2), named["layer1.weight"], named["layer1.bias"])
    views = network.views(row.unsqueeze(0))
    torch.testing.assert_close(first, (torch.ones(1, 1, 2) @ views[0] + views[1])[0, 0])


def poison(monkeypatch):
    """The second replica of two learns NaN."""

    def poisoned(self, observations):
        said = original(self, observations)
        return said._replace(values=said.values * torch.tensor([1.0, torch.nan]).reshape(2, 1))

    original = Learner.evaluate
    monkeypatch.setattr(Learner, "evaluate", poisoned)


def test_a_replica_that_diverged_has_no_policy(monkeypatch, tmp_path):
    poison(monkeypatch)
    kept = through_a_file(trained("ppo", "CartPole-v1", SMALL), tmp_path / "policy.safetensors")
    assert kept.description.seeds == (3,)
    assert kept.description.diverged == (0,)
    assert set(kept.tensors) == {3}
    with pytest.raises(
        Refusal, match="seed 0 diverged, so it has no policy; there are policies of the seeds 3"
    ):
        kept.of(0)
    with pytest.raises(Refusal, match="there is no seed 5; there are policies of the seeds 3"):
        kept.of(5)


def test_where_all_diverged_there_is_nothing_to_evaluate():
    trainer = trained("ppo", "CartPole-v1", SMALL)
    trainer.learner.actor.values.detach().fill_(torch.nan)
    kept = keeping.policies_of(trainer, "ppo")
    assert kept.description.diverged == (3, 0)
    assert not kept.tensors
    with pytest.raises(Refusal, match="ppo: no replica has a policy to evaluate, because all diverged"):
        play(trainer.run, kept)


@pytest.fixture(scope="module")
def block(tmp_path_factory):
    directory = tmp_path_factory.mktemp("block")
    run = runs.Run(algorithm=small("ppo", **SMALL), environment="CartPole-v1", steps=300)
    train_block(run, [0, 1], directory)
    return directory


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-8]), "altered or truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:-8] + b"\0" * 8), "altered or truncated"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_a_block_without_its_policies_is_refused(block, tmp_path, damage, said):
    for file in (*blocks.FILES.values(), blocks.POLICY, "run.json"):
        (tmp_path / file).write_bytes((block / file).read_bytes())
    assert blocks.read_block(tmp_path).record.policy
    damage(tmp_path / blocks.POLICY)
    with pytest.raises(Refusal, match=f"policy.safetensors: .*{said}"):
        blocks.read_block(tmp_path)


def test_a_file_that_holds_no_policies_is_refused(tmp_path):
    path = tmp_path / "policy.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(Refusal, match=r"policy\.safetensors: cannot be read .*; do something"):
        read_policies(path, "do something")


def test_policies_do_not_depend_on_the_block(tmp_path):
    together, alone = (
        through_a_file(trained("ppo", "Hopper-v5", SMALL, seeds), tmp_path / str(len(seeds)))
        for seeds in (SEEDS, [3])
    )
    for name, tensor in alone.of(3).items():
        np.testing.assert_array_equal(together.of(3)[name], tensor)
