"""With each critic and time limit, the gradient has the mean that theory gives."""

from dataclasses import replace

import pytest
import torch

from helpers.decision_processes import credited, policy_table
from helpers.exact_gradients import (
    CLEAR,
    ENDS,
    EXACT,
    GAMMA,
    WORLDS,
    error,
    exact_critic,
    exact_gradient,
    expected,
    method,
    parameters,
    practical_gradient,
    some_critic,
)
from pgbench.laboratory.exact import lambda_values, n_step_values
from pgbench.methods import components

pytestmark = pytest.mark.usefixtures("small_chunks")

# ----------------------------------------------------------------------------------------------------------
# Critics


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_n_steps_have_the_expectation_that_the_critic_gives_them(world, n):
    row, critic = parameters(world), some_critic(world)
    values = n_step_values(world, policy_table(world, row), GAMMA, n, critic)
    found = expected(method("n_step", **{"advantage.n": n}), world, row, critic)
    assert error(found, credited(world, row, values)) < EXACT
    bias = error(found, practical_gradient(world, row, critic=critic))
    assert bias < EXACT if n >= world.horizon else bias > CLEAR


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.9, 1.0])
def test_gae_has_the_expectation_that_the_critic_gives_it(world, lam):
    row, critic = parameters(world), some_critic(world)
    values = lambda_values(world, policy_table(world, row), GAMMA, lam, critic)
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


@pytest.mark.parametrize(
    "advantage",
    [components.NStep(n=1), components.NStep(n=2), components.GAE(lam=0.0), components.GAE(lam=0.7)],
    ids=lambda advantage: "-".join(map(str, advantage.model_dump().values())),
)
def test_with_the_true_value_every_advantage_discounted_from_the_start_is_unbiased(world, advantage):
    row = parameters(world)
    algorithm = method("gae", advantage=advantage, discount="from_the_start")
    found = expected(algorithm, world, row, exact_critic(world, row))
    assert error(found, exact_gradient(world, row)) < EXACT
    assert error(found, practical_gradient(world, row)) > CLEAR


# ----------------------------------------------------------------------------------------------------------
# Time limits


LONGEST = {"learned_value": {}, "n_step": {"advantage.n": 4}, "gae": {"advantage.lam": 1.0}}
"""Methods whose returns reach the time limit before they use the critic."""


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
        "learned_value": lambda_values(*shorter, 1.0, critic[:-1]),
        "actor_critic": n_step_values(*shorter, 1, critic[:-1]),
    }.get(name, lambda_values(*shorter, 0.95, critic[:-1]))
    nothing = torch.zeros_like(policy[:1])
    exact = credited(world, row, torch.cat([values, nothing]))
    found = expected(method(name, **{"details.time_limits": "drop"}), world, row, critic)
    if name == "fixed_horizon":
        assert error(found, exact / (world.horizon - 1)) < EXACT  # the mean over the remaining steps
    else:
        assert error(found, exact) < EXACT
