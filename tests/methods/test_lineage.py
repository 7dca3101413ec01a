"""The lineage: one change a step, from REINFORCE to PPO."""

import re
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from pgbench.methods import (
    baseline_branch,
    branches,
    components,
    critic_branch,
    lineage,
    main_line,
    naming,
    optimiser_branch,
    paths,
    released_branch,
    replay_branch,
    surrogate_branch,
    trust_region_branch,
)
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.members import Member, successor
from pgbench.methods.paths import difference

SUCCESSORS = [member for member in LINEAGE.values() if member.parent is not None]


ORDER = """
    reinforce reward_to_go average_baseline learned_value gae fixed_horizon lambda_target joint_fit importance_ratio
    step_size no_clip ppo_clip ppo_observations ppo_rewards ppo_initialisation ppo_adam ppo_decay ppo_gradient_norm
    ppo derived_discount timestep_baseline optimal_baseline optimal_components actor_critic batch_actor_critic
    one_critic_step online_actor_critic n_step several_steps trajectory_ratio causal_ratio per_decision_ratio
    ratio_step natural_gradient trpo trpo_observations trpo_practised ppo_no_minimum ppo_fixed_kl ppo_adaptive_kl
    replay_naive replay_q replay_unrepaired replay_critic_repaired replay_actor_repaired replay
    critic_first fresh_targets critic_minibatches critic_on_steps noted_actor_critic trpo_critic_minibatches
    trpo_critic_passes ppo_wide_critic ppo_critic_rate ppo_separate_critic ppo_values ppo_popart
    leave_one_out ppo_from_the_start replay_expected_value replay_second_action replay_all_actions
    ppo_clip_higher ppo_log_clip ppo_rollback spo ppo_reverse_kl exponential_advantage
    recomputed_advantages v_trace_target v_trace_advantage v_trace
    ppo_raw_actions ppo_batch_statistics ppo_batch_advantages ppo_value_weight ppo_value_clip ppo_released
    trpo_raw_actions trpo_batch_statistics trpo_narrow trpo_short_batches trpo_lambda trpo_lambda_target
    trpo_halving trpo_larger_kl trpo_fifth_steps trpo_value_minibatches trpo_value_passes trpo_released
    ppo_time_limit ppo_restarts
    plain_reinforce single_episodes heavy_ball n_step_rmsprop adaptive_step_size
    line_search_on_kl trpo_share_of_gain natural_ascent natural_ascent_normalised trpo_wide_region
    trpo_shrinking_region
"""
"""The order decides which of several equally near members names a run, and with it the directories of results."""


def test_the_order_of_the_members_does_not_move() -> None:
    assert list(LINEAGE) == ORDER.split()


@pytest.mark.parametrize(
    ("file", "listed"),
    [
        (main_line, main_line.MAIN_LINE),
        (branches, branches.BRANCHES),
        (replay_branch, replay_branch.REPLAY_BRANCH),
        (critic_branch, critic_branch.CRITIC_BRANCH),
        (baseline_branch, baseline_branch.BASELINE_BRANCH),
        (surrogate_branch, surrogate_branch.SURROGATE_BRANCH),
        (released_branch, released_branch.RELEASED_BRANCH),
        (optimiser_branch, optimiser_branch.OPTIMISER_BRANCH),
        (trust_region_branch, trust_region_branch.TRUST_REGION_BRANCH),
    ],
)
def test_each_file_lists_every_member_that_it_defines(file: ModuleType, listed: tuple[Member, ...]) -> None:
    imported = {member.name for member in LINEAGE.values()} - {member.name for member in listed}
    defined = [value for value in vars(file).values() if isinstance(value, Member)]
    assert [member for member in defined if member.name not in imported] == list(listed)


def test_the_first_file_to_read_shows_every_member_and_its_parent() -> None:
    assert lineage.__doc__ is not None
    chains = [line.split(" → ") for line in re.findall(r"^    (\w+ → .+)$", lineage.__doc__, re.MULTILINE)]
    arrows = [pair for chain in chains for pair in pairwise(chain)]
    assert sorted(arrows) == sorted((member.parent, member.name) for member in SUCCESSORS)


