"""The reference gradient: a look that changes nothing, and numbers that are what they say."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pgbench.base.refusals import Refusal
from pgbench.methods import lineage, paths, runs
from pgbench.studies.loading import describe_run
from pgbench.training import credit, iteration, loop, losses
from pgbench.training.gradient_reference import METRICS, GradientReference
from pgbench.training.meaning import data
from pgbench.training.start import start_learner, start_sampler

SMALL = {
    "reward_to_go": {"networks.hidden": (8,)},
    "ppo": {"data.steps": 64, "data.environments": 2, "update.epochs": 2, "networks.hidden": (8,)},
}
STEPS = {"reward_to_go": 300, "ppo": 384}


def described(name, environment="CartPole-v1", looking=None, **changes):
    algorithm = paths.with_values(lineage.LINEAGE[name].algorithm, SMALL[name] | changes)
    return runs.Run(algorithm=algorithm, environment=environment, steps=STEPS[name], reference=looking)


LOOKING = runs.Reference(every=2, batches=3)


@pytest.mark.parametrize("name", SMALL)
def test_to_look_leaves_every_bit_of_training_alone(name):
    plain, looked = (list(loop.train(described(name, looking=look), [0, 5])) for look in (None, LOOKING))
    assert len(plain) == len(looked) > 1
    for one, other in zip(plain, looked, strict=True):
        assert one.episodes == other.episodes
        assert (one.steps == other.steps).all()
        assert set(other.statistics) == set(one.statistics) | set(METRICS)
        for metric, values in one.statistics.items():
            assert torch.equal(values.nan_to_num(), other.statistics[metric].nan_to_num()), metric
    for metric in METRICS[:2]:
        chosen = [
            record.statistics[metric].isfinite().all().item() for record in looked if record.running.all()
        ]
        assert chosen == [index % 2 == 0 for index in range(len(chosen))]


def test_a_replicas_numbers_do_not_depend_on_its_block():
    run = described("ppo", looking=LOOKING)
    together, alone = (next(loop.train(run, seeds)).statistics for seeds in ([0, 5], [5]))
    for metric in METRICS:
        assert torch.equal(together[metric][1:], alone[metric]), metric


def looked_at(run, batches, seeds=(0, 1)):
    """A learner before its first update, its rollout, and what is seen of both."""
    sampler = start_sampler(run, seeds)
    learner = start_learner(run.algorithm, sampler.environment, seeds)
    every = np.ones(len(seeds), dtype=bool)
    progress = iteration.Moment(0, seeds, torch.from_numpy(every), torch.ones(len(seeds)).double())
    rollout = data.collect(run.algorithm.data, sampler, learner, 0, every)
    reference = GradientReference(run, seeds, every=1, batches=batches)
    seen = reference(learner, sampler, credit.prepare(run.algorithm, learner, rollout), progress)
    return learner, sampler, progress, rollout, reference, seen


@pytest.mark.parametrize("name", SMALL)
def test_the_metrics_are_those_of_a_loop_over_batches(name):
    run = described(name)
    learner, sampler, progress, rollout, reference, seen = looked_at(run, batches=4)
    parts = []
    for each in [rollout, *reference._collect(learner, sampler, progress)]:
        batch = credit.prepare(run.algorithm, learner, each)
        losses.accumulate(run.algorithm, learner, batch)
        parts.append(-learner.actor.pop_gradient())
        for part in learner.parts:
            part.pop_gradient()
    own, others = parts[0], torch.stack(parts[1:])
    for replica in range(2):
        mine = others[:, replica].double()
        mean = mine.mean(0)
        cosine = own[replica].double() @ mean / (own[replica].double().norm() * mean.norm())
        assert float(seen["reference_cosine"][replica]) == pytest.approx(float(cosine), abs=1e-5)
        noise = (mine - mean).square().sum() / 3
        ratio = (mean.square().sum() - noise / 4) / noise
        assert float(seen["reference_signal_to_noise"][replica]) == pytest.approx(float(ratio), rel=1e-3)
    assert seen["reference_value_error"].isnan().all() == (name == "reward_to_go")


def test_a_critic_that_says_nothing_is_wrong_by_all_there_is():
    run = described("ppo")
    learner, *_, seen = looked_at(run, batches=2)
    with torch.no_grad():
        learner.critic.parameters.values.zero_()
    sampler = start_sampler(run, (0, 1))
    every = torch.ones(2, dtype=torch.bool)
    progress = iteration.Moment(0, (0, 1), every, torch.ones(2).double())
    rollout = data.collect(run.algorithm.data, sampler, learner, 0, every.numpy())
    batch = credit.prepare(run.algorithm, learner, rollout)
    silent = GradientReference(run, (0, 1), every=1, batches=2)(learner, sampler, batch, progress)
    torch.testing.assert_close(silent["reference_value_error"], torch.ones(2))
    assert (seen["reference_value_error"] != 1.0).all()


def test_more_batches_point_more_nearly_in_one_direction():
    """Two references of many batches agree better with each other than an update's batch with either."""
    run = described("reward_to_go", **{"data.episodes": 2})
    learner, sampler, progress, _, reference, seen = looked_at(run, batches=40)
    gradients = [
        losses.gradient(run.algorithm, learner, credit.prepare(run.algorithm, learner, each))
        for each in reference._collect(learner, sampler, progress)
    ]
    halves = [torch.stack(gradients[start::2]).mean(0) for start in (0, 1)]
    agreement = torch.cosine_similarity(*halves, dim=-1)
    assert (agreement > seen["reference_cosine"]).all()
    assert (seen["reference_cosine"].abs() <= 1.0).all()


