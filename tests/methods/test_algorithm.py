"""Specifications: closed, frozen, comparable, and named by their content."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pgbench.methods import components, lineage
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.paths import difference, leaves, settable_paths, with_values
from pgbench.methods.runs import Run, path_safe

PPO = lineage.LINEAGE["ppo"].algorithm
MEMBERS = [member.algorithm for member in lineage.LINEAGE.values()]

CHANGES: dict[str, Any] = {
    "data.steps": 4096,
    "data.environments": 2,
    "data.restarts": True,
    "gamma": 0.9,
    "discount": "from_the_start",
    "advantage.lam": 0.5,
    "baseline.target.lam": 0.5,
    "baseline.fit.coefficient": 1.0,
    "baseline.fit.learning_rate": 1e-3,
    "surrogate.epsilon": 0.1,
    "surrogate.epsilon_high": 0.3,
    "surrogate.pessimistic": False,
    "update.epochs": 3,
    "update.minibatch_size": 32,
    "update.max_kl": 0.01,
    "update.recompute_advantages": True,
    "update.optimiser.learning_rate": 1e-3,
    "update.optimiser.epsilon": 1e-8,
    "update.optimiser.decay": None,
    "networks.hidden": (32,),
    "networks.activation": "relu",
    "networks.critic": components.CriticNetwork(hidden=(32,)),
    "networks.shared": True,
    "networks.squash": True,
    "networks.deviation.initial_log_std": -0.5,
    "networks.initialisation.hidden_gain": 1.0,
    "networks.initialisation.policy_gain": 1.0,
    "networks.initialisation.value_gain": 0.1,
    "details.observation_normalisation.clip": None,
    "details.observation_normalisation.updates": "each_batch",
    "details.observation_normalisation.minimum_variance": 0.01,
    "details.reward_scaling.clip": 5.0,
    "details.advantage_normalisation": "batch",
    "details.entropy_bonus": 0.01,
    "details.reward_offset": 1.0,
    "details.time_limits": "terminal",
    "details.value_clip": 0.2,
    "details.value_normalisation": components.ValueNormalisation(),
    "details.actions": "raw",
    "details.time_limit": 200,
    "details.max_gradient_norm": None,
}


def run_of(algorithm: Algorithm) -> Run:
    return Run(algorithm=algorithm, environment="CartPole-v1", steps=1000)


def test_every_leaf_of_ppo_has_a_change_here() -> None:
    """A component without parameters is a leaf, too."""
    found = [path for path, _ in leaves(PPO)]
    slots = {path.removesuffix(".kind") for path in found if path.endswith(".kind")}
    bare = {slot for slot in slots if sum(path.startswith(f"{slot}.") for path in found) == 1}
    assert set(CHANGES) == {path for path in found if not path.endswith("kind")} | bare


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_leaf_is_the_difference_and_a_new_name(path: str) -> None:
    changed = with_values(PPO, {path: CHANGES[path]})
    assert list(difference(PPO, changed)) == [path]
    assert run_of(changed).digest != run_of(PPO).digest
    assert path in settable_paths(PPO)


def test_environment_and_budget_are_part_of_the_name() -> None:
    run = run_of(PPO)
    others = [run.model_copy(update={"steps": 1001}), run.model_copy(update={"environment": "Acrobot-v1"})]
    assert len({run.digest, *(other.digest for other in others)}) == 3


def test_defaults_written_out_have_the_same_name() -> None:
    assert run_of(Algorithm()).digest == run_of(Algorithm.model_validate(Algorithm().model_dump())).digest


@pytest.mark.parametrize("algorithm", MEMBERS)
def test_json_there_and_back(algorithm: Algorithm) -> None:
    assert Algorithm.model_validate_json(algorithm.model_dump_json()) == algorithm


@pytest.mark.parametrize("first", MEMBERS[::8])
@pytest.mark.parametrize("second", MEMBERS[::8])
def test_the_difference_leads_from_one_to_the_other(first: Algorithm, second: Algorithm) -> None:
    changes = {path: after for path, (_, after) in difference(first, second).items()}
    assert with_values(first, changes) == second


def test_a_component_may_be_a_bare_name_a_mapping_or_a_model() -> None:
    ways: list[Any] = ["monte_carlo", {"kind": "monte_carlo"}, components.MonteCarloTarget()]
    assert len({with_values(PPO, {"baseline.target": way}).digest for way in ways}) == 1


@pytest.mark.parametrize(
    "path", ["lam", "advantage.lamb", "advantage.kind", "gamma.x", "", "details.reward_scaling.x"]
)
def test_a_path_that_does_not_exist_is_refused(path: str) -> None:
    with pytest.raises(KeyError):
        with_values(PPO, {path: 1})


def test_specifications_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PPO.gamma = 0.5
    with pytest.raises(ValidationError, match="Extra inputs"):
        Algorithm.model_validate({"gama": 0.5})


@pytest.mark.parametrize(
    ("start", "overrides", "message"),
    [
        (Algorithm(), {"advantage": "gae"}, "needs a critic"),
        (Algorithm(), {"data": "fixed_horizon"}, "cuts episodes"),
        (Algorithm(), {"update": "minibatch_epochs"}, "batches of one size"),
        (Algorithm(), {"details.advantage_normalisation": "minibatch"}, "set it to 'batch'"),
        (PPO, {"update.minibatch_size": 60}, "does not divide"),
        (PPO, {"gamma": float("nan")}, "finite"),
        (PPO, {"gamma": 0.0}, "greater than 0"),
        (PPO, {"surrogate.epsilon": 1.0}, "less than 1"),
        (PPO, {"update.epochs": 0}, "greater than 0"),
    ],
)
def test_contradictions_and_impossible_values_are_refused(
    start: Algorithm, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        with_values(start, overrides)


def test_path_safe_names_files() -> None:
    assert path_safe("ALE/Pong-v5") == "ALE_Pong-v5"
