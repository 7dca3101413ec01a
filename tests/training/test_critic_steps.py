"""A critic's own steps: their order, targets and minibatches, and the unit in which the critic learns."""

import copy
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from helpers.batches import SEEDS, progress, setting
from helpers.trainings import records, small, trace
from pgbench.functional.moments import explained_variance
from pgbench.functional.rescaling import Unit
from pgbench.methods import components as c
from pgbench.methods import lineage, paths, runs
from pgbench.training import credit
from pgbench.training.critic_steps import fit_separately, shuffled_passes, with_targets_counted
from pgbench.training.loop import Trainer
from pgbench.training.meaning import updates
from pgbench.training.value_scale import ValueScale

RUNNING = torch.ones(len(SEEDS), dtype=torch.bool)
NORMALISED = {"details.value_normalisation": c.ValueNormalisation()}
POPART = {"details.value_normalisation": c.ValueNormalisation(rescale=True)}


def values_of(learner, batch):
    return learner.values_in_chunks(batch.transitions.recorded.observations)


# Order and targets


def test_a_critic_that_goes_first_is_fitted_before_advantages_are_made():
    """The reference fits the critic by hand, and credits the rollout with what it then says."""
    changes = {"baseline.fit.order": "before"}
    algorithm, learner, rollout, batch = setting("batch_actor_critic", **changes)
    ready = updates.fit_first(algorithm, learner, batch, progress())
    _, other, _, same = setting("batch_actor_critic")
    fit_separately(algorithm, algorithm.baseline.fit, other, same, progress())
    by_hand = credit.prepare(algorithm, other, rollout)
    for column in ("advantages", "targets", "weights", "shares"):
        expected = getattr(by_hand.transitions.credit, column)
        torch.testing.assert_close(getattr(ready.transitions.credit, column), expected)
    assert not torch.equal(ready.transitions.credit.advantages, batch.transitions.credit.advantages)
    assert torch.equal(ready.transitions.recorded.values, batch.transitions.recorded.values)


def test_a_critic_that_goes_first_takes_no_steps_afterwards():
    algorithm, learner, _, batch = setting("batch_actor_critic", **{"baseline.fit.order": "before"})
    batch = updates.fit_first(algorithm, learner, batch, progress())
    fitted = learner.critic.parameters.values.detach().clone()
    updates.update(algorithm, learner, batch, progress())
    assert torch.equal(learner.critic.parameters.values, fitted)
    assert learner.critic.parameters.state.count.tolist() == [20.0] * 3
    assert learner.actor.state.count.tolist() == [1.0] * 3


@pytest.mark.parametrize("name", ["batch_actor_critic", "joint_fit", "reinforce"])
def test_nothing_is_fitted_first_unless_that_is_asked_for(name):
    algorithm, learner, _, batch = setting(name)
    before = [part.values.detach().clone() for part in learner.parts]
    assert updates.fit_first(algorithm, learner, batch, progress()) is batch
    assert all(torch.equal(part.values, old) for part, old in zip(learner.parts, before, strict=True))


def test_fresh_targets_are_those_of_the_critic_at_each_step():
    """Three fits of one step, each on a batch credited anew, are one fit of three steps on fresh targets."""
    three = {"baseline.fit.steps": 3, "baseline.fit.targets": "fresh"}
    algorithm, learner, _, batch = setting("batch_actor_critic", **three)
    fit_separately(algorithm, algorithm.baseline.fit, learner, batch, progress())
    single, other, rollout, _ = setting("batch_actor_critic", **{"baseline.fit.steps": 1})
    for _ in range(3):
        anew = credit.prepare(single, other, rollout)
        fit_separately(single, single.baseline.fit, other, anew, progress())
    assert torch.equal(learner.critic.parameters.values, other.critic.parameters.values)


# Minibatches


def test_passes_deal_every_row_out_before_any_comes_again():
    rows = np.array([2, 3, 5, 7, 11, 13, 17])
    dealt = np.concatenate(list(islice(shuffled_passes(np.random.default_rng(0), rows, 3), 14)))
    passes = dealt.reshape(6, 7)
    assert all(sorted(each) == rows.tolist() for each in passes.tolist())
    assert len({tuple(each) for each in passes.tolist()}) > 1


def test_a_minibatch_may_be_larger_than_the_batch():
    part = next(shuffled_passes(np.random.default_rng(0), np.arange(3), 7))
    assert np.bincount(part).min() >= 2


