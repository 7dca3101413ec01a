"""Gaussian policies: where σ comes from, and squashed into a box; against torch's distributions and integrals."""

import numpy as np
import pytest
import torch
from torch.distributions import AffineTransform, Independent, Normal, TanhTransform, TransformedDistribution

from pgbench.environments import Box, Discrete, kind_of
from pgbench.functional.second_order import fisher_vector_product
from pgbench.methods import components as c
from pgbench.methods.choices import Choices
from pgbench.methods.compatibility.of_actions import action_faults
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.paths import with_values
from pgbench.networks.distributions import Policy, SquashedGaussian, kl
from pgbench.networks.perceptron import Perceptron
from pgbench.training.preprocessing import squashed
from pgbench.training.start import start_learner

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 5.0])
BOX = Box(LOW, HIGH)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def pair():
    """A squashed Gaussian, and torch's distribution of its actions."""
    mean, log_std = drawn(3, 7, 2), 0.3 * drawn(3, 1, 2, seed=1)
    ours = Policy(BOX, squashes=True).distribution(mean, log_std)
    low, width = torch.from_numpy(LOW).double(), torch.from_numpy(HIGH - LOW).double()
    changes = [TanhTransform(), AffineTransform(low + width / 2, width / 2)]
    normal = Normal(mean, log_std.exp().expand_as(mean))
    return ours, Independent(TransformedDistribution(normal, changes), 1)


def test_densities_of_squashed_actions_are_torchs(pair):
    ours, theirs = pair
    numbers = ours.sample(drawn(3, 7, 2, seed=2))
    actions = torch.from_numpy(squashed(BOX, numbers.numpy()))
    torch.testing.assert_close(ours.log_prob(numbers), theirs.log_prob(actions))
    torch.testing.assert_close(
        torch.from_numpy(squashed(BOX, ours.mode().numpy())),
        torch.from_numpy(LOW + (HIGH - LOW) * (np.tanh(ours.mean.numpy()) + 1) / 2),
    )


@pytest.mark.parametrize("deviation", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.5])
def test_a_squashed_density_integrates_to_one_and_to_its_entropy(mean, deviation):
    """By the trapezium rule over u, whose step da/du turns into a step of the action."""
    u = torch.linspace(-20.0, 20.0, 400_001, dtype=torch.float64)
    policy = Policy(Box(LOW[1:], HIGH[1:]), squashes=True)
    point = torch.tensor([[mean]], dtype=torch.float64)
    ours = policy.distribution(point, torch.full_like(point, deviation).log())
    log_density = ours.log_prob(u[:, None])
    action = 2.5 * torch.tanh(u)
    density = log_density.exp()
    assert torch.trapezoid(density, action).item() == pytest.approx(1.0, abs=1e-6)
    entropy = -torch.trapezoid(density * log_density, action).item()
    assert ours.entropy().item() == pytest.approx(entropy, abs=2e-4)


def test_far_numbers_have_finite_densities_and_slopes():
    mean = torch.full((1, 2, 2), 0.1, requires_grad=True)
    ours = Policy(BOX, squashes=True).distribution(mean, torch.zeros(1, 1, 2))
    numbers = torch.tensor([[[40.0, -40.0], [9.0, -9.0]]])
    (ours.log_prob(numbers).sum() + ours.entropy().sum()).backward()
    assert torch.isfinite(ours.log_prob(numbers)).all()
    assert torch.isfinite(mean.grad).all()
    given = squashed(BOX, np.array([[40.0, -40.0], [-np.inf, np.inf]]))
    assert (given >= LOW).all()
    assert (given <= HIGH).all()


