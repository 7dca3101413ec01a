"""The lineage: every method of this project by name. Read this file first.

A method is a `Member`. Its algorithm is its parent's with exactly one field replaced. The member states the idea
behind this change and where it was published. An arrow leads from a parent to its successor.

The main line, `main_line.py`:

    reinforce → reward_to_go → average_baseline → learned_value → gae → fixed_horizon → lambda_target → joint_fit
    joint_fit → importance_ratio → step_size → no_clip → ppo_clip
    ppo_clip → ppo_observations → ppo_rewards → ppo_initialisation → ppo_adam → ppo_decay → ppo_gradient_norm → ppo

Its branches, `branches.py`:

    reward_to_go → derived_discount
    reward_to_go → timestep_baseline
    reinforce → optimal_baseline
    reinforce → optimal_components
    learned_value → actor_critic → batch_actor_critic → one_critic_step → online_actor_critic
    learned_value → n_step
    reward_to_go → several_steps → trajectory_ratio
    several_steps → causal_ratio
    several_steps → per_decision_ratio
    fixed_horizon → ratio_step → natural_gradient
    ratio_step → trpo → trpo_observations → trpo_practised
    ppo_clip → ppo_no_minimum
    no_clip → ppo_fixed_kl
    no_clip → ppo_adaptive_kl

The branch with a replay buffer, `replay_branch.py`:

    batch_actor_critic → replay_naive → replay_q → replay_unrepaired → replay_critic_repaired → replay
    replay_unrepaired → replay_actor_repaired

The branches that differ in the critic, `critic_branch.py`:

    batch_actor_critic → critic_first → fresh_targets → critic_minibatches → critic_on_steps → noted_actor_critic
    trpo → trpo_critic_minibatches → trpo_critic_passes
    ppo → ppo_wide_critic
    ppo → ppo_critic_rate
    ppo → ppo_separate_critic
    ppo_observations → ppo_values → ppo_popart

Other baselines and discounts, `baseline_branch.py`:

    average_baseline → leave_one_out
    ppo → ppo_from_the_start
    replay → replay_expected_value
    replay → replay_second_action
    replay → replay_all_actions

Other surrogates, `surrogate_branch.py`:

    ppo_clip → ppo_clip_higher
    ppo_clip → ppo_log_clip
    ppo_clip → ppo_rollback
    ppo_clip → spo
    ppo_fixed_kl → ppo_reverse_kl
    no_clip → exponential_advantage
    no_clip → recomputed_advantages → v_trace_target → v_trace_advantage → v_trace

PPO and TRPO as their authors released them, and other ways to collect, `released_branch.py`:

    ppo_clip → ppo_raw_actions → ppo_batch_statistics → ppo_batch_advantages → ppo_value_weight → ppo_value_clip
    ppo_value_clip → ppo_released
    trpo → trpo_raw_actions → trpo_batch_statistics → trpo_narrow → trpo_short_batches → trpo_lambda
    trpo_lambda → trpo_lambda_target → trpo_halving → trpo_larger_kl → trpo_fifth_steps → trpo_value_minibatches
    trpo_value_minibatches → trpo_value_passes → trpo_released
    ppo → ppo_time_limit
    ppo → ppo_restarts

The branches that differ in the optimiser, `optimiser_branch.py`:

    reinforce → plain_reinforce → single_episodes
    plain_reinforce → heavy_ball
    n_step → n_step_rmsprop
    fixed_horizon → adaptive_step_size

The branches of the trust regions, `trust_region_branch.py`:

    trpo → line_search_on_kl
    trpo → trpo_share_of_gain
    natural_gradient → natural_ascent → natural_ascent_normalised
    trpo_practised → trpo_wide_region → trpo_shrinking_region
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pgbench.methods.baseline_branch import BASELINE_BRANCH
from pgbench.methods.branches import BRANCHES
from pgbench.methods.critic_branch import CRITIC_BRANCH
from pgbench.methods.main_line import MAIN_LINE
from pgbench.methods.members import Member
from pgbench.methods.optimiser_branch import OPTIMISER_BRANCH
from pgbench.methods.released_branch import RELEASED_BRANCH
from pgbench.methods.replay_branch import REPLAY_BRANCH
from pgbench.methods.surrogate_branch import SURROGATE_BRANCH
from pgbench.methods.trust_region_branch import TRUST_REGION_BRANCH

BRANCHES_IN_ORDER = (
    MAIN_LINE,
    BRANCHES,
    REPLAY_BRANCH,
    CRITIC_BRANCH,
    BASELINE_BRANCH,
    SURROGATE_BRANCH,
    RELEASED_BRANCH,
    OPTIMISER_BRANCH,
    TRUST_REGION_BRANCH,
)

LINEAGE: Mapping[str, Member] = MappingProxyType(
    {member.name: member for branch in BRANCHES_IN_ORDER for member in branch}
)
"""Every member by name. The order decides which of several equally near members names an algorithm."""
