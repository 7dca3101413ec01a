"""Perceptrons by kernels against their definition: two implementations of one function, replica by replica."""

import numpy as np
import pytest
import torch

from pgbench.networks import kernels
from pgbench.networks.perceptron import Perceptron, evaluate

S = 3
SHAPES = [(5, 16, 16, 3), (17, 64, 64, 1), (4, 7, 9), (6, 2), (3, 8, 16, 12)]
"""Narrow and wide last layers, odd widths, and none that is hidden."""


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(sizes, activation, rows, free=2):
    """A network, its parameters, and inputs that lie apart in memory, as those of a minibatch do."""
    made = Perceptron(sizes, activation, free)
    inputs = drawn(S, rows + 7, sizes[0], seed=1)[:, 3 : 3 + rows]
    return made, 0.5 * drawn(S, made.width), inputs


def in_double(made, parameters, inputs):
    return made.by_definition(parameters.double(), inputs.double())


@pytest.mark.parametrize("rows", [1, 2, 7, 64, 65, 200])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", SHAPES)
def test_outputs_and_gradients_are_the_definitions(sizes, activation, rows):
    made, parameters, inputs = network(sizes, activation, rows)
    slopes, free_slopes = drawn(S, rows, sizes[-1], seed=2), drawn(S, 1, 2, seed=3)

    def gradient(outputs, leaf):
        weighted = (outputs.values * slopes).sum() + (outputs.free * free_slopes).sum()
        return torch.autograd.grad(weighted, leaf)[0]

    single, double = parameters.clone().requires_grad_(), parameters.double().requires_grad_()
    outputs, definition = made(single, inputs), in_double(made, double, inputs)
    for found, expected in zip(outputs, definition, strict=True):
        torch.testing.assert_close(found.double(), expected, atol=2e-5, rtol=1e-5)
    found, expected = gradient(outputs, single).double(), gradient(definition, double)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        for found, expected in zip(made(single, inputs), outputs, strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", SHAPES)
def test_the_linearisation_is_the_definitions(sizes, activation):
    made, parameters, inputs = network(sizes, activation, 70)
    vectors, slopes, free_slopes = (
        drawn(S, made.width, seed=4),
        drawn(S, 70, sizes[-1], seed=5),
        drawn(S, 1, 2, seed=6),
    )
    single = made.linearise(parameters, inputs)
    double = made.linearise(parameters.double(), inputs.double())
    for found, expected in zip(single.push(vectors), double.push(vectors.double()), strict=True):
        torch.testing.assert_close(found.double(), expected, atol=1e-3, rtol=1e-4)
    found = single.pull(slopes, free_slopes).double()
    torch.testing.assert_close(
        found, double.pull(slopes.double(), free_slopes.double()), atol=1e-3, rtol=1e-4
    )


def test_a_pushed_vector_is_how_fast_the_outputs_change():
    made, parameters, inputs = network((5, 16, 16, 3), "tanh", 20)
    parameters, inputs = parameters.double(), inputs.double()
    vectors, step = drawn(S, made.width, seed=4).double(), 1e-6
    moved, free = made.linearise(parameters, inputs).push(vectors)
    after, before = (made.by_definition(parameters + way * step * vectors, inputs) for way in (1, -1))
    torch.testing.assert_close(moved, (after.values - before.values) / (2 * step), atol=1e-7, rtol=1e-7)
    torch.testing.assert_close(free, made.free_of(vectors))


@pytest.mark.parametrize("sizes", SHAPES)
def test_a_replicas_bits_do_not_depend_on_the_others(sizes):
    made, parameters, inputs = network(sizes, "tanh", 65)
    slopes = drawn(S, 65, sizes[-1], seed=2)

    def results(block):
        leaf = parameters[block].clone().requires_grad_()
        outputs, free = made(leaf, inputs[block])
        ((outputs * slopes[block]).sum() + free.sum()).backward()
        linear = made.linearise(leaf.detach(), inputs[block])
        moved, _ = linear.push(drawn(S, made.width, seed=4)[block])
        return outputs.detach(), leaf.grad, moved, linear.pull(slopes[block], free.detach())

    together = results(slice(0, S))
    for s in range(S):
        for one, all_of_them in zip(results(slice(s, s + 1)), together, strict=True):
            assert torch.equal(one[0], all_of_them[s])


def test_a_rows_bits_do_not_depend_on_the_rows_beside_it():
    """The ratio of new and old probabilities is exactly 1 before the first step, whatever the minibatch."""
    made, parameters, inputs = network((5, 16, 16, 3), "tanh", 200)
    whole, _ = made(parameters, inputs)
    for rows in (slice(0, 1), slice(3, 4), slice(10, 17), slice(50, 150)):
        assert torch.equal(made(parameters, inputs[:, rows])[0], whole[:, rows])


@pytest.mark.parametrize("units", [64, 256, 512])
@pytest.mark.parametrize("outputs", [1, 6, 17])
def test_a_rows_bits_do_not_depend_on_the_block_or_the_minibatch(units, outputs):
    """Whatever the width, the number of replicas and the number of rows, odd ones among them."""
    made = Perceptron((17, units, units, outputs), "tanh")
    parameters, inputs, vectors = (
        drawn(10, made.width),
        drawn(10, 131, 17, seed=1),
        drawn(10, made.width, seed=2),
    )
    whole, _ = made(parameters, inputs)
    moved, _ = made.linearise(parameters, inputs).push(vectors)
    for replicas in (slice(0, 1), slice(4, 7), slice(0, 10)):
        for rows in (slice(0, 1), slice(63, 66), slice(5, 130), slice(0, 131)):
            part = parameters[replicas], inputs[replicas, rows]
            assert torch.equal(made(*part)[0], whole[replicas, rows])
            assert torch.equal(made.linearise(*part).push(vectors[replicas])[0], moved[replicas, rows])


@pytest.mark.parametrize("units", [64, 256, 512])
def test_wide_networks_are_the_definitions(units):
    made, parameters, inputs = network((17, units, units, 6), "tanh", 70)
    parameters = 0.1 * parameters
    slopes, free_slopes, vectors = (
        drawn(S, 70, 6, seed=5),
        drawn(S, 1, 2, seed=6),
        drawn(S, made.width, seed=4),
    )
    single = made.linearise(parameters, inputs)
    double = made.linearise(parameters.double(), inputs.double())
    pairs = [
        (single.outputs.values, double.outputs.values),
        (single.push(vectors).values, double.push(vectors.double()).values),
        (single.pull(slopes, free_slopes), double.pull(slopes.double(), free_slopes.double())),
    ]
    for found, expected in pairs:
        error = (found.double() - expected).norm() / expected.norm()
        assert error < 1e-5


def test_several_networks_at_once_are_each_alone():
    made, parameters, inputs = network((5, 16, 3), "tanh", 20)
    other, others, _ = network((5, 8, 1), "relu", 20, free=0)
    leaves = [parameters.requires_grad_(), others.requires_grad_()]
    together = evaluate((made, other), leaves, inputs)
    apart = [made(leaves[0], inputs), other(leaves[1], inputs)]

    def gradients(outputs):
        loss = sum((each.values.square().sum() + each.free.sum()) for each in outputs)
        return torch.autograd.grad(loss, leaves)

    for found, expected in zip(gradients(together), gradients(apart), strict=True):
        assert torch.equal(found, expected)


def test_the_hyperbolic_tangent_is_that_of_numpy():
    values = np.linspace(-20.0, 20.0, 400_001, dtype=np.float32)[None]
    found = values.copy()
    kernels._tanh(found)
    assert np.abs(found - np.tanh(values.astype(np.float64))).max() < 4e-7
    assert (np.abs(found) <= 1.0).all()
    special = np.array([[0.0, np.inf, -np.inf, np.nan]], dtype=np.float32)
    kernels._tanh(special)
    np.testing.assert_array_equal(special, np.array([[0.0, 1.0, -1.0, np.nan]], dtype=np.float32))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(5, 16, 16, 3), (5, 3)])
def test_what_is_not_a_number_stays_with_its_replica(sizes, activation):
    made, parameters, inputs = network(sizes, activation, 20)
    parameters[1, 0] = torch.nan
    leaf = parameters.requires_grad_()
    outputs, _ = made(leaf, inputs)
    outputs.square().sum().backward()
    assert outputs[1].isnan().any()
    assert leaf.grad[1].isnan().any()
    for s in (0, 2):
        assert outputs[s].isfinite().all()
        assert leaf.grad[s].isfinite().all()


def test_inputs_have_a_gradient_where_it_is_asked_for():
    made, parameters, inputs = network((5, 16, 3), "tanh", 20)
    leaf = inputs.clone().requires_grad_()
    made(parameters, leaf)[0].sum().backward()
    assert leaf.grad.abs().sum() > 0.0


@pytest.mark.parametrize(("replicas", "size"), [(S, 4), (S + 1, 5), (1, 5)])
def test_shapes_of_another_network_are_refused(replicas, size):
    made, parameters, _ = network((5, 16, 3), "tanh", 20)
    with pytest.raises(ValueError, match=r"a network of \(5, 16, 3\) has rows of \d+"):
        made(parameters, torch.zeros(replicas, 20, size))
