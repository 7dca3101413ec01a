"""The gradient that training gives its optimiser has the expectation that theory says.

On two small worlds every trajectory is listed with its probability. Each goes through the training code as a
replica of its own, in double precision, and the mean over all is compared with a closed form.
"""

from dataclasses import replace

import decision_processes as worlds
import pytest
import torch
from decision_processes import HIDDEN, action_values, credited, gradient, objective, policy_table, powers

from pgbench import components, estimation, learners, lineage, specs, updates
from pgbench.environments import Discrete
from pgbench.functional import returns
from pgbench.learners import Learner, Parameters
from pgbench.policies import Perceptron

WORLDS = {
    "chain": worlds.chain(),
    "chain under a time limit": replace(worlds.chain(), cut=True),
    "garnet": worlds.garnet(),
}
GAMMA = 0.8
EXACT = 1e-10
"""Errors no larger than this are rounding, in double precision."""
SINGLE = 1e-6
"""The same where training keeps something in single precision."""
CLEAR = 0.01
"""Errors larger than this are no rounding."""
ENDS = {"details.time_limits": "terminal"}


@pytest.fixture(params=WORLDS)
def world(request):
    return WORLDS[request.param]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """A trajectory fills one chunk and part of another, so that their sum is part of what is tested."""
    monkeypatch.setattr(learners, "CHUNK", 3)


# ----------------------------------------------------------------------------------------------------------
# What training computes


def method(name, gamma=GAMMA, **overrides):
    """A member of the lineage on one episode, with a single gradient step."""
    algorithm = lineage.LINEAGE[name].algorithm
    small = {"networks.hidden": (HIDDEN,), "gamma": gamma}
    if algorithm.update.kind == "gradient_step":
        small["update.steps"] = 1
    if algorithm.data.kind == "whole_episodes":
        small["data.episodes"] = 1
    if algorithm.baseline.kind == "learned_value" and algorithm.baseline.fit.kind == "separate":
        small["baseline.fit.steps"] = 1
    return specs.replace(algorithm, small | overrides)


def learner_with(algorithm, world, count, row, critic):
    """A learner of `count` replicas that all have the same policy `[P]` and a critic `[H + 1, X]`."""
    inputs = world.observation_size
    learner = Learner(algorithm.networks, inputs, Discrete(world.actions), [0], critic is not None)
    assert learner.actor.values.shape == (1, len(row))
    learner.actor = Parameters.start(row.repeat(count, 1))
    learner.beta = torch.full((count,), updates.initial_beta(algorithm.surrogate))
    if critic is not None:
        # On one-hot observations a single layer is a table.
        learner.value_network = Perceptron((inputs, 1), "tanh")
        table = torch.zeros(learner.value_network.width, dtype=torch.float64)
        table[:inputs] = critic.flatten()
        learner.critic = Parameters.start(table.repeat(count, 1))
    return learner


def gradients(algorithm, world, rollout, row, critic=None, collected_by=None):
    """The gradient `[S, P]` that Adam is given, for each replica's part of a rollout.

    Args:
        algorithm: takes one gradient step on a batch.
        world: where the rollout comes from.
        rollout: `[T, S, E]`.
        row: the parameters `[P]` before the step.
        critic: `[H + 1, X]`, or None.
        collected_by: the parameters that collected the rollout, if they were others.
    """
    count = rollout.rewards.shape[1]
    learner = learner_with(algorithm, world, count, row if collected_by is None else collected_by, critic)
    batch = estimation.prepare(algorithm, learner, rollout)
    learner.actor = Parameters.start(row.repeat(count, 1))
    all_of_them = torch.ones(count, dtype=torch.bool)
    progress = updates.Progress(0, list(range(count)), all_of_them, torch.ones(count, dtype=torch.float64))
    updates.update(algorithm, learner, batch, progress)
    assert learner.actor.adam.count.tolist() == [1.0] * count
    # Adam's mean began at zero, and the loss is minus the objective.
    return -learner.actor.adam.mean / (1.0 - 0.9)