def test_every_look_is_recorded_however_rarely_metrics_are(monkeypatch):
    monkeypatch.setattr(loop, "METRIC_ROWS", 1)
    records = list(loop.train(described("ppo", looking=LOOKING), [0]))
    assert len(records) == 3
    assert [bool(record.measured[0]) for record in records] == [True, False, True]


def test_in_shared_layers_the_reference_is_of_the_policys_objective_alone():
    run = described("ppo", **{"networks.shared": True})
    learner, sampler, progress, rollout, reference, seen = looked_at(run, batches=3)
    own, *others = (
        policy_gradient(run.algorithm, learner, credit.prepare(run.algorithm, learner, each).transitions)
        for each in (rollout, *reference._collect(learner, sampler, progress))
    )
    expected = torch.cosine_similarity(own, torch.stack(others).mean(0), dim=-1)
    torch.testing.assert_close(seen["reference_cosine"], expected, rtol=0.0, atol=1e-5)


def policy_gradient(algorithm, learner, data):
    """The gradient of the mean of r Â, written out: at the policy that collected a clip changes nothing."""
    log_probs = learner.distribution(data.recorded.observations).log_prob(data.recorded.actions)
    gain = data.credit.shares * (log_probs - data.recorded.log_probs).exp() * data.credit.advantages
    return torch.autograd.grad(gain.sum(), learner.actor.values)[0]


@pytest.mark.parametrize(("number", "ages"), [(0, {0}), (3, {3}), (500, set(range(7)))])
def test_short_rollouts_of_the_reference_begin_where_training_is_within_an_episode(number, ages):
    """Truncating-v0 counts its steps, up to 7; a rollout of one step sees how old its episode is."""
    algorithm = lineage.LINEAGE["online_actor_critic"].algorithm
    run = runs.Run(algorithm=algorithm, environment="Truncating-v0", steps=10_000)
    sampler = start_sampler(run, (0, 1))
    learner = start_learner(algorithm, sampler.environment, (0, 1))
    running, left = torch.ones(2, dtype=torch.bool), torch.ones(2).double()
    reference = GradientReference(run, (0, 1), every=1, batches=60)
    rollouts = reference._collect(learner, sampler, iteration.Moment(number, (0, 1), running, left))
    assert {int(age) for rollout in rollouts for age in rollout.observations[0, :, 0, 1]} == ages


def test_cut_episodes_without_a_time_limit_have_no_reference():
    asked = {"environment": "Bandit-v0", "steps": 256, "reference": runs.Reference(every=1, batches=2)}
    with pytest.raises(Refusal, match="these have no time limit: set details"):
        describe_run("ppo", {"data.steps": 64}, asked, "here")


@pytest.mark.parametrize(("every", "batches"), [(0, 5), (1, 1)])
def test_numbers_that_make_no_reference_are_refused(every, batches):
    with pytest.raises(ValidationError):
        runs.Reference(every=every, batches=batches)


def test_a_replay_buffer_has_no_reference():
    with pytest.raises(ValidationError, match="replay_buffer' has no batch that a large one could"):
        runs.Run(
            algorithm=lineage.LINEAGE["replay"].algorithm,
            environment="CartPole-v1",
            steps=100,
            reference=LOOKING,
        )
