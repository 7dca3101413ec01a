import pytest
import torch

from pgbench.networks.rows import finite_rows, row_norms

S = 3


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_norms_are_those_of_the_parts_side_by_side(kind):
    parts = [
        torch.randn(S, width, generator=torch.Generator().manual_seed(width)).to(kind) for width in (5, 64)
    ]
    torch.testing.assert_close(row_norms(parts), torch.cat(parts, 1).norm(dim=1))


def test_the_norm_of_a_gradient_whose_square_overflows_is_no_infinity():
    rows = torch.ones(3, 16)
    rows[0], rows[1, 3] = 1e25, torch.inf
    assert row_norms([rows, rows]).tolist() == pytest.approx([32**0.5 * 1e25, torch.inf, 32**0.5])


def test_a_row_is_finite_if_every_number_is():
    rows = torch.full((5, 33), 3e38)
    for row, value in zip(rows[1:], (torch.inf, -torch.inf, torch.nan, 0.0), strict=True):
        row[20] = value
    assert finite_rows(rows).tolist() == rows.isfinite().all(1).tolist() == [True, False, False, False, True]