def expected(algorithm, world, row, critic=None, collected_by=None):
    """E[ĝ] `[P]` over all batches of as many episodes as the algorithm takes."""
    policy = policy_table(world, row if collected_by is None else collected_by)
    probabilities = worlds.trajectories(world).probabilities(policy)
    members = worlds.groups(len(probabilities), estimation.environments_each(algorithm.data))
    rollout = worlds.rollout(world, members)
    if algorithm.data.kind == "whole_episodes":
        rollout = worlds.with_idle_rows(rollout, 3)
    return probabilities[members].prod(1) @ gradients(algorithm, world, rollout, row, critic, collected_by)


def error(found, exact):
    """How far apart two gradients are, as a share of the exact one."""
    return float((found - exact).norm() / exact.norm())


def some_critic(world):
    """Values that are wrong everywhere, in terminal states and at the horizon too."""
    shape = world.horizon + 1, world.states
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def exact_critic(world, row, gamma=GAMMA):
    return worlds.true_values(world, policy_table(world, row), gamma)


def exact_gradient(world, row, gamma=GAMMA, critic=None):
    """∇J; with a critic, J values what it says of the states at a time limit."""
    return gradient(world, row, lambda policy: objective(world, policy, gamma, critic))


def practical_gradient(world, row, gamma=GAMMA, critic=None):
    """What is left of ∇J where the discount of the action's own time is left out, as everybody does."""
    return credited(world, row, action_values(world, policy_table(world, row), gamma, critic))


def parameters(world):
    return worlds.parameters(world, seed=0)


def later_parameters(world):
    """After an update that went far."""
    return worlds.parameters(world, seed=0) + 0.6 * worlds.parameters(world, seed=1)


# ----------------------------------------------------------------------------------------------------------
# The two ways to the exact gradient agree with each other


def test_the_list_of_trajectories_is_complete(world):
    policy, known = policy_table(world, parameters(world)), worlds.trajectories(world)
    probabilities = known.probabilities(policy)
    torch.testing.assert_close(probabilities.sum(), torch.ones_like(probabilities[0]))
    torch.testing.assert_close(
        probabilities @ known.rewards_to_go(GAMMA)[:, 0], objective(world, policy, GAMMA)
    )


def test_the_policy_gradient_theorem_holds_for_the_closed_forms(world):
    row = parameters(world)
    values = action_values(world, policy_table(world, row), GAMMA)
    assert error(credited(world, row, values, powers(world, GAMMA)), exact_gradient(world, row)) < EXACT


# ----------------------------------------------------------------------------------------------------------
# Returns


@pytest.mark.parametrize("gamma", [GAMMA, 1.0])
def test_the_total_return_is_unbiased(world, gamma):
    row = parameters(world)
    found = expected(method("reinforce", gamma), world, row)
    assert error(found, exact_gradient(world, row, gamma)) < EXACT


@pytest.mark.parametrize("gamma", [GAMMA, 1.0])
def test_the_reward_to_go_discounted_from_the_start_is_unbiased(world, gamma):
    row = parameters(world)
    found = expected(method("derived_discount", gamma), world, row)
    assert error(found, exact_gradient(world, row, gamma)) < EXACT


def test_the_reward_to_go_discounted_from_the_action_is_biased_by_the_discount_it_leaves_out(world):
    row = parameters(world)
    found = expected(method("reward_to_go"), world, row)
    assert error(found, practical_gradient(world, row)) < EXACT
    assert error(found, exact_gradient(world, row)) > CLEAR
    undiscounted = expected(method("reward_to_go", gamma=1.0), world, row)
    assert error(undiscounted, exact_gradient(world, row, gamma=1.0)) < EXACT


def test_weights_that_look_at_no_reward_have_no_gradient(world):
    row = parameters(world)
    found = expected(method("reinforce", 1.0, advantage="uniform_weight"), world, row)
    assert found.norm() < EXACT * exact_gradient(world, row).norm()


# ----------------------------------------------------------------------------------------------------------
# Baselines


