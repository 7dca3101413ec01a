import torch

from pgbench.functional.objectives import adapt_beta


def test_beta_follows_the_papers_rule_in_each_replica():
    target = 0.01
    kl = torch.tensor([0.0, 0.0066, 0.0067, 0.01, 0.0149, 0.0151, 1.0])
    beta = torch.tensor([1.0, 4.0, 3.0, 1.0, 3.0, 0.5, 1.0])
    assert adapt_beta(beta, kl, target).tolist() == [0.5, 2.0, 3.0, 1.0, 3.0, 1.0, 2.0]


def test_the_bounds_themselves_change_nothing():
    beta = torch.ones(2, dtype=torch.float64)
    kl = torch.tensor([0.03 / 1.5, 0.03 * 1.5], dtype=torch.float64)
    assert torch.equal(adapt_beta(beta, kl, 0.03), beta)


def test_halving_undoes_doubling_to_the_bit():
    beta = torch.rand(5, generator=torch.Generator().manual_seed(0))
    up = adapt_beta(beta, torch.full((5,), 1.0), 0.01)
    assert torch.equal(adapt_beta(up, torch.zeros(5), 0.01), beta)


def test_an_unknown_divergence_keeps_beta():
    assert adapt_beta(torch.tensor([3.0]), torch.tensor([torch.nan]), 0.01).tolist() == [3.0]
