import pytest
import torch

from pgbench.networks.adam import adam_step
from pgbench.networks.optimiser_state import OptimiserState

S, P = 3, 32


def start():
    parameters = torch.randn(S, P, generator=torch.Generator().manual_seed(0))
    return parameters, OptimiserState.zeros_like(parameters)


def gradients(count):
    return torch.randn(count, S, P, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_it_is_torchs_adam(epsilon):
    parameters, state = start()
    reference = parameters.clone().requires_grad_()
    optimiser = torch.optim.Adam([reference], lr=0.01, eps=epsilon)
    for gradient in gradients(20):
        adam_step(
            parameters,
            gradient,
            state,
            torch.full((S,), 0.01, dtype=torch.float64),
            epsilon,
            torch.ones(S, dtype=torch.bool),
        )
        reference.grad = gradient
        optimiser.step()
    torch.testing.assert_close(parameters, reference.detach(), atol=1e-6, rtol=1e-6)


def test_each_replica_has_its_own_step_size():
    parameters, state = start()
    before = parameters.clone()
    rates = torch.tensor([0.0, 0.01, 0.02], dtype=torch.float64)
    adam_step(parameters, gradients(1)[0], state, rates, 1e-8, torch.ones(S, dtype=torch.bool))
    moved = (parameters - before).abs().mean(1)
    assert moved.tolist() == pytest.approx(rates.tolist(), abs=1e-6)


def test_an_inactive_replica_keeps_every_bit_and_the_others_do_not_notice():
    rates, everyone = torch.full((S,), 0.01, dtype=torch.float64), torch.ones(S, dtype=torch.bool)
    masked, masked_state = start()
    free, free_state = start()
    some = torch.tensor([True, False, True])
    first = masked[1].clone()
    for gradient in gradients(5):
        poisoned = gradient.clone()
        poisoned[1] = torch.nan
        adam_step(masked, poisoned, masked_state, rates, 1e-8, some)
        adam_step(free, gradient, free_state, rates, 1e-8, everyone)
    assert torch.equal(masked[1], first)
    assert masked_state.count.tolist() == [5, 0, 5]
    assert torch.equal(masked[some], free[some])


def test_a_scaled_gradient_is_one_that_was_multiplied_before():
    scale, rates = torch.tensor([1.0, 0.5, 0.0]), torch.full((S,), 0.01, dtype=torch.float64)
    everyone = torch.ones(S, dtype=torch.bool)
    scaled, scaled_state = start()
    multiplied, multiplied_state = start()
    for gradient in gradients(3):
        adam_step(scaled, gradient, scaled_state, rates, 1e-8, everyone, scale=scale)
        adam_step(multiplied, gradient * scale.unsqueeze(1), multiplied_state, rates, 1e-8, everyone)
    assert torch.equal(scaled, multiplied)
    assert torch.equal(scaled_state.square, multiplied_state.square)
