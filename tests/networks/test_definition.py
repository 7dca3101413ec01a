"""The definition of perceptrons against torch's, and each replica alone."""

import pytest
import torch

from pgbench.networks.definition import PerceptronDefinition


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_perceptron_is_torchs_for_every_replica(outputs, activation):
    network = PerceptronDefinition((5, 8, 8, outputs), activation)
    parameters = 0.5 * drawn(3, network.width) + 0.1
    inputs = drawn(3, 10, 5)
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
    network = PerceptronDefinition((5, 8, 2), "tanh")
    parameters = (0.5 * drawn(3, network.width)).requires_grad_()
    outputs = network.forward(network.views(parameters), drawn(3, 10, 5))
    outputs[1].sum().backward()
    assert (parameters.grad.abs().sum(1) > 0).tolist() == [False, True, False]


def test_rows_are_padded_to_the_vector_width():
    assert PerceptronDefinition((3, 5, 1), "tanh").width == 32  # 3·5 + 5 + 5 + 1 = 26
