"""Distributions against torch's, networks against torch's, and each replica alone."""

import numpy as np
import pytest
import torch

from pgbench.environments import Box, Discrete
from pgbench.methods import components
from pgbench.networks.distributions import Categorical, Gaussian, Policy, kl
from pgbench.networks.perceptron import Perceptron
from pgbench.training.streams import stream


def softmax(logits):
    return Policy(Discrete(logits.shape[-1])).distribution(logits, logits)


def policy_head(network):
    return [("policy", network.sizes[-1])]


def generators(count):
    return [stream(seed, "initialisation") for seed in range(count)]


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


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_perceptron_is_torchs_for_every_replica(outputs, activation):
    network = Perceptron((5, 8, 8, outputs), activation)
    parameters = network.initialise(generators(3), components.Xavier(), policy_head(network)) + 0.1
    inputs = torch.randn(3, 10, 5)
    results = network.forward(network.views(parameters), inputs)
    for replica, row in enumerate(parameters):
        layers, used = [], 0
        for size_in, size_out in ((5, 8), (8, 8), (8, outputs)):
            linear = torch.nn.Linear(size_in, size_out)
            weight, bias = row[used : used + size_in * size_out], row[used + size_in * size_out :][:size_out]
            linear.weight.data, linear.bias.data = weight.reshape(size_in, size_out).T, bias
            used += size_in * size_out + size_out
            layers += [linear, torch.nn.Tanh() if activation == "tanh" else torch.nn.ReLU()]
        torch.testing.assert_close(results[replica], torch.nn.Sequential(*layers[:-1])(inputs[replica]))


def test_gradients_of_replicas_do_not_mix():
    network = Perceptron((5, 8, 2), "tanh")
    parameters = network.initialise(generators(3), components.Xavier(), policy_head(network)).requires_grad_()
    outputs = network.forward(network.views(parameters), torch.randn(3, 10, 5))
    outputs[1].sum().backward()
    assert (parameters.grad.abs().sum(1) > 0).tolist() == [False, True, False]


def test_rows_are_padded_to_the_vector_width():
    assert Perceptron((3, 5, 1), "tanh").width == 32  # 3·5 + 5 + 5 + 1 = 26


def test_orthogonal_layers_are_orthogonal_times_their_gain():
    network = Perceptron((8, 64, 64, 2), "tanh")
    method = components.Orthogonal(hidden_gain=2.0, policy_gain=0.01, value_gain=1.0)
    for role, gain in (("policy", 0.01), ("value", 1.0)):
        first, _, second, _, last, bias, _ = network.views(
            network.initialise(generators(2), method, [(role, 2)])
        )
        for weight, scale in ((first.transpose(1, 2), 2.0), (second, 2.0), (last, gain)):
            product = weight.transpose(1, 2) @ weight
            expected = scale**2 * torch.eye(weight.shape[2]).expand_as(product)
            torch.testing.assert_close(product, expected, atol=1e-4 * scale**2, rtol=0)
        assert not bias.any()


def test_xavier_weights_have_glorots_bound():
    network = Perceptron((20, 40, 4), "tanh")
    first = network.views(network.initialise(generators(5), components.Xavier(), policy_head(network)))[0]
    bound = (6 / 60) ** 0.5
    assert 0.95 * bound < first.abs().max() <= bound


def test_a_policy_has_the_shape_of_its_actions():
    box, discrete = Policy(Box(-np.ones(3), np.ones(3))), Policy(Discrete(4))
    assert (box.outputs, box.free) == (3, 3)
    assert (discrete.outputs, discrete.free) == (4, 0)
    assert box.noise(stream(0, "actions"), (7, 2)).shape == (7, 2, 3)
    assert discrete.noise(stream(0, "actions"), (7, 2)).shape == (7, 2, 1)


def test_free_parameters_begin_at_zero_and_follow_the_layers():
    network = Perceptron((5, 8, 3), "tanh", free=3)
    *_, free = network.views(network.initialise(generators(2), components.Xavier(), policy_head(network)))
    assert free.tolist() == [[[0.0] * 3]] * 2


@pytest.mark.parametrize("kind", ["categorical", "gaussian"])
def test_a_distribution_is_restored_from_its_parameters(kind, request):
    ours, *_ = request.getfixturevalue(kind)
    policy = Policy(Discrete(4) if kind == "categorical" else Box(-np.ones(2), np.ones(2)))
    torch.testing.assert_close(
        kl(ours, policy.restore(ours.parameters)), torch.zeros(3, 50), atol=1e-7, rtol=0
    )


def test_each_head_of_a_shared_network_has_its_own_gain():
    network = Perceptron((8, 64, 4), "tanh")
    heads = [("policy", 3), ("value", 1)]
    last = network.views(network.initialise(generators(2), components.Orthogonal(), heads))[2]
    norms = last.norm(dim=1)
    torch.testing.assert_close(norms, torch.tensor([[0.01, 0.01, 0.01, 1.0]] * 2), atol=1e-5, rtol=0)
