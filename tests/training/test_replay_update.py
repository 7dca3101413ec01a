"""The off-policy actor-critic: targets and gradients by hand, and what its critics converge to."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers.replays import SEEDS, setting
from pgbench.environments import Discrete
from pgbench.methods import paths
from pgbench.training import replay_update
from pgbench.training.experience import Rollout
from pgbench.training.iteration import Moment
from pgbench.training.learner import ActionCritic
from pgbench.training.replay_memory import ReplayDraws, ReplayMemory
from pgbench.training.start import start_learner

NAMES = [
    "replay_naive",
    "replay_q",
    "replay_unrepaired",
    "replay_critic_repaired",
    "replay_actor_repaired",
    "replay",
]
WORLDS = ["CartPole-v1", "Pendulum-v1"]


def progress(running=(True, True, True), iteration=0, seeds=SEEDS):
    remaining = torch.ones(len(seeds), dtype=torch.float64)
    return Moment(iteration, seeds, torch.tensor(running), remaining)


def minibatch(name, environment, **overrides):
    algorithm, learner, rollout, _ = setting(name, environment, **{"data.warm_up": 200} | overrides)
    memory = ReplayMemory(300, batch_size=64)
    memory.add(rollout, replay_update.next_actions(learner, rollout, ReplayDraws(SEEDS, 0)))
    return algorithm, learner, ReplayDraws(SEEDS, 0).transitions(memory)


def says(learner, observation, action, replica):
    """The critic of one replica on one observation and action, by the networks' own definition."""
    critic = learner.critic
    weight, bias, last, offset = (
        view[replica] for view in critic.network.views(critic.parameters.values)[:4]
    )
    by_input = isinstance(critic, ActionCritic) and not isinstance(learner.policy.actions, Discrete)
    inputs = torch.cat([observation, action]) if by_input else observation
    outputs = (torch.tanh(inputs @ weight + bias) @ last + offset)[0]
    return outputs[action] if len(outputs) > 1 else outputs[0]


@pytest.mark.parametrize("environment", WORLDS)
@pytest.mark.parametrize("limits", ["bootstrap", "terminal", "drop"])
@pytest.mark.parametrize("name", ["replay_naive", "replay_q", "replay"])
def test_the_critics_gradient_is_that_of_a_loop_over_transitions(name, limits, environment):
    algorithm, learner, drawn = minibatch(name, environment, **{"details.time_limits": limits})
    drawn.rollout.truncated[0, :, ::5] = True
    drawn.rollout.terminated[0, :, ::10] = True
    drawn.rollout.terminated[0, :, 1::7] = True
    data, following = drawn.rollout, drawn.next_actions
    if name == "replay":
        following = ReplayDraws(SEEDS, 3).actions("target", learner, data.next_observations[0])
    total = torch.zeros(())
    losses = []
    for s in range(3):
        kept = []
        for i in range(64):
            terminated, truncated = bool(data.terminated[0, s, i]), bool(data.truncated[0, s, i])
            if limits == "drop" and truncated:
                continue
            target = data.rewards[0, s, i].clone()
            if not terminated and not (limits == "terminal" and truncated):
                target += (
                    algorithm.gamma
                    * says(learner, data.next_observations[0, s, i], following[s, i], s).detach()
                )
            value = says(learner, data.observations[0, s, i], data.actions[0, s, i], s)
            kept.append(0.5 * (value - target) ** 2)
        losses.append(torch.stack(kept).mean())
    sum(losses, total).backward()
    (critic,) = learner.critic_parts
    expected = critic.pop_gradient().clone()
    found = replay_update.critic_losses(algorithm, learner, drawn, ReplayDraws(SEEDS, 3))
    seen = replay_update.gradient(found, critic)
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("environment", WORLDS)
@pytest.mark.parametrize("name", NAMES)
def test_the_actors_gradient_is_the_notes_formula(name, environment):
    algorithm, learner, drawn = minibatch(name, environment)
    data, observations = drawn.rollout, drawn.rollout.observations[0]
    stored, following = data.actions[0], drawn.next_actions
    own = ReplayDraws(SEEDS, 3).actions("actor", learner, observations)
    if algorithm.baseline.kind == "learned_action_value" and algorithm.baseline.next_action == "policy":
        following = ReplayDraws(SEEDS, 3).actions("target", learner, data.next_observations[0])
    actions = own if name in ("replay_actor_repaired", "replay") else stored
    log_probs = learner.distribution(observations).log_prob(actions)
    objective = torch.zeros(())
    for s in range(3):
        for i in range(64):
            here = says(learner, observations[s, i], actions[s, i], s)
            ahead = says(learner, data.next_observations[0, s, i], following[s, i], s)
            bootstrap = 0.0 if data.terminated[0, s, i] else algorithm.gamma * ahead
            weight = {
                "replay_naive": data.rewards[0, s, i] + bootstrap - here,
                "replay_q": data.rewards[0, s, i] + bootstrap,
            }.get(name, here)
            objective = objective + log_probs[s, i] * weight.detach() / 64
    (-objective).backward()
    expected = learner.actor.pop_gradient().clone()
    part = replay_update.credited(algorithm, learner, drawn, ReplayDraws(SEEDS, 3))
    assert torch.equal(part.actions, actions)
    seen = replay_update.gradient(replay_update.actor_losses(algorithm, learner, part), learner.actor)
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-4)


