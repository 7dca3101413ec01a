"""V-trace against the sums that define it, and what it is where no ratio has moved."""

import itertools

import pytest
import torch

from pgbench.functional import returns
from pgbench.functional.ratios import v_trace, v_trace_advantages

T, B = 24, (3, 2)
GAMMA = 0.9
BOUNDS = [(1.0, 1.0), (1.3, 1.1), (1e9, 1e9), (1e9, 1.0)]


@pytest.fixture(params=range(3))
def data(request):
    generator = torch.Generator().manual_seed(request.param)
    draw = lambda: torch.randn(T, *B, dtype=torch.float64, generator=generator)  # noqa: E731
    return {
        "rewards": draw(),
        "values": draw(),
        "next_values": draw(),
        "ratios": (0.5 * draw()).exp(),
        "terminated": torch.rand(T, *B, generator=generator) < 0.1,
        "truncated": torch.rand(T, *B, generator=generator) < 0.1,
    }


def computed(data, rho_max, c_max):
    """Corrections of the values, and advantages."""
    flags = data["terminated"], data["truncated"]
    errors = returns.td_errors(
        data["rewards"], data["values"], data["next_values"], data["terminated"], GAMMA
    )
    ended = flags[0] | flags[1]
    corrections = v_trace(errors, data["ratios"], ended, GAMMA, rho_max, c_max)
    return corrections, v_trace_advantages(errors, corrections, ended, GAMMA)


def by_definition(data, t, b, rho_max, c_max):
    """v_t − V(s_t), by the sum over the steps that follow."""
    total, weight = 0.0, 1.0
    for k in range(t, T):
        each = {name: column[(k, *b)].item() for name, column in data.items()}
        following = 0.0 if each["terminated"] else each["next_values"]
        error = each["rewards"] + GAMMA * following - each["values"]
        total += weight * min(each["ratios"], rho_max) * error
        weight *= GAMMA * min(each["ratios"], c_max)
        if each["terminated"] or each["truncated"]:
            break
    return total


@pytest.mark.parametrize("bounds", BOUNDS)
def test_v_trace_is_the_papers_sum(data, bounds):
    corrections, _ = computed(data, *bounds)
    for b in itertools.product(range(B[0]), range(B[1])):
        for t in range(T):
            assert corrections[(t, *b)].item() == pytest.approx(by_definition(data, t, b, *bounds), rel=1e-9)


@pytest.mark.parametrize("bounds", BOUNDS)
def test_an_advantage_looks_one_step_ahead_at_the_corrected_value(data, bounds):
    _, advantages = computed(data, *bounds)
    for b in itertools.product(range(B[0]), range(B[1])):
        for t in range(T):
            each = {name: column[(t, *b)].item() for name, column in data.items()}
            following = 0.0 if each["terminated"] else each["next_values"]
            if not (each["terminated"] or each["truncated"] or t == T - 1):
                following += by_definition(data, t + 1, b, *bounds)
            expected = each["rewards"] + GAMMA * following - each["values"]
            assert advantages[(t, *b)].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.5)])
def test_where_no_ratio_has_moved_both_are_gae_with_lambda_1(data, bounds):
    data = data | {"ratios": torch.ones(T, *B, dtype=torch.float64)}
    flags = data["terminated"], data["truncated"]
    whole = returns.gae(data["rewards"], data["values"], data["next_values"], *flags, GAMMA, 1.0)
    for found in computed(data, *bounds):
        torch.testing.assert_close(found, whole)
