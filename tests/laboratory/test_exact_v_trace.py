"""V-trace on data of an older policy: what its targets and advantages expect, by enumeration."""

import pytest
import torch

from helpers import decision_processes
from helpers.decision_processes import credited, policy_table
from helpers.exact_gradients import (
    CLEAR,
    ENDS,
    EXACT,
    GAMMA,
    WORLDS,
    error,
    later_parameters,
    learner_with,
    method,
    parameters,
    practical_gradient,
    some_critic,
)
from pgbench.functional import ratios
from pgbench.laboratory.exact import action_values, occupancy, true_values
from pgbench.laboratory.trajectories import enumerate_trajectories, groups
from pgbench.training import credit, losses

pytestmark = pytest.mark.usefixtures("small_chunks")

WORLD = WORLDS["garnet"]
OLD, NEW = parameters(WORLD), later_parameters(WORLD)
WITHOUT_BOUND = {
    f"{slot}.{bound}": 1e9 for slot in ("advantage", "baseline.target") for bound in ("rho_max", "c_max")
}


def recomputed(critic, name="v_trace_advantage", present=NEW, **changes):
    """Probabilities of all trajectories of the old policy, the present learner, and its batch of each of them."""
    whole = {"data.steps": WORLD.horizon, "update.epochs": 2, "update.minibatch_size": WORLD.horizon}
    algorithm = method(name, **whole, **ENDS, **changes)
    probabilities = enumerate_trajectories(WORLD).probabilities(policy_table(WORLD, OLD))
    rollout = decision_processes.rollout(WORLD, groups(len(probabilities), 1))
    learner = learner_with(algorithm, WORLD, len(probabilities), OLD, critic)
    batch = credit.prepare(algorithm, learner, rollout)
    learner = learner.at(present.repeat(len(probabilities), 1))
    return probabilities, algorithm, learner, credit.credited_anew(algorithm, learner, batch)


def gradient(critic, **arguments):
    probabilities, algorithm, learner, batch = recomputed(critic, **arguments)
    return probabilities @ losses.gradient(algorithm, learner, batch) * WORLD.horizon


def expected_targets(critic, **changes):
    """E[target | state and time], and how often each is visited, `[(H + 1) X]`."""
    probabilities, _, _, batch = recomputed(critic, **changes)
    data = batch.transitions
    visits = (probabilities[:, None, None] * data.recorded.observations).sum((0, 1))
    sums = (probabilities[:, None, None] * data.recorded.observations * data.credit.targets[..., None]).sum(
        (0, 1)
    )
    return sums / visits, visits


def test_without_bounds_the_target_is_the_present_policys_value_whatever_the_critic_says():
    found, visits = expected_targets(some_critic(WORLD), **WITHOUT_BOUND)
    exact = true_values(WORLD, policy_table(WORLD, NEW), GAMMA).flatten()
    seen = visits > 0.0
    torch.testing.assert_close(found[seen], exact[seen], rtol=EXACT, atol=EXACT)
    of_the_old = true_values(WORLD, policy_table(WORLD, OLD), GAMMA).flatten()
    assert error(of_the_old[seen], exact[seen]) > CLEAR


def test_with_bounds_the_target_keeps_the_value_of_a_policy_between_the_two():
    """The fixed point of Espeholt et al. 2018, section 4: the policy in proportion to min(ρ̄ μ, π)."""
    between = torch.minimum(policy_table(WORLD, OLD), policy_table(WORLD, NEW)).detach()
    between = between / between.sum(-1, keepdim=True)
    critic = true_values(WORLD, between, GAMMA)
    found, visits = expected_targets(critic)
    seen = visits > 0.0
    torch.testing.assert_close(found[seen], critic.flatten()[seen], rtol=EXACT, atol=EXACT)
    of_the_new = true_values(WORLD, policy_table(WORLD, NEW), GAMMA)
    moved, _ = expected_targets(of_the_new)
    assert error(moved[seen], of_the_new.flatten()[seen]) > CLEAR


@pytest.mark.parametrize(
    "surrogate", [{"kind": "truncated_ratio", "maximum": 1e9}, {"kind": "importance_ratio"}]
)
def test_without_bounds_only_the_states_are_still_those_of_the_old_policy(surrogate):
    found = gradient(some_critic(WORLD), surrogate=surrogate, **WITHOUT_BOUND)
    present = action_values(WORLD, policy_table(WORLD, NEW), GAMMA)
    visits = occupancy(WORLD, policy_table(WORLD, OLD)).detach()
    assert error(found, credited(WORLD, NEW, present, visits=visits)) < EXACT
    # GAE(1) on the same batch values actions as the old policy does.
    changes = {"name": "recomputed_advantages", "advantage.lam": 1.0}
    before = gradient(some_critic(WORLD), surrogate=surrogate, **changes)
    assert error(before, credited(WORLD, NEW, present, visits=visits)) > CLEAR


def test_where_the_policy_has_not_moved_v_trace_follows_the_policy_gradient():
    found = gradient(some_critic(WORLD), name="v_trace", present=OLD)
    assert error(found, practical_gradient(WORLD, OLD)) < EXACT


def test_a_ratio_of_the_wrong_step_is_caught(monkeypatch):
    right = ratios.v_trace
    monkeypatch.setattr(
        ratios, "v_trace", lambda errors, each, *others: right(errors, each.roll(1, 0), *others)
    )
    found, visits = expected_targets(some_critic(WORLD), **WITHOUT_BOUND)
    exact = true_values(WORLD, policy_table(WORLD, NEW), GAMMA).flatten()
    assert error(found[visits > 0.0], exact[visits > 0.0]) > CLEAR
