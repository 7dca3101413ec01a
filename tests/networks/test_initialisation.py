"""The first parameters of a network have the distributions that the papers give."""

import torch

from pgbench.methods import components
from pgbench.networks.initialisation import initial_parameters
from pgbench.networks.perceptron import Perceptron
from pgbench.training.meaning.networks import initial_weights
from pgbench.training.streams import stream


def policy_head(network):
    return [("policy", network.sizes[-1])]


def generators(count):
    return [stream(seed, "initialisation") for seed in range(count)]


def test_orthogonal_layers_are_orthogonal_times_their_gain():
    network = Perceptron((8, 64, 64, 2), "tanh")
    method = components.Orthogonal(hidden_gain=2.0, policy_gain=0.01, value_gain=1.0)
    for role, gain in (("policy", 0.01), ("value", 1.0)):
        first, _, second, _, last, bias, _ = network.views(
            initial_parameters(network, generators(2), initial_weights(method), [(role, 2)])
        )
        for weight, scale in ((first.transpose(1, 2), 2.0), (second, 2.0), (last, gain)):
            product = weight.transpose(1, 2) @ weight
            expected = scale**2 * torch.eye(weight.shape[2]).expand_as(product)
            torch.testing.assert_close(product, expected, atol=1e-4 * scale**2, rtol=0)
        assert not bias.any()


def test_xavier_weights_have_glorots_bound():
    network = Perceptron((20, 40, 4), "tanh")
    first = network.views(
        initial_parameters(network, generators(5), initial_weights(components.Xavier()), policy_head(network))
    )[0]
    bound = (6 / 60) ** 0.5
    assert 0.95 * bound < first.abs().max() <= bound


def test_free_parameters_begin_at_zero_and_follow_the_layers():
    network = Perceptron((5, 8, 3), "tanh", free=3)
    *_, free = network.views(
        initial_parameters(network, generators(2), initial_weights(components.Xavier()), policy_head(network))
    )
    assert free.tolist() == [[[0.0] * 3]] * 2


def test_each_head_of_a_shared_network_has_its_own_gain():
    network = Perceptron((8, 64, 4), "tanh")
    heads = [("policy", 3), ("value", 1)]
    last = network.views(
        initial_parameters(network, generators(2), initial_weights(components.Orthogonal()), heads)
    )[2]
    norms = last.norm(dim=1)
    torch.testing.assert_close(norms, torch.tensor([[0.01, 0.01, 0.01, 1.0]] * 2), atol=1e-5, rtol=0)
