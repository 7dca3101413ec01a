"""Distributions against those of torch."""

import numpy as np
import pytest
import torch

from pgbench.environments import Box, Discrete
from pgbench.networks.distributions import Categorical, Gaussian, Policy, kl
from pgbench.training.streams import stream


def softmax(logits):
    return Policy(Discrete(logits.shape[-1])).distribution(logits, logits)


@pytest.fixture
def categorical():
    logits = torch.randn(3, 50, 4, generator=torch.Generator().manual_seed(0))
    other = torch.randn(3, 50, 4, generator=torch.Generator().manual_seed(1))
    make = torch.distributions.Categorical
    return (
        softmax(logits),
        make(logits=logits),
        softmax(other),
        make(logits=other),
    )


@pytest.fixture
def gaussian():
    def pair(seed):
        generator = torch.Generator().manual_seed(seed)
        mean = torch.randn(3, 50, 2, generator=generator)
        log_std = 0.3 * torch.randn(3, 1, 2, generator=generator)
        normal = torch.distributions.Normal(mean, log_std.exp().expand_as(mean))
        return Gaussian(mean, log_std), torch.distributions.Independent(normal, 1)

    return (*pair(0), *pair(1))


@pytest.mark.parametrize("kind", ["categorical", "gaussian"])
def test_densities_entropies_and_divergences_are_torchs(kind, request):
    ours, theirs, our_other, their_other = request.getfixturevalue(kind)
    torch.manual_seed(0)
    actions = theirs.sample()
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions))
    torch.testing.assert_close(ours.entropy(), theirs.entropy())
    torch.testing.assert_close(kl(ours, our_other), torch.distributions.kl_divergence(theirs, their_other))
    torch.testing.assert_close(kl(ours, ours), torch.zeros(3, 50), atol=1e-7, rtol=0)
    torch.testing.assert_close(ours.mode(), theirs.mode)


def test_categorical_samples_have_the_right_frequencies():
    probabilities = torch.tensor([0.1, 0.0, 0.6, 0.3])
    policy = Categorical((probabilities + 1e-30).log().expand(1, 100_000, 4))
    noise = torch.from_numpy(np.random.default_rng(0).random((1, 100_000, 1), dtype=np.float32))
    counts = torch.bincount(policy.sample(noise).flatten(), minlength=4) / 100_000
    torch.testing.assert_close(counts, probabilities, atol=0.01, rtol=0)


def test_a_categorical_action_always_exists_at_the_ends_of_the_noise():
    policy = softmax(torch.randn(1, 1000, 7))
    for noise in (0.0, np.nextafter(np.float32(1.0), np.float32(0.0))):
        actions = policy.sample(torch.full((1, 1000, 1), float(noise)))
        assert actions.min() >= 0
        assert actions.max() <= 6


def test_gaussian_samples_are_mean_plus_scaled_noise():
    policy = Gaussian(torch.ones(2, 5, 3), torch.full((2, 1, 3), np.log(2.0), dtype=torch.float32))
    torch.testing.assert_close(policy.sample(torch.full((2, 5, 3), 0.5)), torch.full((2, 5, 3), 2.0))


def test_a_policy_has_the_shape_of_its_actions():
    box, discrete = Policy(Box(-np.ones(3), np.ones(3))), Policy(Discrete(4))
    assert (box.outputs, box.free) == (3, 3)
    assert (discrete.outputs, discrete.free) == (4, 0)
    assert box.noise(stream(0, "actions"), (7, 2)).shape == (7, 2, 3)
    assert discrete.noise(stream(0, "actions"), (7, 2)).shape == (7, 2, 1)


@pytest.mark.parametrize("kind", ["categorical", "gaussian"])
def test_a_distribution_is_restored_from_its_parameters(kind, request):
    ours, *_ = request.getfixturevalue(kind)
    policy = Policy(Discrete(4) if kind == "categorical" else Box(-np.ones(2), np.ones(2)))
    torch.testing.assert_close(
        kl(ours, policy.restore(ours.parameters)), torch.zeros(3, 50), atol=1e-7, rtol=0
    )
