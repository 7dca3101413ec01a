"""Baselines of a critic of actions, and all actions at once, on a replay buffer without sampling error.

The critic is the exact Q plus a constant, as large as the values are in long episodes: no baseline pays for it.
"""

import pytest
import torch

from pgbench.laboratory import exact
from pgbench.laboratory.replay_cases import GAMMA, STATES, ReplayCase, critic_network
from pgbench.methods import lineage, paths
from pgbench.training import replay_update

EXACT = 1e-10
CONSTANT = 10.0
CASE = ReplayCase.tilted(2)
PRESENT = exact.solve(CASE.world, CASE.policy, GAMMA)
NAMES = ("replay", "replay_second_action", "replay_expected_value", "replay_all_actions")


def setting(name, constant=CONSTANT):
    """A learner whose critic is exact, and the whole buffer as it credits it."""
    algorithm = paths.with_values(lineage.LINEAGE[name].algorithm, {"gamma": GAMMA, "networks.hidden": ()})
    critic = torch.zeros(1, critic_network(algorithm).width, dtype=torch.float64)
    values = PRESENT.action_values + constant
    critic[0, : values.numel()] = values.flatten()
    learner = CASE.learner(algorithm, critic)
    return algorithm, learner, replay_update.credited(algorithm, learner, *CASE.everything(1))


def gradient(name, constant):
    algorithm, learner, part = setting(name, constant)
    return -replay_update.gradient(replay_update.actor_losses(algorithm, learner, part), learner.actor)[0]


def exact_gradient():
    """Σ_s d(s) Σ_a ∇π(a|s) Q(s, a) `[P]`, where d is uniform, as the buffer's states are."""
    _, learner, _ = setting("replay")
    places = torch.eye(STATES, dtype=torch.float64).unsqueeze(0)

    def credited(row):
        policy = learner.distribution(places, row.unsqueeze(0)).log_probabilities[0].exp()
        return (policy * PRESENT.action_values).sum() / STATES

    return exact.gradient(learner.actor.values.detach()[0], credited)


def variance(name):
    """How far the gradients of single transitions scatter: the trace of their covariance."""
    _, learner, part = setting(name)
    count = part.credit.advantages.shape[1]
    observations, actions = part.observations[0].argmax(-1), part.actions[0]
    scores = {}
    for state in range(STATES):
        for action in range(CASE.policy.shape[1]):
            place = torch.eye(STATES, dtype=torch.float64)[state].reshape(1, 1, -1)
            learner.distribution(place).log_prob(torch.tensor([[action]])).sum().backward()
            scores[state, action] = learner.actor.pop_gradient()[0]
    each = torch.stack([scores[pair] for pair in zip(observations.tolist(), actions.tolist(), strict=True)])
    gradients = part.credit.advantages[0, :, None] * each
    if name == "replay_all_actions":  # one transition is all of its actions
        frequencies = part.credit.weights[0, :, None] * count
        actions_each = CASE.policy.shape[1]
        gradients = (frequencies * gradients).reshape(-1, actions_each, gradients.shape[-1]).mean(1)
    return float((gradients - gradients.mean(0)).square().sum(1).mean())


@pytest.mark.parametrize("constant", [0.0, CONSTANT])
@pytest.mark.parametrize("name", NAMES)
def test_every_choice_has_the_exact_gradient_of_the_exact_critic(name, constant):
    found = gradient(name, constant)
    assert (found - exact_gradient()).norm() < EXACT * exact_gradient().norm()


def test_each_choice_has_less_variance_than_the_one_before():
    found = [variance(name) for name in NAMES]
    nothing, second, expected, every = found
    assert found == sorted(found, reverse=True)
    # Without a baseline the constant is paid for, and with one it is not.
    assert nothing > 100.0 * second
    assert second > 1.2 * expected > 1.2 * every


def test_all_actions_do_not_ask_which_action_was_stored_or_drawn():
    _, _, part = setting("replay_all_actions")
    assert part.actions.reshape(-1, 2).unique(dim=0).tolist() == [[0, 1]]
    torch.testing.assert_close(
        part.credit.weights.sum(1), torch.ones(1, dtype=torch.float64), rtol=1e-6, atol=0
    )
    policy = CASE.policy.repeat_interleave(part.actions.shape[1] // CASE.policy.numel(), 0).flatten()
    torch.testing.assert_close(part.credit.weights[0] * len(policy) / 2, policy, rtol=1e-6, atol=0)