def test_minibatches_are_each_replicas_own_and_hold_what_happened():
    """A naive critic step on rows dealt by hand; whole episodes, so that replicas differ in length."""
    changes = {"baseline.fit.minibatch_size": 50, "baseline.fit.steps": 1}
    algorithm, learner, _, batch = setting("batch_actor_critic", **changes)
    data = batch.transitions
    active = data.credit.shares > 0
    assert len(set(active.sum(1).tolist())) == 3
    orders = [
        next(
            shuffled_passes(
                np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(7, 0))),
                np.flatnonzero(active[replica]),
                50,
            )
        )
        for replica, seed in enumerate(SEEDS)
    ]
    _, other, _, _ = setting("batch_actor_critic", **changes)
    observations = torch.stack([data.recorded.observations[r, order] for r, order in enumerate(orders)])
    targets = torch.stack([data.credit.targets[r, order] for r, order in enumerate(orders)])
    loss = 0.5 * (other.values(observations) - targets).square().mean(1).sum()
    loss.backward()
    gradient = other.critic.parameters.pop_gradient()
    fit_separately(algorithm, algorithm.baseline.fit, learner, batch, progress())
    torch.testing.assert_close(learner.critic.parameters.state.mean, 0.1 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["noted_actor_critic", "critic_minibatches"])
def test_a_replicas_minibatches_do_not_depend_on_its_block(name):
    changes = {"update.minibatch_size": 32} if name == "noted_actor_critic" else {}
    algorithm = small(name, **changes, **{"networks.hidden": (16,), "baseline.fit.steps": 3})
    algorithm = paths.with_values(algorithm, POPART)
    alone, beside = (trace(records(algorithm, seeds), seeds, 3) for seeds in ([3], [0, 3, 1]))
    assert alone == beside
    assert len(alone) > 1


def test_minibatches_of_the_critic_leave_the_other_streams_alone():
    """The first batch after another critic's fit is collected by the same policy, step by step."""
    changes = {"networks.hidden": (16,), "data.steps": 128, "update.optimiser.learning_rate": 1e-30}
    plain = records(small("fixed_horizon", **changes), SEEDS)
    dealt = records(small("fixed_horizon", **changes, **{"baseline.fit.minibatch_size": 32}), SEEDS)
    assert [record.episodes for record in plain] == [record.episodes for record in dealt]
    assert trace(plain, SEEDS, 0) != trace(dealt, SEEDS, 0)


# Layers and step size


def test_a_critic_with_layers_of_its_own():
    wide = {"networks.critic": c.CriticNetwork(hidden=(5, 7), activation="relu")}
    _, learner, _, batch = setting("ppo_clip", **wide)
    assert learner.critic.network.sizes == (4, 5, 7, 1)
    assert learner.critic.network.activation == "relu"
    assert learner.network.sizes == (4, 16, 2)
    assert learner.network.activation == "tanh"
    assert values_of(learner, batch).shape == (3, 256)
    _, plain, _, _ = setting("ppo_clip")
    assert torch.equal(plain.actor.values, learner.actor.values)


def test_a_critic_of_actions_may_have_layers_of_its_own():
    changes = {"networks.critic": c.CriticNetwork(hidden=(5,)), "networks.hidden": (16,)}
    algorithm = paths.with_values(lineage.LINEAGE["replay"].algorithm, changes)
    trainer = Trainer(runs.Run(algorithm=algorithm, environment="CartPole-v1", steps=10), [0])
    assert trainer.learner.critic.network.sizes == (4, 5, 2)


def test_a_step_size_of_the_critics_own_moves_the_critic_alone():
    """The first step of Adam is the step size times the gradient's sign, nearly."""
    one = {"update": c.GradientStep(optimiser=c.Adam(learning_rate=1e-3))}
    _, before, _, _ = setting("joint_fit", **one)
    moved = {}
    for rate in (None, 1e-2):
        algorithm, learner, _, batch = setting("joint_fit", **one, **{"baseline.fit.learning_rate": rate})
        updates.update(algorithm, learner, batch, progress())
        parts = zip(learner.parts, before.parts, strict=True)
        moved[rate] = [(new.values - old.values).detach() for new, old in parts]
    assert torch.equal(moved[None][0], moved[1e-2][0])
    torch.testing.assert_close(moved[1e-2][1], 10.0 * moved[None][1], rtol=1e-3, atol=1e-6)