@pytest.mark.parametrize("advantage", ["total_return", "reward_to_go", "from_the_start"])
def test_any_value_of_the_state_is_an_unbiased_baseline(world, advantage):
    row = parameters(world)
    derived = components.RewardToGo(discount="from_the_start")
    choice = {"advantage": derived if advantage == "from_the_start" else advantage}
    found = expected(method("learned_value", **choice, **ENDS), world, row, some_critic(world))
    target = practical_gradient if advantage == "reward_to_go" else exact_gradient
    assert error(found, target(world, row)) < EXACT


@pytest.mark.parametrize(
    ("name", "horizon", "episodes"), [("chain", 3, 2), ("garnet", 2, 2), ("chain", 2, 3)]
)
def test_an_average_over_the_batch_shrinks_the_gradient_of_the_total_return(name, horizon, episodes):
    world = replace(WORLDS[name], horizon=horizon)
    row = parameters(world)
    algorithm = method("reinforce", baseline="average_return", **{"data.episodes": episodes})
    shrunk = (1.0 - 1.0 / episodes) * exact_gradient(world, row)
    assert error(expected(algorithm, world, row), shrunk) < SINGLE  # 1/3


@pytest.mark.parametrize(("name", "horizon"), [("chain", 3), ("garnet", 2)])
def test_an_average_over_the_batch_takes_its_own_gradient_from_that_of_the_reward_to_go(name, horizon):
    world = replace(WORLDS[name], horizon=horizon)
    row, known = parameters(world), worlds.trajectories(world)
    lengths = known.active.sum(1)
    own = (known.rewards_to_go(GAMMA) * known.active).sum(1) / lengths
    of_the_average = gradient(world, row, lambda policy: known.probabilities(policy) @ own)
    found = expected(method("average_baseline", **{"data.episodes": 2}), world, row)
    assert error(found, practical_gradient(world, row) - of_the_average / 2) < EXACT
    # This is no factor: the direction is another.
    assert torch.cosine_similarity(found, practical_gradient(world, row), dim=0) < 1.0 - 1e-3


@pytest.mark.parametrize(("name", "horizon"), [("chain", 3), ("garnet", 2)])
def test_an_average_over_a_time_step_shrinks_that_steps_gradient(name, horizon):
    world = replace(WORLDS[name], horizon=horizon)
    row = parameters(world)
    policy = policy_table(world, row)
    # Of two trajectories: 1 - 1/2 while the other is under way, and nothing after it has ended.
    factors = worlds.occupancy(world, policy).sum(1) / 2
    exact = credited(world, row, action_values(world, policy, GAMMA), factors)
    found = expected(method("timestep_baseline", **{"data.episodes": 2}), world, row)
    assert error(found, exact) < EXACT
    difference = error(found, practical_gradient(world, row) / 2)
    of_one_length = name == "garnet"
    assert difference < EXACT if of_one_length else difference > CLEAR


@pytest.mark.parametrize(("name", "horizon"), [("chain", 3), ("garnet", 2)])
def test_the_optimal_constant_is_the_one_that_its_definition_gives(name, horizon):
    world = replace(WORLDS[name], horizon=horizon)
    row, known = parameters(world), worlds.trajectories(world)
    members = worlds.groups(len(known.dynamics), 2)
    point = row.clone().requires_grad_()
    log_probabilities = known.probabilities(policy_table(world, point)).log()
    scores = torch.stack([torch.autograd.grad(one, point, retain_graph=True)[0] for one in log_probabilities])
    squares, totals = scores.square().sum(1)[members], known.rewards_to_go(GAMMA)[:, 0][members]
    constants = (squares * totals).sum(1, keepdim=True) / squares.sum(1, keepdim=True)
    naive = torch.einsum("ke,kep->kp", totals - constants, scores[members]) / 2
    found = gradients(
        method("optimal_baseline", **{"data.episodes": 2}), world, worlds.rollout(world, members), row
    )
    torch.testing.assert_close(found, naive, rtol=SINGLE, atol=SINGLE)  # the scores

    squares = scores.square()[members]
    constants = (squares * totals.unsqueeze(-1)).sum(1, keepdim=True) / squares.sum(1, keepdim=True)
    naive = ((totals.unsqueeze(-1) - constants.nan_to_num(0.0)) * scores[members]).sum(1) / 2
    algorithm = method("optimal_components", **{"data.episodes": 2})
    found = gradients(algorithm, world, worlds.rollout(world, members), row)
    torch.testing.assert_close(found, naive, rtol=SINGLE, atol=SINGLE)