def test_credit_may_be_normalised_over_the_minibatch():
    algorithm, learner, drawn = minibatch(
        "replay", "CartPole-v1", **{"details.advantage_normalisation": "batch"}
    )
    part = replay_update.credited(algorithm, learner, drawn, ReplayDraws(SEEDS, 3))
    torch.testing.assert_close(part.credit.advantages.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(part.credit.advantages.std(1, correction=0), torch.ones(3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_replica_that_does_not_run_keeps_every_bit_and_poison_stays_where_it_is(name):
    algorithm, learner, rollout, _ = setting(name)
    rollout.rewards[:, 2] = torch.nan
    before = [part.values.detach().clone() for part in learner.parts]
    state = progress(running=(True, False, True))
    replay_update.update(algorithm, learner, ReplayMemory(200, batch_size=16), rollout, state)
    for part, old in zip(learner.parts, before, strict=True):
        assert (part.values.detach() != old).any(1).tolist() == [True, False, True]
    assert learner.diverged().tolist() == [False, False, True]


def test_the_critic_takes_its_steps_before_each_step_of_the_policy():
    algorithm, learner, rollout, _ = setting("replay", **{"update.steps": 3, "baseline.fit.steps": 4})
    _, statistics = replay_update.update(
        algorithm, learner, ReplayMemory(200, batch_size=16), rollout, progress()
    )
    assert learner.critic.parameters.state.count.tolist() == [12.0] * 3
    assert learner.actor.state.count.tolist() == [3.0] * 3
    assert all(values.shape == (3,) for values in statistics.values())


def test_a_critic_of_states_has_no_action_values():
    learner = setting("replay_naive")[1]
    with pytest.raises(ValueError, match="need a critic of actions"):
        learner.action_values(torch.zeros(3, 1, 4), torch.zeros(3, 1, dtype=torch.int64))


# ----------------------------------------------------------------------------------------------------------
# A world of two states and two actions, whose values are solved for

GAMMA = 0.8
REWARDS = np.array([[0.0, 1.0], [2.0, -1.0]])
NEXT = np.array([[0, 1], [0, 1]])
BEHAVIOUR = np.array([[0.5, 0.5], [0.5, 0.5]])
OWN = np.array([[0.1, 0.9], [0.9, 0.1]])


def action_values(policy):
    """Q^π `[2, 2]` from its Bellman equation, a linear system in Q(s, a)."""
    system = np.eye(4)
    for state in range(2):
        for action in range(2):
            for then in range(2):
                system[2 * state + action, 2 * NEXT[state, action] + then] -= (
                    GAMMA * policy[NEXT[state, action], then]
                )
    return np.linalg.solve(system, REWARDS.flatten()).reshape(2, 2)


def behaviours_memory(steps=4000):
    """What a walk of the uniform policy stores, states as one-hot observations."""
    rng = np.random.default_rng(0)
    states, actions = np.zeros(steps + 2, dtype=int), rng.integers(2, size=steps + 2)
    for t in range(steps + 1):
        states[t + 1] = NEXT[states[t], actions[t]]
    one_hot = torch.eye(2)[torch.from_numpy(states)].reshape(-1, 1, 1, 2)
    never = torch.zeros(steps, 1, 1, dtype=torch.bool)
    rewards = torch.from_numpy(REWARDS[states[:steps], actions[:steps]]).float()
    tensor_actions = torch.from_numpy(actions).reshape(-1, 1, 1)
    rollout = Rollout(
        observations=one_hot[:steps],
        actions=tensor_actions[:steps],
        rewards=rewards.reshape(-1, 1, 1),
        next_observations=one_hot[1 : steps + 1],
        terminated=never,
        truncated=never,
        active=~never,
    )
    memory = ReplayMemory(steps, batch_size=256)
    memory.add(rollout, tensor_actions[1 : steps + 1])
    return memory


def tabular(name, policy):
    """An algorithm and one replica without hidden layers, whose policy is the given table."""
    fit = {"baseline.fit.optimiser.learning_rate": 0.01, "baseline.fit.optimiser.decay": "linear"}
    algorithm = setting(name, gamma=GAMMA, **fit)[0]
    algorithm = paths.with_values(algorithm, {"networks.hidden": ()})
    learner = start_learner(algorithm, SimpleNamespace(observation_size=2, actions=Discrete(2)), [0])
    with torch.no_grad():
        learner.actor.values[0, :4] = torch.from_numpy(np.log(policy)).float().flatten()
    return algorithm, learner


def fitted(name):
    """What the critic says of both states and actions after it was fitted, the policy being held at `OWN`."""
    algorithm, learner = tabular(name, OWN)
    memory, chance = behaviours_memory(), ReplayDraws([0], 0)
    steps = 1500
    for step in range(steps):
        drawn = chance.transitions(memory)
        left = torch.full((1,), 1.0 - step / steps, dtype=torch.float64)
        state = Moment(0, [0], torch.tensor([True]), left)
        replay_update.fit_critic(algorithm, algorithm.baseline.fit, learner, drawn, chance, state)
    states, actions = torch.eye(2).repeat_interleave(2, 0).unsqueeze(0), torch.tensor([[0, 1, 0, 1]])
    with torch.no_grad():
        return replay_update.critic_values(learner, states, actions).numpy().reshape(2, 2)


def test_only_the_repaired_critic_learns_the_values_of_the_present_policy():
    """The naive V and the critic with the buffer's next actions learn those of the policy that filled it."""
    own, behaviour = action_values(OWN), action_values(BEHAVIOUR)
    assert np.abs(own - behaviour).min() > 1.0
    np.testing.assert_allclose(fitted("replay_critic_repaired"), own, atol=0.15)
    np.testing.assert_allclose(fitted("replay_unrepaired"), behaviour, atol=0.15)
    state_values = (BEHAVIOUR * behaviour).sum(1)
    naive = fitted("replay_naive")[:, 0]
    np.testing.assert_allclose(naive, state_values, atol=0.15)
    assert np.abs(naive - (OWN * own).sum(1)).min() > 1.0


def test_with_the_buffers_actions_and_no_baseline_the_policy_stops_short_of_the_best_action():
    """Σ_a β(a) Q(a) ∇log π(a) vanishes at π ∝ β Q; with actions of the policy's own it goes on to the best."""
    preferred = []
    for name in ("replay_critic_repaired", "replay"):
        algorithm, learner = tabular(name, np.array([[0.25, 0.75], [0.25, 0.75]]))
        with torch.no_grad():
            learner.critic.parameters.values[0, :4] = torch.tensor([1.0, 3.0, 1.0, 3.0])
        memory = behaviours_memory()
        drawn = memory.take(torch.arange(len(memory)).unsqueeze(0))
        part = replay_update.credited(algorithm, learner, drawn, ReplayDraws([0], 0))
        found = replay_update.actor_losses(algorithm, learner, part)
        gradient = replay_update.gradient(found, learner.actor)
        preferred.append((gradient[0, 0] - gradient[0, 1]).item())
    assert preferred[0] == pytest.approx(0.0, abs=0.03)
    assert preferred[1] > 0.2
