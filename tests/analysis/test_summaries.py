"""Samples that are resampled together against each of them alone."""

import numpy as np

from pgbench.analysis import statistics, summaries


def test_samples_have_the_same_bits_together_as_alone():
    rng = np.random.default_rng(1)
    samples = [rng.standard_normal(size) for size in [10] * 60 + [9, 1, 0, 4, 5, 40, 40, 10]]
    for sample, found in zip(samples, summaries.interquartile_means(samples), strict=True):
        alone = (np.nan, np.nan, np.nan)
        if len(sample) >= 5:
            alone = statistics.bootstrap(statistics.interquartile_mean, [sample], np.random.default_rng(0))
        np.testing.assert_array_equal(found, alone)
