"""What is public: `pgbench.train`, `pgbench.load_block`, `pgbench.load_study`."""

import shutil
from itertools import product

import gymnasium
import numpy as np
import pandas as pd
import pytest

import pgbench
from helpers.documents import blocks as fences
from pgbench.running.block import train_block

SHORT = {"data.steps": 64, "update.epochs": 2, "networks.hidden": (8,)}
ASKED = {"episodes": 2, "times": 2}


def trained(**changes):
    arguments = {"seeds": [2, 0], "overrides": SHORT, "evaluation": ASKED}
    return pgbench.train("ppo", "CartPole-v1", 256, **(arguments | changes))


def test_nothing_else_is_public():
    assert pgbench.__all__ == ["load_block", "load_study", "train"]


def test_the_examples_of_the_page_run(capfd):
    """In their order, as one notebook."""
    of_page = [block.text for block in fences("python") if block.document.name == "python.md"]
    names = {}
    for example in (text for text in of_page if "safe_open" not in text):
        exec(example, names)
    assert len(names["last"]) == 2
    assert names["environment"].action_space.contains(names["action"])
    assert names["environment"].action_space.contains(names["drawn"])
    assert capfd.readouterr() == ("", "")


def test_training_gives_what_the_command_line_writes(tmp_path):
    result = trained()
    train_block(result.run, result.seeds, tmp_path)
    loaded = pgbench.load_block(tmp_path)
    assert (loaded.run, loaded.seeds, loaded.name) == (result.run, result.seeds, result.name)
    for name in ("episodes", "evaluations", "metrics"):
        assert len(getattr(result, name))
        pd.testing.assert_frame_equal(getattr(result, name), getattr(loaded, name), check_exact=True)
    for seed in (0, 2):
        for name, tensor in result.policies[seed].tensors.items():
            np.testing.assert_array_equal(loaded.policies[seed].tensors[name], tensor)


def test_a_block_of_its_own_is_trained_once_and_silently(tmp_path, monkeypatch, capfd):
    first = trained(into=tmp_path / "mine")
    assert capfd.readouterr().err == ""
    monkeypatch.delattr("pgbench.running.block.Trainer")
    again = trained(into=str(tmp_path / "mine"))
    pd.testing.assert_frame_equal(first.episodes, again.episodes, check_exact=True)


def test_an_algorithm_is_as_good_as_a_name():
    result = trained()
    again = pgbench.train(result.run.algorithm, "CartPole-v1", 256, seeds="0", evaluation=ASKED)
    assert again.run == result.run
    alone = result.episodes[result.episodes.seed == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.episodes, alone, check_exact=True)


def test_comparisons_of_gradients_are_asked_for_as_evaluations_are():
    compared = trained(evaluation=None, reference={"every": 2, "batches": 2})
    assert compared.metrics.reference_cosine.notna().any()
    assert compared.replicas.status.tolist() == ["finished"] * 2


def test_a_policy_plays_an_episode_of_gymnasium():
    policies = trained().policies
    assert list(policies) == [2, 0]
    assert 1 not in policies
    environment = gymnasium.make("CartPole-v1")
    observation, _ = environment.reset(seed=0)
    ended = False
    while not ended:
        action = policies[2](observation)
        assert environment.action_space.contains(action)
        observation, _, terminated, truncated, _ = environment.step(action)
        ended = terminated or truncated
    with pytest.raises(ValueError, match=r"CartPole-v1: observation of shape \[3\]; announced is \[4\]"):
        policies[2](observation[:3])
    with pytest.raises(ValueError, match="there is no seed 1; there are policies of the seeds 2, 0"):
        policies[1]


def test_actions_are_inside_the_announced_space():
    result = pgbench.train("ppo", "Hopper-v5", 64, seeds=[0], overrides=SHORT)
    space = gymnasium.make("Hopper-v5").action_space
    draws = np.random.default_rng(0)
    actions = [result.policies[0](draws.normal(size=11), draws) for _ in range(20)]
    assert all(space.contains(action) for action in actions)
    assert any(np.abs(action).max() == 1.0 for action in actions)