# ----------------------------------------------------------------------------------------------------------
# Critics


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_n_steps_have_the_expectation_that_the_critic_gives_them(world, n):
    row, critic = parameters(world), some_critic(world)
    values = worlds.n_step_values(world, policy_table(world, row), GAMMA, n, critic)
    found = expected(method("n_step", **{"advantage.n": n}), world, row, critic)
    assert error(found, credited(world, row, values)) < EXACT
    bias = error(found, practical_gradient(world, row, critic=critic))
    assert bias < EXACT if n >= world.horizon else bias > CLEAR


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.9, 1.0])
def test_gae_has_the_expectation_that_the_critic_gives_it(world, lam):
    row, critic = parameters(world), some_critic(world)
    values = worlds.lambda_values(world, policy_table(world, row), GAMMA, lam, critic)
    found = expected(method("gae", **{"advantage.lam": lam}), world, row, critic)
    assert error(found, credited(world, row, values)) < EXACT
    bias = error(found, practical_gradient(world, row, critic=critic))
    assert bias < EXACT if lam == 1.0 else bias > CLEAR


def test_a_wrong_critic_biases_the_less_the_larger_lambda_is(world):
    row, critic = parameters(world), some_critic(world)
    exact = practical_gradient(world, row, critic=critic)
    biases = [
        error(expected(method("gae", **{"advantage.lam": lam}), world, row, critic), exact)
        for lam in (0.0, 0.5, 0.9, 1.0)
    ]
    assert biases == sorted(biases, reverse=True)


@pytest.mark.parametrize("gamma", [GAMMA, 1.0])
@pytest.mark.parametrize(
    "advantage",
    [components.NStep(n=1), components.NStep(n=2), components.GAE(lam=0.0), components.GAE(lam=0.7)],
    ids=lambda advantage: "-".join(map(str, advantage.model_dump().values())),
)
def test_the_true_value_biases_no_estimator(world, advantage, gamma):
    row = parameters(world)
    found = expected(method("gae", gamma, advantage=advantage), world, row, exact_critic(world, row, gamma))
    assert error(found, practical_gradient(world, row, gamma)) < EXACT
    bias = error(found, exact_gradient(world, row, gamma))
    assert bias < EXACT if gamma == 1.0 else bias > CLEAR


# ----------------------------------------------------------------------------------------------------------
# Time limits


LONGEST = {"learned_value": {}, "n_step": {"advantage.n": 4}, "gae": {"advantage.lam": 1.0}}
"""Methods that look as far as the time limit before they believe their critic."""


@pytest.mark.parametrize("name", LONGEST)
@pytest.mark.parametrize("limited", ["chain under a time limit", "garnet"])
def test_a_time_limit_is_worth_what_the_critic_says_or_nothing(limited, name):
    world, every = WORLDS[limited], LONGEST[name]
    row, critic = parameters(world), some_critic(world)
    bootstrapped = expected(method(name, **every), world, row, critic)
    ended = expected(method(name, **every, **ENDS), world, row, critic)
    assert error(bootstrapped, practical_gradient(world, row, critic=critic)) < EXACT
    assert error(ended, practical_gradient(world, row)) < EXACT
    assert error(bootstrapped, ended) > CLEAR


@pytest.mark.parametrize("name", ["learned_value", "actor_critic", "gae", "fixed_horizon"])
def test_to_drop_the_step_at_a_time_limit_is_to_bootstrap_one_step_earlier(name):
    world = WORLDS["garnet"]
    row, critic = parameters(world), some_critic(world)
    policy = policy_table(world, row)
    shorter = replace(world, horizon=world.horizon - 1), policy[:-1], GAMMA
    values = {
        "learned_value": worlds.lambda_values(*shorter, 1.0, critic[:-1]),
        "actor_critic": worlds.n_step_values(*shorter, 1, critic[:-1]),
    }.get(name, worlds.lambda_values(*shorter, 0.95, critic[:-1]))
    nothing = torch.zeros_like(policy[:1])
    exact = credited(world, row, torch.cat([values, nothing]))
    found = expected(method(name, **{"details.time_limits": "drop"}), world, row, critic)
    if name == "fixed_horizon":
        assert error(found, exact / (world.horizon - 1)) < SINGLE  # a mean over the steps that are left
    else:
        assert error(found, exact) < EXACT