@pytest.mark.parametrize(
    ("member", "change", "nearest"),
    [
        ("several_steps", {"advantage": components.TotalReturn()}, "reinforce"),
        ("importance_ratio", {"baseline.target": components.MonteCarloTarget()}, "importance_ratio"),
        ("ppo", {"details.max_gradient_norm": None}, "ppo_decay"),
        ("replay", {"advantage": components.NStep(n=1)}, "replay_naive"),
    ],
)
def test_the_first_of_equally_near_members_names_an_algorithm(
    member: str, change: dict[str, Any], nearest: str
) -> None:
    algorithm = paths.with_values(LINEAGE[member].algorithm, change)
    assert len(difference(LINEAGE[member].algorithm, algorithm)) == 1
    assert len(difference(LINEAGE[nearest].algorithm, algorithm)) == 1
    assert naming.nearest_member(algorithm).name == nearest


def test_a_label_leaves_out_the_later_fields_that_have_their_default() -> None:
    """So the costs that were measured before a field came are still found for the algorithm."""
    start, whole = LINEAGE["one_critic_step"].algorithm, components.FixedHorizon(steps=16)
    for data, shown in ((whole, False), (whole.model_copy(update={"restarts": True}), True)):
        assert ("restarts" in naming.label(paths.with_values(start, {"data": data}))) == shown


@pytest.mark.parametrize("member", SUCCESSORS, ids=lambda member: member.name)
def test_a_successor_changes_exactly_one_field_of_an_earlier_member(member: Member) -> None:
    names = list(LINEAGE)
    assert member.parent is not None
    assert names.index(member.parent) < names.index(member.name)
    assert len(difference(LINEAGE[member.parent].algorithm, member.algorithm)) == 1


def test_reinforce_is_the_only_root() -> None:
    assert [member.name for member in LINEAGE.values() if member.parent is None] == ["reinforce"]


@pytest.mark.parametrize("member", LINEAGE.values(), ids=lambda member: member.name)
def test_a_member_is_nearest_to_itself(member: Member) -> None:
    assert naming.nearest_member(member.algorithm) == member


def test_no_two_members_are_the_same_algorithm() -> None:
    assert len({member.algorithm.digest for member in LINEAGE.values()}) == len(LINEAGE)


def test_a_label_is_the_one_from_before_a_later_field() -> None:
    """A component that is written out does not name a field that came later and has its default."""
    algorithm = paths.with_values(LINEAGE["reinforce"].algorithm, {"baseline": components.LearnedValue()})
    assert "minibatch_size" not in naming.label(algorithm)
    dealt = components.LearnedValue(fit=components.SeparateFit(minibatch_size=8))
    algorithm = paths.with_values(LINEAGE["reinforce"].algorithm, {"baseline": dealt})
    assert '"minibatch_size": 8' in naming.label(algorithm)


def test_nearest_counts_fields() -> None:
    near_ppo = paths.with_values(LINEAGE["ppo"].algorithm, {"advantage.lam": 0.5})
    assert naming.nearest_member(near_ppo).name == "ppo"


@pytest.mark.parametrize(
    "change", [{}, {"gamma": 0.99}, {"gamma": 0.9, "update.optimiser.learning_rate": 1e-2}]
)
def test_a_successor_with_no_or_two_changes_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="replaces exactly one field"):
        successor(LINEAGE["reinforce"], "new", change, "an idea", "a source")


def test_ppo_as_printed_has_the_values_of_table_3() -> None:
    algorithm = LINEAGE["ppo_clip"].algorithm
    assert algorithm.data == components.FixedHorizon(steps=2048)
    optimiser = components.Adam(learning_rate=3e-4)
    assert algorithm.update == components.MinibatchEpochs(epochs=10, minibatch_size=64, optimiser=optimiser)
    assert algorithm.surrogate == components.ClippedRatio(epsilon=0.2)
    assert (algorithm.gamma, algorithm.advantage) == (0.99, components.GAE(lam=0.95))
    assert algorithm.details == components.Details()


def test_ppo_as_practised_has_every_detail() -> None:
    algorithm = LINEAGE["ppo"].algorithm
    assert algorithm.update.optimiser == components.Adam(learning_rate=3e-4, epsilon=1e-5, decay="linear")
    assert algorithm.networks.initialisation == components.Orthogonal(policy_gain=0.01, value_gain=1.0)
    assert algorithm.details == components.Details(
        observation_normalisation=components.ObservationNormalisation(clip=10.0),
        reward_scaling=components.RewardScaling(clip=10.0),
        advantage_normalisation="minibatch",
        max_gradient_norm=0.5,
    )
