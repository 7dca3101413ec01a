"""Identities that every update must satisfy."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.batches import SEEDS, progress, setting, updated
from pgbench.functional.moments import average
from pgbench.functional.second_order import fisher_vector_product
from pgbench.methods import components, lineage, paths
from pgbench.networks.distributions import kl
from pgbench.training import losses
from pgbench.training.experience import chunks, in_time, side_by_side
from pgbench.training.gradient_steps import minibatches
from pgbench.training.learner import mean_kl
from pgbench.training.meaning import optimisers, updates
from pgbench.training.natural_gradient import fisher


def copy_of(learner):
    return [part.values.detach().clone() for part in learner.parts]


def changed(learner, before):
    """Which replicas have a parameter that moved, for each network."""
    return [
        (part.values.detach() != old).any(1).tolist() for part, old in zip(learner.parts, before, strict=True)
    ]


@pytest.mark.parametrize("environment", ["CartPole-v1", "InvertedPendulum-v5"])
@pytest.mark.parametrize("name", ["gae", "ppo"])
def test_before_the_first_step_every_ratio_is_one(name, environment):
    _, learner, _, batch = setting(name, environment)
    data = batch.transitions
    for rows in chunks(len(data)):
        part = data.part(rows)
        new = learner.distribution(part.recorded.observations).log_prob(part.recorded.actions)
        assert torch.equal(new, part.recorded.log_probs)


def test_the_layouts_are_inverse():
    values = torch.randn(100, 3, 7)
    flat = side_by_side(values)
    assert flat.shape == (3, 700)
    assert torch.equal(in_time(flat, values.shape), values)
    assert side_by_side(torch.randn(100, 3, 7, 4)).shape == (3, 700, 4)
    assert flat[1, 2 * 7 + 4] == values[2, 1, 4]


def test_whole_episodes_weigh_trajectories_and_a_fixed_horizon_weighs_steps():
    for name, expected in (("reinforce", None), ("fixed_horizon", 1.0)):
        algorithm, _, rollout, batch = setting(name)
        data = batch.transitions
        torch.testing.assert_close(data.credit.shares.sum(1), torch.ones(3))
        per_replica = (
            rollout.active.sum((0, 2)) / algorithm.data.episodes if expected is None else torch.ones(3)
        )
        torch.testing.assert_close(data.credit.weights.sum(1), per_replica)
        assert (data.credit.weights[~side_by_side(rollout.active)] == 0).all()


def test_the_gradient_is_the_notes_mean_over_trajectories():
    algorithm, learner, rollout, batch = setting("reinforce")
    for rows in chunks(len(batch.transitions)):
        losses.loss(algorithm, learner, batch.transitions.part(rows)).backward()
    gradient = learner.actor.values.grad.clone()
    learner.actor.values.grad = None
    total = torch.zeros(())
    for e in range(algorithm.data.episodes):
        for s in range(len(SEEDS)):
            length = int(rollout.active[:, s, e].sum())
            observations = rollout.observations[:length, s, e].expand(len(SEEDS), -1, -1)
            actions = rollout.actions[:length, s, e].expand(len(SEEDS), -1)
            log_probs = learner.distribution(observations).log_prob(actions)[s]
            rewards = rollout.rewards[:length, s, e].double()
            total_return = sum(algorithm.gamma**t * r for t, r in enumerate(rewards.tolist()))
            total = total - log_probs.sum() * total_return / algorithm.data.episodes
    total.backward()
    torch.testing.assert_close(gradient, learner.actor.values.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["reinforce", "gae", "joint_fit", "ppo"])
def test_a_replica_that_does_not_run_keeps_every_bit(name):
    algorithm, learner, _, batch = setting(name)
    before = copy_of(learner)
    updates.update(algorithm, learner, batch, progress(running=(True, False, True)))
    assert all(moved == [True, False, True] for moved in changed(learner, before))


@pytest.mark.parametrize("name", ["reinforce", "gae", "joint_fit", "ppo", "ppo_popart", "critic_minibatches"])
def test_poison_in_one_replica_does_not_reach_the_others(name):
    algorithm, learner, _, batch = setting(name)
    batch.transitions.credit.advantages[1] = torch.nan
    if batch.transitions.credit.targets is not None:
        batch.transitions.credit.targets[1] = torch.nan
    updates.update(algorithm, learner, batch, progress())
    assert learner.diverged().tolist() == [False, True, False]


def test_a_kl_stop_is_each_replicas_own():
    algorithm, learner, _, batch = setting("ppo_clip")
    half = components.MinibatchEpochs(epochs=2, minibatch_size=64)
    updates.update(paths.with_values(algorithm, {"update": half}), learner, batch, progress())
    bound = float(mean_kl(learner, batch.transitions).median())
    stopped = components.MinibatchEpochs(epochs=4, minibatch_size=64, max_kl=bound)
    algorithm, learner, _, batch = setting("ppo_clip", update=stopped)
    before = copy_of(learner)
    updates.update(algorithm, learner, batch, progress())
    counts = learner.actor.state.count.tolist()
    assert len(set(counts)) > 1
    assert {count % 4 for count in counts} == {0}
    assert changed(learner, before)[0] == [True] * 3


def test_every_epoch_partitions_the_batch_anew():
    algorithm, _, _, batch = setting("ppo_clip")
    orders = [
        torch.from_numpy(np.random.default_rng(i).permutation(len(batch.transitions))).expand(3, -1)
        for i in range(2)
    ]
    tagged = torch.arange(len(batch.transitions)).float().expand(3, -1)
    data = batch.transitions.credited(advantages=tagged)
    memberships = []
    for order in orders:
        parts = [part.credit.advantages[0] for part in minibatches(algorithm, data.take(order), 64)]
        assert torch.cat(parts).sort().values.tolist() == list(range(len(batch.transitions)))
        memberships.append([set(part.tolist()) for part in parts])
    assert memberships[0] != memberships[1]


def test_a_minibatch_takes_each_replicas_own_transitions():
    _, _, rollout, batch = setting("ppo_clip")
    order = torch.stack([torch.tensor([5, 9]), torch.tensor([3, 3]), torch.tensor([255, 0])])
    taken = batch.transitions.take(order)
    for replica in range(3):
        assert torch.equal(
            taken.recorded.observations[replica], rollout.observations[order[replica], replica, 0]
        )


def test_a_shortened_gradient_keeps_its_direction_and_each_replica_its_own_length():
    _, learner, _, batch = setting("joint_fit")
    algorithm = lineage.LINEAGE["joint_fit"].algorithm
    losses.loss(algorithm, learner, batch.transitions).backward()
    gradients = [part.values.grad.clone() for part in learner.parts]
    details, everyone = components.Details(max_gradient_norm=1.0), torch.ones(3, dtype=torch.bool)
    norms = optimisers.step(components.Adam(), details, learner.parts, torch.ones(3).double(), everyone)
    first_moments = [part.state.mean / (1.0 - 0.9) for part in learner.parts]  # are what Adam was given
    whole, shortened = torch.cat(gradients, 1), torch.cat(first_moments, 1)
    torch.testing.assert_close(norms, whole.norm(dim=1))
    torch.testing.assert_close(shortened.norm(dim=1), whole.norm(dim=1).clamp(max=1.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.cosine_similarity(whole, shortened), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", [components.Adam, components.RMSProp, components.GradientAscent])
def test_the_step_size_decays_with_what_is_left_of_the_budget(kind):
    _, learner, _, _ = setting("ppo_clip")
    left = torch.full((3,), 0.25, dtype=torch.float64)
    decaying, constant = kind(learning_rate=0.4, decay="linear"), kind(learning_rate=0.4)
    assert optimisers.learning_rate(decaying, learner.actor, left).tolist() == [0.1] * 3
    assert optimisers.learning_rate(constant, learner.actor, left).tolist() == [0.4] * 3


@pytest.mark.parametrize("name", ["step_size", "ppo_clip"])
def test_an_adaptive_step_size_follows_each_replicas_divergence(name):
    """It is that of the next update; a replica that does not run keeps it; it is written to checkpoints."""
    rule = {
        "kind": "kl_adaptive",
        "target": 0.01,
        "band": 1.5,
        "factor": 2.0,
        "smallest": 1e-5,
        "largest": 6e-4,
    }
    algorithm, learner, _, batch = setting(name, **{"update.optimiser.decay": rule})
    first = updates.update(algorithm, learner, batch, progress(running=(True, True, False)))["learning_rate"]
    divergences = mean_kl(learner, batch.transitions).tolist()
    second = optimisers.learning_rate(algorithm.update.optimiser, learner.actor, torch.ones(3).double())
    assert first.tolist() == pytest.approx([3e-4] * 3)
    wanted = [1.5e-4 if kl > 0.015 else 6e-4 if kl < 0.01 / 1.5 else 3e-4 for kl in divergences[:2]]
    assert second.tolist() == pytest.approx([*wanted, 3e-4])
    assert second.tolist() != pytest.approx([3e-4] * 3)
    _, other, _, _ = setting(name)
    other.restore(learner.state())
    assert torch.equal(other.actor.state.pace, learner.actor.state.pace)


@pytest.mark.parametrize(
    "optimiser",
    [
        components.GradientAscent(learning_rate=0.1),
        components.GradientAscent(learning_rate=0.1, momentum=0.9),
        components.RMSProp(),
        components.RMSProp(epsilon_under_root=False),
        components.Adam(),
    ],
    ids=str,
)
def test_every_optimiser_climbs_what_the_loss_descends(optimiser):
    """Replicas that do not run keep every bit; a plain step is a multiple of the gradient."""
    algorithm, learner, _, batch = setting("importance_ratio", **{"update.optimiser": optimiser})
    before = copy_of(learner)
    climbed = losses.gradient(algorithm, learner, batch)
    updates.update(algorithm, learner, batch, progress(running=(True, False, True)))
    assert all(moved == [True, False, True] for moved in changed(learner, before))
    moved = learner.actor.values.detach() - before[0]
    assert ((moved * climbed).sum(1) > 0.0).tolist() == [True, False, True]
    if isinstance(optimiser, components.GradientAscent):
        torch.testing.assert_close(moved[0], 0.1 * climbed[0], rtol=1e-3, atol=1e-7)


def test_advantages_are_normalised_where_the_specification_says():
    _, _, _, batch = setting("gae", **{"details.advantage_normalisation": "batch"})
    data = batch.transitions
    torch.testing.assert_close(
        (data.credit.advantages * data.credit.shares).sum(1), torch.zeros(3), atol=1e-5, rtol=0
    )
    algorithm, _, _, batch = setting("ppo")
    for part in minibatches(algorithm, batch.transitions, 64):
        torch.testing.assert_close(part.credit.advantages.mean(1), torch.zeros(3), atol=1e-5, rtol=0)


def normalised_by_hand(algorithm, batch, size):
    """The advantages of each minibatch, those of transitions that count over their own mean and deviation."""
    plain = paths.with_values(algorithm, {"details.advantage_normalisation": None})
    for part in minibatches(plain, batch.transitions, size):
        counts, advantages = part.credit.shares > 0, part.credit.advantages
        for replica in range(len(SEEDS)):
            own = advantages[replica, counts[replica]].double()
            yield ((own - own.mean()) / (own.var(correction=0) + 1e-8).sqrt()).float(), counts[replica]


@pytest.mark.parametrize("size", [64, 8])
def test_a_step_that_is_left_out_has_no_part_in_the_normalisation_of_its_minibatch(size):
    dropping = {"details.time_limits": "drop", "update.minibatch_size": size}
    algorithm, _, rollout, batch = setting("ppo", "Truncating-v0", **dropping)
    assert rollout.truncated.any()
    found = [
        part.credit.advantages[replica]
        for part in minibatches(algorithm, batch.transitions, size)
        for replica in range(len(SEEDS))
    ]
    for own, (expected, counts) in zip(found, normalised_by_hand(algorithm, batch, size), strict=True):
        torch.testing.assert_close(own[counts], expected, rtol=1e-4, atol=1e-4)


def test_a_minibatch_in_which_nothing_counts_leaves_the_policy_finite():
    """Time limits in every environment at once, as in lockstep they come, can leave a whole minibatch out."""
    dropping = {"details.time_limits": "drop", "update.minibatch_size": 2}
    two = components.FixedHorizon(steps=8, environments=2)
    algorithm, learner, rollout, batch = setting("ppo", "Truncating-v0", **dropping, data=two)
    assert rollout.truncated.all(2).any()
    in_order = list(minibatches(algorithm, batch.transitions, 2))
    assert any((part.credit.shares == 0).all() for part in in_order)
    for part in in_order:
        losses.loss(algorithm, learner, part).backward()
    assert all(part.pop_gradient().isfinite().all() for part in learner.parts)


def test_a_critic_that_is_fitted_separately_moves_after_the_policy_has_used_it():
    algorithm, learner, _, batch = setting("gae")
    before = copy_of(learner)
    updates.update(algorithm, learner, batch, progress())
    assert changed(learner, before) == [[True] * 3] * 2
    assert learner.critic.parameters.state.count.tolist() == [20.0] * 3
    assert learner.actor.state.count.tolist() == [1.0] * 3


def test_without_a_critic_there_are_no_values():
    _, learner, rollout, batch = setting("reinforce")
    assert learner.critic is None
    assert learner.evaluate(side_by_side(rollout.observations)).values is None
    with pytest.raises(ValueError, match="critic of states"):
        learner.values(side_by_side(rollout.observations))
    with pytest.raises(ValueError, match="no critic is fitted"):
        _ = batch.transitions.regression


@pytest.mark.parametrize("environment", ["CartPole-v1", "InvertedPendulum-v5"])
def test_fishers_matrix_is_the_second_derivative_of_the_divergence(environment):
    """Of the mean over the whole batch, through the network as it is defined."""
    algorithm, learner, _, batch = setting("trpo", environment)
    solver, data = algorithm.update.solver, batch.transitions
    old = learner.policy.restore(data.recorded.parameters)

    def divergence(rows):
        outputs = learner.network.by_definition(rows, data.recorded.observations)
        return (data.credit.shares * kl(old, learner.policy_of(*outputs))).sum(1)

    vectors = torch.randn(learner.actor.values.shape, generator=torch.Generator().manual_seed(0))
    curvature = fisher_vector_product(divergence, learner.actor.values)
    expected = curvature(vectors) + solver.damping * vectors
    torch.testing.assert_close(fisher(solver, learner, batch)(vectors), expected, atol=1e-4, rtol=1e-4)


def moved_by_trpo(unit, name="trpo", **overrides):
    """How an update moves the policy where every advantage is multiplied by a unit, and what it reports."""
    algorithm, learner, _, batch = setting(name, "InvertedPendulum-v5", **overrides)
    before = learner.actor.values.detach().clone()
    scaled = batch.transitions.credited(advantages=unit * batch.transitions.credit.advantages)
    done = updates.update(algorithm, learner, replace(batch, transitions=scaled), progress())
    return learner.actor.values.detach() - before, done


@pytest.mark.parametrize("name", ["natural_gradient", "trpo"])
def test_a_trust_region_does_not_depend_on_the_unit_of_rewards(name):
    """To the bit for powers of two, and to rounding for others, as far as single precision has numbers."""
    step, done = moved_by_trpo(1.0, name)
    assert (step.norm(dim=1) > 1e-3).all()
    for unit in (2.0**-40, 2.0**-20, 2.0**20, 2.0**40):
        scaled, said = moved_by_trpo(unit, name)
        assert torch.equal(scaled, step)
        assert torch.equal(said["predicted_gain"], unit * done["predicted_gain"])
    for unit in (1e-20, 1e-7, 1e-3, 1e3, 1e7, 1e20):
        scaled, said = moved_by_trpo(unit, name)
        torch.testing.assert_close(scaled, step, rtol=0.0, atol=1e-4 * step.abs().max().item())
        torch.testing.assert_close(said["gradient_norm"], unit * done["gradient_norm"])


def test_a_fixed_multiplier_is_a_step_of_that_length_along_the_natural_gradient():
    step, done = moved_by_trpo(1.0, "natural_gradient", update={"kind": "natural_ascent", "multiplier": 0.25})
    double, _ = moved_by_trpo(2.0, "natural_gradient", update={"kind": "natural_ascent", "multiplier": 0.25})
    wide, _ = moved_by_trpo(1.0, "natural_gradient", update={"kind": "natural_ascent", "multiplier": 0.5})
    bounded, _ = moved_by_trpo(1.0, "natural_gradient")
    torch.testing.assert_close(double, 2.0 * step, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(wide, 2.0 * step, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(torch.cosine_similarity(step, bounded), torch.ones(3), rtol=0.0, atol=1e-5)
    assert (done["predicted_gain"] > 0.0).all()


@pytest.mark.parametrize("data", [components.FixedHorizon(steps=256), components.WholeEpisodes(episodes=5)])
@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_the_line_search_judges_what_the_direction_climbs(data, bonus):
    """A small step gains what the gradient of surrogate and entropy bonus predicts, and is accepted at once."""
    changes = {"data": data, "update.delta": 1e-6, "details.entropy_bonus": bonus}
    algorithm, learner, _, batch = setting("trpo", **changes)
    statistics = updated(algorithm, learner, batch)
    torch.testing.assert_close(
        statistics["predicted_gain"], statistics["surrogate_gain"], rtol=0.02, atol=1e-5
    )
    assert statistics["line_search_accepted"].tolist() == [1.0] * 3
    assert statistics["line_search_steps"].tolist() == [0.0] * 3


@pytest.mark.parametrize("environment", ["CartPole-v1", "InvertedPendulum-v5"])
def test_where_the_entropy_leads_the_surrogate_alone_would_refuse_every_trial(environment):
    """Where likely actions are the better ones, a bonus that outweighs this raises the entropy and loses by it."""
    algorithm, learner, _, batch = setting("trpo", environment, **{"details.entropy_bonus": 50.0})
    data, shares = batch.transitions, batch.transitions.credit.shares
    likely = data.recorded.log_probs - average(data.recorded.log_probs, shares).unsqueeze(-1)
    batch = replace(batch, transitions=data.credited(advantages=likely))
    statistics = updated(algorithm, learner, batch)
    new = learner.evaluate_in_chunks(data.recorded.observations).distribution
    ratios = (new.log_prob(data.recorded.actions) - data.recorded.log_probs).exp()
    assert statistics["line_search_accepted"].tolist() == [1.0] * 3
    assert (average((ratios - 1.0) * likely, shares) < 0.0).all()
    assert (statistics["surrogate_gain"] > 0.0).all()


@pytest.mark.parametrize("name", ["natural_gradient", "trpo"])
def test_delta_changes_linearly_with_what_is_left_of_the_budget(name):
    changing, left = {"update.delta": 0.0625, "update.final_delta": 0.03125}, 0.25
    steps = []
    for change, remaining in ((changing, left), ({"update.delta": 0.0390625}, left), (changing, 1.0)):
        algorithm, learner, _, batch = setting(name, **change)
        before = learner.actor.values.detach().clone()
        updates.update(algorithm, learner, batch, progress(remaining=remaining))
        steps.append(learner.actor.values.detach() - before)
    assert torch.equal(steps[0], steps[1])
    assert not torch.equal(steps[0], steps[2])


@pytest.mark.parametrize("every", [1, 3, 10])
def test_the_fisher_matrix_sees_every_kth_transition_of_the_batch(every):
    """Also where k does not divide a chunk of it."""
    _, learner, _, batch = setting("trpo", data=components.FixedHorizon(steps=1200))
    order = torch.arange(0, 1200, every).expand(3, -1)
    sampled = batch.transitions.take(order)
    some = replace(batch, transitions=sampled.credited(shares=sampled.credit.shares * every))
    vectors = torch.randn(learner.actor.values.shape, generator=torch.Generator().manual_seed(0))
    found = fisher(components.ConjugateGradient(fisher_every=every), learner, batch)(vectors)
    expected = fisher(components.ConjugateGradient(), learner, some)(vectors)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
