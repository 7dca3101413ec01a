"""Gradient ascent and RMSProp with replicas in rows, against torch's and against their definitions."""

import numpy as np
import pytest
import torch

from pgbench.networks.first_order import ascent_step, rmsprop_step
from pgbench.networks.optimiser_state import OptimiserState

S, P, STEPS = 3, 32, 300
RATE = torch.full((S,), 0.01, dtype=torch.float64)
EVERYONE = torch.ones(S, dtype=torch.bool)


def ascent(momentum):
    return lambda *args, **more: ascent_step(*args[:4], momentum, *args[4:], **more)


def rmsprop(epsilon, under_root):
    return lambda *args, **more: rmsprop_step(*args[:4], 0.99, epsilon, under_root, *args[4:], **more)


RULES = {
    "plain": ascent(0.0),
    "heavy ball": ascent(0.9),
    "RMSProp, ε under the root": rmsprop(1e-5, True),
    "RMSProp, ε beside the root": rmsprop(1e-5, False),
}


def start(dtype=torch.float32):
    parameters = torch.randn(S, P, generator=torch.Generator().manual_seed(0)).to(dtype)
    return parameters, OptimiserState.zeros_like(parameters)


def gradients(count, dtype=torch.float32):
    return torch.randn(count, S, P, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize(
    ("rule", "torchs"),
    [
        (ascent(0.0), lambda row: torch.optim.SGD([row], lr=0.01)),
        (ascent(0.9), lambda row: torch.optim.SGD([row], lr=0.01, momentum=0.9)),
        (rmsprop(1e-3, False), lambda row: torch.optim.RMSprop([row], lr=0.01, alpha=0.99, eps=1e-3)),
        (rmsprop(1e-5, False), lambda row: torch.optim.RMSprop([row], lr=0.01, alpha=0.99, eps=1e-5)),
    ],
    ids=["plain", "heavy ball", "RMSProp, ε = 1e-3", "RMSProp, ε = 1e-5"],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_they_are_torchs_over_hundreds_of_steps(rule, torchs, dtype, tolerance):
    parameters, state = start(dtype)
    reference = parameters.clone().requires_grad_()
    optimiser = torchs(reference)
    for gradient in gradients(STEPS, dtype):
        rule(parameters, gradient, state, RATE, EVERYONE)
        reference.grad = gradient.clone()
        optimiser.step()
    torch.testing.assert_close(parameters, reference.detach(), atol=tolerance, rtol=tolerance)
    assert state.count.tolist() == [STEPS] * S


def test_epsilon_under_the_root_is_a3cs_formula():
    """θ ← θ − α g / √(v + ε), Mnih et al. 2016; with a large ε the two forms are far apart."""
    found = {}
    for under_root in (True, False):
        parameters, state = start(torch.float64)
        expected, v = parameters.numpy().copy(), np.zeros((S, P))
        for gradient in gradients(STEPS, torch.float64):
            rmsprop(0.5, under_root)(parameters, gradient, state, RATE, EVERYONE)
            g = gradient.numpy()
            v = 0.99 * v + 0.01 * g**2
            expected -= 0.01 * g / (np.sqrt(v + 0.5) if under_root else np.sqrt(v) + 0.5)
        np.testing.assert_allclose(parameters.numpy(), expected, rtol=1e-12, atol=1e-12)
        found[under_root] = parameters
    assert (found[True] - found[False]).abs().max() > 1e-2


def test_a_heavy_ball_is_polyaks():
    """θ(t+1) = θ(t) − α g + μ (θ(t) − θ(t−1)), which a velocity writes differently."""
    parameters, state = start(torch.float64)
    before = present = parameters.clone()
    for gradient in gradients(STEPS, torch.float64):
        ascent(0.9)(parameters, gradient, state, RATE, EVERYONE)
        before, present = present, present - 0.01 * gradient + 0.9 * (present - before)
    torch.testing.assert_close(parameters, present, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("name", RULES)
def test_each_replica_has_its_own_step_size(name):
    parameters, state = start()
    before = parameters.clone()
    rates = torch.tensor([0.0, 0.01, 0.02], dtype=torch.float64)
    RULES[name](parameters, gradients(1)[0].sign(), state, rates, EVERYONE)
    moved = (parameters - before).abs().mean(1)
    assert (moved / moved[1]).tolist() == pytest.approx([0.0, 1.0, 2.0], abs=1e-4)


@pytest.mark.parametrize("name", RULES)
def test_an_inactive_replica_keeps_every_bit_and_the_others_do_not_notice(name):
    masked, masked_state = start()
    free, free_state = start()
    some = torch.tensor([True, False, True])
    first = masked[1].clone()
    for gradient in gradients(5):
        poisoned = gradient.clone()
        poisoned[1] = torch.nan
        RULES[name](masked, poisoned, masked_state, RATE, some)
        RULES[name](free, gradient, free_state, RATE, EVERYONE)
    assert torch.equal(masked[1], first)
    assert masked_state.count.tolist() == [5, 0, 5]
    assert torch.equal(masked[some], free[some])


@pytest.mark.parametrize("name", RULES)
def test_a_scaled_gradient_is_one_that_was_multiplied_before(name):
    scale = torch.tensor([1.0, 0.5, 0.25])
    scaled, scaled_state = start()
    multiplied, multiplied_state = start()
    for gradient in gradients(3):
        RULES[name](scaled, gradient, scaled_state, RATE, EVERYONE, scale=scale)
        RULES[name](multiplied, gradient * scale.unsqueeze(1), multiplied_state, RATE, EVERYONE)
    assert torch.equal(scaled, multiplied)
    assert torch.equal(scaled_state.square, multiplied_state.square)
    assert torch.equal(scaled_state.mean, multiplied_state.mean)