# ----------------------------------------------------------------------------------------------------------
# Surrogates


@pytest.mark.parametrize("surrogate", ["importance_ratio", "trajectory_ratio", "causal_ratio"])
def test_where_no_ratio_has_moved_a_ratio_changes_no_trajectorys_gradient(world, surrogate):
    row = parameters(world)
    rollout = worlds.rollout(world, worlds.groups(len(worlds.trajectories(world).dynamics), 1))
    plain, ratio = (
        gradients(method("reinforce", surrogate=choice), world, rollout, row)
        for choice in ("log_likelihood", surrogate)
    )
    torch.testing.assert_close(ratio, plain, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ["no_clip", "ppo_clip", "ppo_no_minimum", "ppo_fixed_kl", "ppo_adaptive_kl"])
def test_the_first_minibatch_of_proximal_optimisation_follows_the_policy_gradient(name):
    world = WORLDS["garnet"]
    row = parameters(world)
    whole_batch = {
        "data.steps": world.horizon,
        "update.epochs": 1,
        "update.minibatch_size": world.horizon,
        "advantage.lam": 1.0,
    }
    found = expected(method(name, **whole_batch, **ENDS), world, row, some_critic(world))
    assert error(found, practical_gradient(world, row) / world.horizon) < EXACT


def test_minibatches_have_the_gradient_of_the_batch_in_their_mean():
    world = WORLDS["garnet"]
    row = parameters(world)
    probabilities = worlds.trajectories(world).probabilities(policy_table(world, row))
    rollout = worlds.rollout(world, worlds.groups(len(probabilities), 1))
    halves = {"data.steps": 4, "update.minibatch_size": 2, "advantage.lam": 1.0}
    algorithm = method("ppo_clip", **halves, **ENDS)
    learner = learner_with(algorithm, world, len(probabilities), row, some_critic(world))
    data = estimation.prepare(algorithm, learner, rollout).transitions
    shuffled = data.take(torch.tensor([2, 0, 3, 1]).expand(len(probabilities), -1))
    found = []
    for part in updates.minibatches(algorithm, shuffled, 2):
        updates.loss(algorithm, learner, part).backward()
        found.append(-probabilities @ learner.actor.pop_gradient())
    assert len(found) == 2
    assert error(torch.stack(found).mean(0), practical_gradient(world, row) / 4) < EXACT


@pytest.mark.parametrize("advantage", ["total_return", "reward_to_go", "from_the_start"])
def test_the_trajectorys_ratio_makes_old_data_unbiased_for_the_present_policy(world, advantage):
    old, new = parameters(world), later_parameters(world)
    derived = components.RewardToGo(discount="from_the_start")
    choice = {"advantage": derived if advantage == "from_the_start" else advantage}
    target = practical_gradient if advantage == "reward_to_go" else exact_gradient
    found = expected(method("trajectory_ratio", **choice), world, new, collected_by=old)
    assert error(found, target(world, new)) < EXACT
    unweighted = expected(method("several_steps", **choice), world, new, collected_by=old)
    assert error(unweighted, target(world, new)) > CLEAR


def test_per_decision_ratios_make_old_data_unbiased_for_the_present_policy(world):
    old, new = parameters(world), later_parameters(world)
    found = expected(method("per_decision_ratio"), world, new, collected_by=old)
    assert error(found, practical_gradient(world, new)) < EXACT
    assert (
        error(expected(method("causal_ratio"), world, new, collected_by=old), practical_gradient(world, new))
        > CLEAR
    )


