import pytest
import torch

from pgbench.functional.moments import average, explained_variance, signal_to_noise, standardise


@pytest.fixture
def values():
    return 5.0 + 3.0 * torch.randn(4, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def weights():
    return torch.rand(4, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_average_is_the_weighted_mean(values, weights):
    torch.testing.assert_close(average(values, weights), (values * weights).sum(1) / weights.sum(1))


def test_trailing_zero_weights_change_no_bit(values, weights):
    padded = torch.cat([values, torch.randn(4, 300)], 1).float()
    zeros = torch.cat([weights, torch.zeros(4, 300)], 1).float()
    assert torch.equal(average(padded, zeros), average(values.float(), weights.float()))


def test_standardised_values_have_mean_zero_and_variance_one(values):
    result = standardise(values, torch.full_like(values, 1 / 64))
    torch.testing.assert_close(result.mean(1), torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(result.var(1, correction=0), torch.ones(4, dtype=torch.float64))


def test_a_constant_row_stays_finite():
    assert standardise(torch.full((1, 8), 3.0), torch.ones(1, 8)).tolist() == [[0.0] * 8]


def test_entries_without_weight_have_no_part_and_a_row_of_them_is_zero():
    values = torch.tensor([[1.0, 3.0, 99.0], [5.0, 6.0, 7.0]])
    counts = torch.tensor([[True, True, False], [False, False, False]])
    result = standardise(values, counts)
    torch.testing.assert_close(result[0, :2], torch.tensor([-1.0, 1.0]))
    assert result[1].tolist() == [0.0] * 3


def test_explained_variance_of_perfect_constant_and_opposite_critics(values):
    weights = torch.ones_like(values)
    constant = torch.full_like(values, 7.0)
    opposite = 2 * values.mean(1, keepdim=True) - values
    for critic, expected in ((values, 1.0), (constant, 0.0), (opposite, -3.0)):
        torch.testing.assert_close(
            explained_variance(critic, values, weights), torch.full((4,), expected, dtype=torch.float64)
        )


def test_signal_and_noise_are_estimated_without_bias():
    """Of many sets of parts of a known mean and covariance, numerator and denominator have the right means."""
    generator, parts = torch.Generator().manual_seed(2), 5
    mean, scale = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([1.0, 3.0, 0.5]).double()
    draws = mean + scale * torch.randn(parts, 200_000, 3, generator=generator, dtype=torch.float64)
    ratios = signal_to_noise(draws)
    naive = draws[:, 7].mean(0)
    covariance = sum((part - naive).outer(part - naive) for part in draws[:, 7]) / (parts - 1) / parts
    expected = (naive @ naive - covariance.trace()) / covariance.trace()
    torch.testing.assert_close(ratios[7], expected)
    noise = draws.var(0).sum(-1) / parts
    torch.testing.assert_close((ratios * noise).mean(), mean @ mean, rtol=0.01, atol=0.0)
    torch.testing.assert_close(noise.mean(), (scale @ scale) / parts, rtol=0.01, atol=0.0)


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2, 1, 1, 1, 1), (3, 3, 3, 3, 2, 2, 2, 2), (64, 36), (5, 0, 1)])
def test_estimates_of_different_sizes_give_signal_and_noise_without_bias(sizes):
    """The audit's cases: 12 and 20 environments in 8 parts, 100 steps in stretches of 64; and a part of nothing."""
    generator, sets = torch.Generator().manual_seed(3), 40_000
    mean, scale = torch.tensor([1.0, -2.0]).double(), torch.tensor([1.0, 2.0]).double()
    total = sum(sizes)
    draws = [torch.randn(n, sets, 2, generator=generator, dtype=torch.float64) for n in sizes]
    parts = torch.stack([mean + scale * (own.mean(0) if len(own) else torch.zeros(sets, 2)) for own in draws])
    counts = torch.tensor(sizes, dtype=torch.float64).unsqueeze(1).expand(-1, sets)
    ratios = signal_to_noise(parts, counts)
    overall = sum(n * part for n, part in zip(sizes, parts, strict=True)) / total
    # Ratio and noise belong together: their product is the signal, and ‖ḡ‖² less the signal is the noise.
    noise = overall.square().sum(-1) / (ratios + 1.0)
    expected = (scale @ scale) / total
    torch.testing.assert_close(noise.mean(), expected, rtol=0.02, atol=0.0)
    torch.testing.assert_close((ratios * noise).mean(), mean @ mean, rtol=0.02, atol=0.0)


def test_parts_of_one_size_are_what_they_are_without_a_size():
    parts = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(4))
    assert torch.equal(signal_to_noise(parts, torch.full((5, 3), 7.0)), signal_to_noise(parts))


def test_parts_that_agree_have_no_noise_and_parts_of_nothing_no_signal():
    assert signal_to_noise(torch.ones(4, 2, 3)).tolist() == [float("inf")] * 2
    assert signal_to_noise(torch.zeros(4, 2, 3)).isnan().all()
    assert signal_to_noise(torch.ones(4, 1, 3), torch.tensor([[9.0], [0.0], [0.0], [0.0]])).isnan().all()