@pytest.mark.usefixtures("my_worlds")
def test_an_environment_of_ones_own_module_is_trained_and_played():
    name = "my_worlds:Walk-v0"
    policy = pgbench.train("ppo", name, 64, seeds=[0], overrides=SHORT).policies[0]
    environment = gymnasium.make(name)
    observation, _ = environment.reset(seed=0)
    for _ in range(3):
        action = policy(observation, np.random.default_rng(0))
        assert environment.action_space.contains(action)
        observation, *_ = environment.step(action)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"algorithm": "ppoo"}, "train: algorithm: 'ppoo' is not in the lineage; did you mean 'ppo'?"),
        (
            {"environment": "CartPol-v1"},
            "train: environment: there is no environment 'CartPol-v1'; did you mean",
        ),
        (
            {"overrides": {"advantage.lambda": 1}},
            "train: override: unknown key 'advantage.lambda'; did you mean",
        ),
        ({"steps": 0}, "train: 'steps' is 0"),
        ({"evaluation": {"episods": 3}}, "unknown key 'evaluation.episods'; did you mean 'episodes'?"),
        ({"seeds": 5}, r"seeds must be several numbers: range\(5\) for that many, \[5\] for that one"),
        ({"seeds": [1, 1]}, "seeds must be different numbers from 0"),
        ({"seeds": "4-2"}, "seeds '4-2' must be one seed or a rising range"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_used_is_refused_as_on_the_command_line(changes, said):
    arguments = {"algorithm": "ppo", "environment": "CartPole-v1", "steps": 64} | changes
    with pytest.raises(ValueError, match=said):
        pgbench.train(**arguments)


def test_blocks_that_are_not_there_are_refused(tmp_path, results, plan):
    with pytest.raises(ValueError, match="this block was never finished"):
        pgbench.load_block(tmp_path)
    planned = plan.runs[0]
    simulated = pgbench.load_block(results / "runs" / planned.name / planned.blocks[0])
    assert len(simulated.episodes)
    with pytest.raises(ValueError, match="has no policies: its tables were not trained but simulated"):
        simulated.policies  # noqa: B018


def test_a_study_is_found_by_path_and_by_name(tmp_path, monkeypatch, gathered):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="there is no gathered study 'invented'; results/studies holds none"):
        pgbench.load_study("invented")
    shutil.copytree(gathered, tmp_path / "results" / "studies" / "quick" / "invented")
    studies = [pgbench.load_study(name) for name in (gathered, "quick/invented", "invented")]
    assert len({study.identity for study in studies}) == 1
    assert len(studies[0].scores)
    with pytest.raises(ValueError, match=r"did you mean 'quick/invented'\?"):
        pgbench.load_study("quick/invente")
    shutil.copytree(gathered, tmp_path / "results" / "studies" / "full" / "invented")
    with pytest.raises(ValueError, match="under several presets; name one of full/invented, quick/invented"):
        pgbench.load_study("invented")


def test_scores_for_rliable_are_those_of_the_document(gathered):
    (block,) = [each.text for each in fences("text") if ".pivot(" in each.text]
    names = {}
    exec(block.replace('"ladder"', repr(str(gathered))), names)
    scores = names["scores"]
    assert list(names["table"]) == list(scores["variant"].unique())
    seeds, worlds = sorted(scores["seed"].unique()), sorted(scores["environment"].unique())
    for variant, array in names["table"].items():
        assert array.shape == (len(seeds), len(worlds))
        for (row, seed), (column, world) in product(enumerate(seeds), enumerate(worlds)):
            of = (scores["variant"] == variant) & (scores["seed"] == seed) & (scores["environment"] == world)
            assert array[row, column] == pytest.approx(scores.loc[of, "normalised"].item(), nan_ok=True)
    means = scores.groupby(["environment", "variant"])["normalised"].mean().groupby("environment").max()
    assert means.tolist() == pytest.approx([1.0, 1.0])