def test_the_causal_ratio_visits_states_as_the_present_policy_and_values_actions_as_the_old_one(world):
    old, new = parameters(world), later_parameters(world)
    before = action_values(world, policy_table(world, old), GAMMA)
    for name, weights in (("reward_to_go", None), ("total_return", powers(world, GAMMA))):
        found = expected(method("causal_ratio", advantage=name), world, new, collected_by=old)
        assert error(found, credited(world, new, before, weights)) < EXACT
    assert error(found, exact_gradient(world, new)) > CLEAR


def test_the_ratio_of_single_actions_visits_states_as_the_old_policy_too(world):
    old, new = parameters(world), later_parameters(world)
    before = policy_table(world, old)
    visits = worlds.occupancy(world, before)
    found = expected(method("reward_to_go", surrogate="importance_ratio"), world, new, collected_by=old)
    exact = credited(world, new, action_values(world, before, GAMMA), visits=visits)
    assert error(found, exact) < EXACT
    assert error(found, practical_gradient(world, new)) > CLEAR


@pytest.mark.parametrize("surrogate", ["importance_ratio", "causal_ratio"])
def test_what_a_dropped_ratio_costs_vanishes_as_the_policies_meet(world, surrogate):
    old, direction = parameters(world), later_parameters(world) - parameters(world)
    algorithm = method("reward_to_go", surrogate=surrogate)
    errors = []
    for length in (1e-1, 1e-2, 1e-3, 0.0):
        new = old + length * direction
        found = expected(algorithm, world, new, collected_by=old)
        errors.append(error(found, practical_gradient(world, new)))
    assert errors[3] < EXACT
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize("name", ["natural_gradient", "trpo"])
def test_a_trust_region_is_given_the_policy_gradient(name, monkeypatch):
    world = WORLDS["garnet"]
    row, given = parameters(world), []

    def step(method, learner, batch, running, gradient):
        given.append(gradient)
        learner.actor.adam.count += 1
        learner.actor.adam.mean -= 0.1 * gradient
        return {}

    monkeypatch.setattr(updates, "natural_step", step)
    monkeypatch.setattr(updates, "searched_step", step)
    fixed = {"data.steps": world.horizon, "advantage.lam": 1.0}
    found = expected(method(name, **fixed, **ENDS), world, row, some_critic(world))
    assert len(given) == 1
    assert error(found, practical_gradient(world, row) / world.horizon) < EXACT


def test_an_entropy_bonus_adds_the_gradient_of_the_entropy_where_the_policy_goes(world):
    row = parameters(world)
    visits = worlds.occupancy(world, policy_table(world, row))
    entropy = gradient(world, row, lambda policy: -(visits[..., None] * policy * policy.log()).sum())
    found = expected(method("reward_to_go", **{"details.entropy_bonus": 0.1}), world, row)
    assert error(found, practical_gradient(world, row) + 0.1 * entropy) < EXACT


# ----------------------------------------------------------------------------------------------------------
# A fixed horizon

ESTIMATORS = {
    "total return": components.TotalReturn(),
    "reward-to-go": components.RewardToGo(),
    "from the start": components.RewardToGo(discount="from_the_start"),
    "three steps": components.NStep(n=3),
    "gae": components.GAE(lam=0.9),
}


