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

PPO and TRPO as their authors released them, and other ways to collect, `released_branch.py`:

    ppo_clip → ppo_raw_actions → ppo_batch_statistics → ppo_batch_advantages → ppo_value_weight → ppo_value_clip
    ppo_value_clip → ppo_released
    trpo → trpo_raw_actions → trpo_batch_statistics → trpo_narrow → trpo_short_batches → trpo_lambda
    trpo_lambda → trpo_lambda_target → trpo_halving → trpo_released
    ppo → ppo_time_limit
    ppo → ppo_restarts
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pgbench.methods.branches import BRANCHES
from pgbench.methods.main_line import MAIN_LINE
from pgbench.methods.members import Member
from pgbench.methods.released_branch import RELEASED_BRANCH
from pgbench.methods.replay_branch import REPLAY_BRANCH

LINEAGE: Mapping[str, Member] = MappingProxyType(
    {member.name: member for member in (*MAIN_LINE, *BRANCHES, *REPLAY_BRANCH, *RELEASED_BRANCH)}
)
"""Every member by name. The order decides which of several equally near members names an algorithm."""