def test_the_change_of_variables_is_seen_by_neither_ratio_nor_divergence():
    mean, log_std, numbers = drawn(3, 7, 4), drawn(3, 7, 4, seed=1), drawn(3, 7, 2, seed=2)
    parameters = torch.cat([mean[..., :2], 0.3 * log_std[..., :2]], -1)
    others = torch.cat([mean[..., 2:], 0.3 * log_std[..., 2:]], -1)
    plain, tanh = (
        [policy.restore(each) for each in (parameters, others)]
        for policy in (Policy(BOX), Policy(BOX, squashes=True))
    )
    assert all(isinstance(each, SquashedGaussian) for each in tanh)
    torch.testing.assert_close(kl(*plain), kl(*tanh))
    ratios = [new.log_prob(numbers) - old.log_prob(numbers) for old, new in (plain, tanh)]
    torch.testing.assert_close(*ratios)


def test_a_policy_of_the_state_has_its_deviations_behind_its_means():
    policy = Policy(BOX, depends_on_state=True)
    assert (policy.outputs, policy.free) == (4, 0)
    outputs = drawn(3, 7, 4)
    made = policy.distribution(outputs, torch.empty(3, 1, 0))
    theirs = Independent(Normal(outputs[..., :2], outputs[..., 2:].exp()), 1)
    numbers = drawn(3, 7, 2, seed=1)
    torch.testing.assert_close(made.log_prob(numbers), theirs.log_prob(numbers))
    torch.testing.assert_close(made.entropy(), theirs.entropy())


@pytest.mark.parametrize("squashes", [False, True])
def test_the_curvature_in_the_outputs_gives_the_whole_hessian_of_the_divergence(squashes):
    """Jᵀ M J v is the product with the Hessian in the parameters, also where σ depends on the state."""
    network, policy = Perceptron((3, 5, 4), "tanh"), Policy(BOX, depends_on_state=True, squashes=squashes)
    parameters, inputs = 0.5 * drawn(2, network.width), drawn(2, 6, 3, seed=1)
    old = policy.restore(policy.distribution(*network(parameters, inputs)).parameters)

    def divergence(outputs):
        return kl(old, policy.distribution(outputs, torch.empty(2, 1, 0))).mean(1)

    vectors = drawn(2, network.width, seed=2)
    here = network.linearise(parameters, inputs)
    curvature = fisher_vector_product(divergence, here.outputs.values)
    found = here.pull(curvature(here.push(vectors).values), torch.zeros(2, 1, 0, dtype=torch.float64))
    whole = fisher_vector_product(lambda rows: divergence(network(rows, inputs).values), parameters)
    torch.testing.assert_close(found, whole(vectors))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "deviation", [c.FreeDeviation(initial_log_std=-0.7), c.StateDeviation(initial_log_std=-0.7)]
)
def test_deviations_begin_as_they_are_told(deviation, shared, box_world):
    change = {"networks.deviation": deviation, "networks.shared": shared}
    learner = start_learner(with_values(LINEAGE["ppo"].algorithm, change), box_world, [0, 1])
    said = learner.evaluate(torch.zeros(2, 4, box_world.observation_size)).distribution
    torch.testing.assert_close(said.log_std.expand_as(said.mean), torch.full_like(said.mean, -0.7))


@pytest.fixture
def box_world():
    from pgbench import environments

    return environments.make("Pendulum-v1", [np.random.default_rng(0)])


@pytest.mark.parametrize(
    ("networks", "actions", "message"),
    [
        (c.Networks(squash=True), Discrete(2), "leave networks.squash out"),
        (c.Networks(deviation=c.StateDeviation()), Discrete(2), "leave networks.deviation out"),
        (
            c.Networks(deviation=c.FreeDeviation(initial_log_std=-1.0)),
            Discrete(2),
            "leave networks.deviation out",
        ),
        (
            c.Networks(squash=True),
            Box(np.array([-np.inf], np.float32), np.ones(1, np.float32)),
            "not bounded",
        ),
    ],
)
def test_what_the_actions_of_an_environment_cannot_have_is_refused(networks, actions, message):
    (fault,) = action_faults(Choices(networks=networks), kind_of(actions))
    assert message in fault