@pytest.mark.parametrize("advantage", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("skipped", [0, 1])
def test_episodes_end_to_end_in_a_rollout_are_credited_each_by_itself(advantage, skipped):
    # Pair by pair: what leaked from one episode into another would be noise, and not show in the mean.
    world = replace(WORLDS["garnet"], horizon=2)
    members = worlds.groups(len(worlds.trajectories(world).dynamics), 2)
    first, second = (worlds.rollout(world, members[:, [which]]) for which in (0, 1))
    first = worlds.rows(first, skipped, 2)  # the rest is in an earlier rollout
    setting = method("fixed_horizon", advantage=advantage), world
    together, one, other = (
        len(rollout.rewards) * gradients(*setting, rollout, parameters(world), some_critic(world))
        for rollout in (worlds.end_to_end(first, second), first, second)
    )
    torch.testing.assert_close(together, one + other, rtol=SINGLE, atol=SINGLE)  # 1/3


@pytest.mark.parametrize("advantage", list(ESTIMATORS.values())[1:], ids=list(ESTIMATORS)[1:])
def test_an_episode_that_two_rollouts_share_is_as_good_as_one_with_the_true_value_at_the_cut(advantage):
    world = WORLDS["garnet"]
    row, known = parameters(world), worlds.trajectories(world)
    probabilities = known.probabilities(policy_table(world, row))
    whole = worlds.rollout(world, worlds.groups(len(probabilities), 1))
    algorithm = method("fixed_horizon", advantage=advantage, **{"data.steps": 2})
    critic = exact_critic(world, row)
    first, second = (
        probabilities @ gradients(algorithm, world, worlds.rows(whole, *part), row, critic)
        for part in ((0, 2), (2, 4))
    )
    derived = getattr(advantage, "discount", None) == "from_the_start"
    target = exact_gradient if derived else practical_gradient
    assert error((first + second) * 2, target(world, row)) < EXACT


# ----------------------------------------------------------------------------------------------------------
# Planted errors: each comparison above can fail


def test_a_discount_that_is_off_by_one_is_caught(world, monkeypatch):
    row, right = parameters(world), returns.derived_discounts
    for wrong in (
        lambda *arguments: GAMMA * right(*arguments),
        lambda *arguments: right(*arguments) / torch.where(right(*arguments) < 1.0, GAMMA, 1.0),
    ):
        monkeypatch.setattr(returns, "derived_discounts", wrong)
        found = expected(method("derived_discount"), world, row)
        assert error(found, exact_gradient(world, row)) > CLEAR


def test_a_credit_that_leaves_out_the_actions_own_reward_is_caught(world, monkeypatch):
    row, right = parameters(world), returns.rewards_to_go
    monkeypatch.setattr(returns, "rewards_to_go", lambda rewards, *others: right(rewards, *others) - rewards)
    assert error(expected(method("reward_to_go"), world, row), practical_gradient(world, row)) > CLEAR


def test_a_baseline_that_sees_the_action_is_caught(world, monkeypatch):
    row = parameters(world)

    def sees_the_action(baseline, estimates, rollout, values, scores):
        return values.here + rollout.actions

    monkeypatch.setattr(estimation, "_baseline", sees_the_action)
    found = expected(method("learned_value", **ENDS), world, row, some_critic(world))
    assert error(found, practical_gradient(world, row)) > CLEAR


@pytest.mark.parametrize("name", ["learned_value", "n_step", "gae"])
def test_an_end_that_does_not_stop_the_bootstrap_is_caught(name, monkeypatch):
    world = WORLDS["chain"]
    row = parameters(world)
    critic = (
        exact_critic(world, row) + 1.0 * world.terminal
    )  # what it says of a terminal state must not matter
    assert error(expected(method(name), world, row, critic), practical_gradient(world, row)) < EXACT

    def forgets(algorithm, rollout, values):
        return replace(
            rollout, truncated=rollout.truncated | rollout.terminated, terminated=rollout.truncated
        ), values

    monkeypatch.setattr(estimation, "at_time_limits", forgets)
    assert error(expected(method(name), world, row, critic), practical_gradient(world, row)) > CLEAR


def test_a_ratio_that_counts_twice_in_the_weights_is_caught(world, monkeypatch):
    old, new = parameters(world), later_parameters(world)
    right = updates.importance.trajectory_log_ratios
    monkeypatch.setattr(
        updates.importance, "trajectory_log_ratios", lambda ratios, *flags: right(ratios, *flags) + ratios
    )
    found = expected(method("trajectory_ratio"), world, new, collected_by=old)
    assert error(found, practical_gradient(world, new)) > CLEAR


def test_to_drop_the_step_at_a_time_limit_drops_it_whatever_came_of_it():
    world = WORLDS["chain under a time limit"]
    row = parameters(world)
    all_but_the_last = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    values = action_values(world, policy_table(world, row), GAMMA)
    found = expected(method("gae", **{"details.time_limits": "drop"}), world, row, exact_critic(world, row))
    assert error(found, credited(world, row, values, all_but_the_last)) < EXACT