def test_the_bound_of_the_gradient_spans_policy_and_critic_at_any_step_size():
    """What Adam was given has the norm of the bound over both networks together."""
    changes = {"details.max_gradient_norm": 0.1, "baseline.fit.learning_rate": 1e-2}
    algorithm, learner, _, batch = setting("joint_fit", **changes)
    updates.update(algorithm, learner, batch, progress())
    given = torch.cat([part.state.mean / (1.0 - 0.9) for part in learner.parts], 1)
    torch.testing.assert_close(given.norm(dim=1), torch.full((3,), 0.1), atol=1e-4, rtol=0)


def test_the_critics_step_size_falls_with_the_policys():
    for remaining, fraction in ((1.0, 1.0), (0.25, 0.25)):
        algorithm, learner, _, batch = setting(
            "joint_fit",
            **{
                "update": c.GradientStep(optimiser=c.Adam(learning_rate=1e-3, decay="linear")),
                "baseline.fit.learning_rate": 1e-2,
            },
        )
        old = learner.critic.parameters.values.detach().clone()
        updates.update(algorithm, learner, batch, progress(remaining=remaining))
        largest = (learner.critic.parameters.values - old).detach().abs().max(1).values
        torch.testing.assert_close(largest, torch.full((3,), 1e-2 * fraction), rtol=1e-3, atol=0)


# The unit of values


def test_the_moments_are_those_of_all_targets_that_counted():
    scale, generator = ValueScale(2, False), torch.Generator().manual_seed(0)
    seen = [[], []]
    for _ in range(5):
        targets = 40.0 + 7.0 * torch.randn(2, 60, generator=generator)
        counted = torch.rand(2, 60, generator=generator) < 0.5
        scale.count(targets.where(counted, torch.nan), counted)
        for replica in range(2):
            seen[replica] += targets[replica][counted[replica]].tolist()
    for replica in range(2):
        naive = np.array(seen[replica])
        assert scale.present.mean[replica].item() == pytest.approx(naive.mean(), rel=1e-4)
        assert scale.present.deviation[replica].item() == pytest.approx(naive.std(), rel=1e-3)


def test_targets_without_variance_are_no_trap():
    """The deviation has a floor, and the first targets that differ lift it off."""
    scale = ValueScale(1, True)
    for _ in range(1000):
        scale.count(torch.full((1, 100), 3.0), torch.ones(1, 100, dtype=torch.bool))
    flat = scale.present
    assert 0.0 < flat.deviation.item() < 0.1
    assert torch.isfinite(flat.outputs(torch.tensor([[4.0]]))).all()
    scale.count(torch.tensor([[-100.0, 100.0]]), torch.ones(1, 2, dtype=torch.bool))
    assert scale.present.deviation.item() == pytest.approx(np.sqrt(2 * 1e4 / 1e5), rel=0.05)


@pytest.mark.parametrize("shared", [False, True])
def test_popart_leaves_every_value_where_it_was(shared):
    changes = {"networks.shared": shared}
    _, learner, _, batch = setting("ppo_clip", **POPART, **changes)
    policy = learner.distribution(batch.transitions.recorded.observations).parameters.detach()
    values, row = values_of(learner, batch), learner.parts[-1].values.detach().clone()
    targets = 1000.0 * batch.transitions.credit.targets + 50.0
    batch = replace(batch, transitions=batch.transitions.credited(targets=targets))
    counted = with_targets_counted(learner, batch, RUNNING)
    assert counted is batch
    torch.testing.assert_close(values_of(learner, batch), values, rtol=1e-5, atol=2e-2)
    assert learner.scale.present.deviation.min() > 100.0
    changed = (learner.parts[-1].values.detach() != row).sum(1)
    assert changed.tolist() == [17] * 3  # the weights of 16 hidden units, and a bias
    after = learner.distribution(batch.transitions.recorded.observations).parameters
    assert torch.equal(after.detach(), policy)


def test_without_rescaling_the_outputs_stay_and_values_move():
    _, learner, _, batch = setting("ppo_clip", **NORMALISED)
    outputs = values_of(learner, batch)
    counted = with_targets_counted(learner, batch, RUNNING)
    present = learner.scale.present
    torch.testing.assert_close(values_of(learner, batch), present.mean + present.deviation * outputs)
    torch.testing.assert_close(counted.transitions.recorded.values, values_of(learner, batch))


