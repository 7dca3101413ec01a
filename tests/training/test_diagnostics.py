"""What an update reports about itself, against its definition."""

from dataclasses import replace

import pytest
import torch

from helpers.batches import setting, updated
from pgbench.functional import objectives
from pgbench.functional.moments import signal_to_noise
from pgbench.methods import components
from pgbench.training.diagnostics import STRETCH, before_update


def naive_parts(learner, batch, masks):
    """The gradient of each part's share of Σ w log π Â, over the share of the transitions that it has."""
    data, parts = batch.transitions, []
    for mask in masks:
        recorded, credit = data.recorded, data.credit
        log_probs = learner.distribution(recorded.observations).log_prob(recorded.actions)
        gain = (credit.weights * credit.advantages * log_probs * mask).sum()
        parts.append(torch.autograd.grad(gain, learner.actor.values)[0] * len(mask) / mask.sum())
    return torch.stack(parts)


def test_environments_are_the_parts_of_whole_episodes():
    algorithm, learner, rollout, batch = setting("average_baseline")
    rows = torch.arange(len(batch.transitions))
    parts = naive_parts(learner, batch, [rows % 4 == e for e in range(4)])
    found = before_update(algorithm, learner, batch)["gradient_signal_to_noise"]
    torch.testing.assert_close(found, signal_to_noise(parts), rtol=1e-3, atol=1e-3)
    assert rollout.rewards.shape[2] == 4


def test_stretches_of_steps_are_the_parts_of_a_single_environment():
    algorithm, learner, _, batch = setting("fixed_horizon")
    rows = torch.arange(len(batch.transitions))
    parts = naive_parts(learner, batch, [rows // STRETCH == part for part in range(4)])
    found = before_update(algorithm, learner, batch)["gradient_signal_to_noise"]
    torch.testing.assert_close(found, signal_to_noise(parts), rtol=1e-3, atol=1e-3)


def test_parts_of_different_lengths_count_each_transition_once():
    algorithm, learner, _, batch = setting(
        "fixed_horizon", data=components.FixedHorizon(steps=2 * STRETCH + STRETCH // 2)
    )
    rows = torch.arange(len(batch.transitions))
    parts = naive_parts(learner, batch, [rows // STRETCH == part for part in range(3)])
    found = before_update(algorithm, learner, batch)["gradient_signal_to_noise"]
    sizes = torch.tensor([STRETCH, STRETCH, STRETCH / 2]).unsqueeze(1).expand(-1, 3)
    torch.testing.assert_close(found, signal_to_noise(parts, sizes), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("environments", [8, 12, 20])
def test_environments_that_are_identical_have_no_noise_in_however_many_parts(environments):
    algorithm, learner, _, batch = setting(
        "fixed_horizon", data=components.FixedHorizon(steps=16, environments=environments)
    )

    def alike(column):
        in_time = column.unflatten(1, (16, environments))
        return in_time[:, :, :1].expand_as(in_time).flatten(1, 2)

    data = batch.transitions
    same = replace(data, recorded=data.recorded.each(alike), credit=data.credit.each(alike))
    assert (before_update(algorithm, learner, batch)["gradient_signal_to_noise"] < 100.0).all()
    found = before_update(algorithm, learner, replace(batch, transitions=same))["gradient_signal_to_noise"]
    assert (found > 1e9).all()


def test_a_single_episode_has_the_parts_that_it_reaches():
    algorithm, learner, rollout, batch = setting("reward_to_go", data=components.WholeEpisodes(episodes=1))
    lengths = rollout.active.sum((0, 2))
    found = before_update(algorithm, learner, batch)["gradient_signal_to_noise"]
    assert found.isnan().tolist() == (lengths <= STRETCH).tolist()


def test_a_single_transition_and_a_corrected_gradient_have_no_parts():
    algorithm, learner, _, batch = setting("online_actor_critic", data=components.FixedHorizon(steps=1))
    assert before_update(algorithm, learner, batch) == {}
    algorithm, learner, _, batch = setting("optimal_components")
    assert before_update(algorithm, learner, batch) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ppo", {"clip_fraction", "gradient_signal_to_noise"}),
        ("ppo_adaptive_kl", {"beta"}),
        ("ppo_fixed_kl", {"beta"}),
        ("trpo", {"predicted_gain", "surrogate_gain", "line_search_steps", "line_search_accepted"}),
        ("natural_gradient", {"predicted_gain", "surrogate_gain"}),
    ],
)
def test_records_carry_what_the_papers_argue_about(name, expected):
    everybody = {"kl", "approximate_kl", "ratio_maximum", "ratio_minimum", "explained_variance"}
    everybody |= {"gradient_norm", "entropy", "value_loss", "surrogate_gain"}
    algorithm, learner, _, batch = setting(name)
    statistics = updated(algorithm, learner, batch)
    assert everybody | expected <= statistics.keys()
    assert all(values.shape == (3,) and values.isfinite().all() for values in statistics.values())


@pytest.mark.parametrize("data", [components.FixedHorizon(steps=256), components.WholeEpisodes(episodes=5)])
def test_for_a_small_step_the_predicted_gain_is_the_obtained_one(data):
    algorithm, learner, _, batch = setting("natural_gradient", data=data, **{"update.delta": 1e-6})
    statistics = updated(algorithm, learner, batch)
    torch.testing.assert_close(
        statistics["predicted_gain"], statistics["surrogate_gain"], rtol=0.02, atol=1e-5
    )


def test_exponential_weights_stand_for_the_advantages():
    surrogate = components.ExponentialAdvantage(temperature=0.1)
    algorithm, learner, _, batch = setting("fixed_horizon", surrogate=surrogate)
    weights = objectives.exponential_weights(batch.transitions.credit.advantages, 0.1, surrogate.maximum)
    weighted = replace(batch, transitions=batch.transitions.credited(advantages=weights))
    plain = algorithm.model_copy(update={"surrogate": components.LogLikelihood()})
    found, expected = (
        before_update(*each) for each in ((algorithm, learner, batch), (plain, learner, weighted))
    )
    assert torch.equal(*(each["gradient_signal_to_noise"] for each in (found, expected)))
