"""Values in another unit, and the output layer that does not notice."""

import torch

from pgbench.functional.rescaling import Unit, preserving_outputs


def test_the_two_directions_are_inverse():
    unit = Unit(torch.tensor([[3.0], [-2.0]]).double(), torch.tensor([[0.1], [7.0]], dtype=torch.float64))
    values = torch.randn(2, 5, dtype=torch.float64)
    torch.testing.assert_close(unit.real(unit.outputs(values)), values)
    assert unit.real(torch.tensor([[10.0], [2.0]])).flatten().tolist() == [4.0, 12.0]


def test_a_rescaled_layer_gives_the_same_values():
    """By the definition: V = μ + σ (x W + b) before and after."""
    torch.manual_seed(0)
    features, weight, bias = torch.randn(9, 4), torch.randn(4, 3), torch.randn(1, 3)
    before, after = (Unit(torch.tensor(m), torch.tensor(d)) for m, d in ((5.0, 0.3), (-40.0, 25.0)))
    new_weight, new_bias = preserving_outputs(weight, bias, before, after)
    values = before.real(features @ weight + bias)
    torch.testing.assert_close(after.real(features @ new_weight + new_bias), values, rtol=1e-5, atol=1e-5)
    assert (new_weight - weight).abs().min() > 0.0


def test_units_that_did_not_move_change_no_bit():
    weight, bias = torch.randn(4, 3), torch.randn(1, 3)
    unit = Unit(torch.tensor(0.1), torch.tensor(0.7))
    new_weight, new_bias = preserving_outputs(weight, bias, unit, unit)
    assert torch.equal(new_weight, weight)
    assert torch.equal(new_bias, bias)
