"""A step size that follows the divergence, by cases."""

import math

import pytest
import torch

from pgbench.functional.schedules import adapt_step_size

BOUNDS = (1e-5, 1e-2)


def naive(rate, kl):
    if kl > 1.5 * 0.01:
        rate = rate / 2.0
    elif kl < 0.01 / 1.5:
        rate = rate * 2.0
    return min(max(rate, BOUNDS[0]), BOUNDS[1])


def adapt(rates, divergences):
    return adapt_step_size(rates.double(), divergences.double(), 0.01, 1.5, 2.0, *BOUNDS)


def test_it_rises_and_falls_at_the_edges_of_the_band():
    divergences = torch.tensor([0.0, 0.006, 0.0067, 0.01, 0.0149, 0.0151, 1.0, 1e30, math.inf])
    found = adapt(torch.full((9,), 3e-4), divergences).tolist()
    assert found == pytest.approx([naive(float(torch.tensor(3e-4)), kl) for kl in divergences.tolist()])
    assert sorted({round(rate / found[3], 6) for rate in found}) == [0.5, 1.0, 2.0]


def test_a_divergence_that_is_not_a_number_leaves_it():
    assert adapt(torch.tensor([3e-4]), torch.tensor([math.nan])).item() == pytest.approx(3e-4)


@pytest.mark.parametrize("divergence", [0.0, -1e-9, 1.0, math.inf])
def test_no_run_of_divergences_is_a_trap(divergence):
    """However long it rises or falls, a few updates of the other kind bring it back; so does rounding below 0."""
    rate = torch.tensor([3e-4])
    for _ in range(2000):
        rate = adapt(rate, torch.tensor([divergence]))
    assert BOUNDS[0] <= rate.item() <= BOUNDS[1]
    for _ in range(20):
        rate = adapt(rate, torch.tensor([1.0 if divergence < 0.01 else 0.0]))
    assert rate.item() == pytest.approx(BOUNDS[0] if divergence < 0.01 else BOUNDS[1])