def test_the_loss_is_that_of_normalised_targets():
    """The gradient is that of ½ (n − (y − μ) / σ)² in the network's outputs n, clipped in their unit."""
    for clip in (None, 0.05):
        changes = NORMALISED | {
            "details.value_clip": clip,
            "baseline.fit.steps": 1,
            "baseline.fit": c.SeparateFit(),
        }
        algorithm, learner, _, batch = setting("fixed_horizon", **changes)
        moved = 2.0 * batch.transitions.recorded.values + 0.1
        batch = replace(
            batch,
            transitions=replace(
                batch.transitions, recorded=replace(batch.transitions.recorded, values=moved)
            ),
        )
        _, other, _, _ = setting("fixed_horizon", **changes)
        once = algorithm.baseline.fit.model_copy(update={"steps": 1})
        fit_separately(algorithm, once, learner, batch, progress())
        data, present = batch.transitions, learner.scale.present
        outputs = other.critic(data.recorded.observations)
        normalised = (data.credit.targets - present.mean) / present.deviation
        losses = (outputs - normalised).square()
        if clip is not None:
            held = moved + (outputs - moved).clamp(-clip, clip)
            losses = torch.maximum(losses, (held - normalised).square())
        (0.5 * losses).mean(1).sum().backward()
        gradient = other.critic.parameters.pop_gradient()
        torch.testing.assert_close(learner.critic.parameters.state.mean, 0.1 * gradient, rtol=1e-3, atol=1e-6)


def fitted(change, factor, rate=1e-3):
    """A critic's values after a fit to returns times a factor, over that factor; and how well it explains them."""
    algorithm, learner, _, batch = setting("learned_value", **change)
    data = batch.transitions
    scaled = replace(batch, transitions=data.credited(targets=factor * data.credit.targets))
    fit = c.SeparateFit(steps=300, optimiser=c.Adam(learning_rate=rate))
    fit_separately(algorithm, fit, learner, scaled, progress())
    values = values_of(learner, batch) / factor
    return values, explained_variance(values, data.credit.targets, data.credit.shares)


def test_the_unit_of_rewards_does_not_matter_to_a_normalised_critic():
    (one, _), (thousand, _) = (fitted(NORMALISED, factor) for factor in (1.0, 1000.0))
    assert (one - thousand).abs().max() < 1e-3 * one.std()
    plain, large = (fitted({}, factor)[0] for factor in (1.0, 1000.0))
    assert (plain - large).abs().max() > 0.1 * one.std()


def test_popart_learns_targets_of_any_size():
    """The first values differ, because no value moves with the unit; what is learned hardly does."""
    (one, explained), (thousand, explained_too) = (fitted(POPART, factor, 1e-2) for factor in (1.0, 1000.0))
    assert torch.minimum(explained, explained_too).min() > 0.7
    assert fitted({}, 1000.0, 1e-2)[1].max() < 0.1
    assert (one - thousand).square().mean().sqrt() < 0.2 * one.std()


def test_replicas_that_do_not_run_keep_every_bit():
    for change in (NORMALISED, POPART):
        for name in ("batch_actor_critic", "ppo_clip"):
            algorithm, learner, _, batch = setting(name, **change)
            before = [part.values.detach().clone() for part in learner.parts]
            unit = Unit(*(column.clone() for column in learner.scale.present))
            updates.update(algorithm, learner, batch, progress(running=(True, False, True)))
            for part, old in zip(learner.parts, before, strict=True):
                assert (part.values.detach() != old).any(1).tolist() == [True, False, True]
            for column, old in zip(learner.scale.present, unit, strict=True):
                assert (column != old).flatten().tolist() == [True, False, True]


@pytest.mark.parametrize("change", [NORMALISED, POPART])
def test_a_trainer_restored_in_the_middle_ends_with_the_same_bits(change):
    algorithm = paths.with_values(small("ppo", **{"networks.hidden": (16,)}), change)
    run = runs.Run(algorithm=algorithm, environment="CartPole-v1", steps=512)
    whole = Trainer(run, SEEDS)
    for _ in range(2):
        whole.iterate()
    other = Trainer(run, SEEDS)
    other.restore(copy.deepcopy(whole.state()))
    rest, same = (list(trainer.records()) for trainer in (whole, other))
    assert len(rest) == 2
    assert [trace(rest, SEEDS, seed) for seed in SEEDS] == [trace(same, SEEDS, seed) for seed in SEEDS]
