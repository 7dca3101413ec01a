"""Cells that are resampled together against each of them alone."""

import numpy as np
import pytest

from pgbench.analysis import statistics, summaries


@pytest.mark.parametrize(
    ("statistic", "sizes"),
    [
        (statistics.interquartile_mean, [(10,)] * 23 + [(9,), (1,), (0,), (40,), (40,), (10,)]),
        (statistics.probability_of_improvement, [(10, 10)] * 12 + [(10, 9), (0, 5), (1, 3), (10, 9)]),
        (statistics.probability_of_improvement, [(5, 5, 4, 5)] * 3),
    ],
)
def test_cells_have_the_same_bits_together_as_alone(statistic, sizes):
    rng = np.random.default_rng(1)
    cells = [[rng.standard_normal(size) for size in cell] for cell in sizes]
    together = summaries.bootstrapped(statistic, cells)
    for cell, found in zip(cells, together, strict=True):
        if all(map(len, cell)):
            alone = statistics.bootstrap(statistic, cell, np.random.default_rng(0))
        else:
            alone = (np.nan, np.nan, np.nan)
        np.testing.assert_array_equal(found, alone)
