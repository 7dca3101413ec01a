"""Multilayer perceptrons over the replica axis, forward and backward, compiled.

Parameters are a row `[P]` a replica: weights `[I, O]` and biases `[O]` of each layer in turn, then free parameters
that no layer uses. Replica after replica and `ROWS` transitions at a time pass through all layers, so that what is
between two layers stays in the processor's nearest memory. Every entry of a product is one chain of fused
multiplications and additions in a fixed order: it does not depend on the other replicas or on where its row stands.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgbench.base.compiled import compiled

Floats = NDArray[np.floating[Any]]
ROWS = 64
NARROW = 8  # columns that fill a vector of the processor


def lambert(terms: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Coefficients of tanh x ≈ x p(x²) / q(x²): Lambert's x / (1 + x² / (3 + x² / (5 + …))), cut off."""
    numerator, denominator = [2 * terms - 1], [1]
    for odd in range(2 * terms - 3, 0, -2):
        longer = [odd * c for c in numerator] + [0] * (len(denominator) + 1 - len(numerator))
        for power, c in enumerate(denominator, start=1):
            longer[power] += c
        numerator, denominator = longer, numerator
    first = numerator[0]
    return tuple(c / first for c in denominator), tuple(c / first for c in numerator)


P, Q = (tuple(np.float32(c) for c in side) for side in lambert(13))
LIMIT = np.float32(9.0)  # where tanh x is 1 to single precision


@compiled
def _tanh(values: Floats) -> None:
    """Each value `[N, O]` by its hyperbolic tangent, to 3e-7."""
    flat = values.reshape(-1)
    for i in range(flat.size):
        x = min(max(flat[i], -LIMIT), LIMIT)
        z = x * x
        p, q = P[6], Q[6]
        for power in (5, 4, 3, 2, 1, 0):
            p = p * z + P[power]
            q = q * z + Q[power]
        flat[i] = min(max(x * p / q, np.float32(-1.0)), np.float32(1.0))


@compiled
def _add_product(out: Floats, a: Floats, b: Floats) -> None:
    """`out` `[M, N]` += a b, of a `[M, K]` and b `[K, N]`: two rows by four terms at a time."""
    rows, terms = a.shape
    columns = b.shape[1]
    for i in range(0, rows - rows % 2, 2):
        for k in range(0, terms - terms % 4, 4):
            a0, a1, a2, a3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            c0, c1, c2, c3 = a[i + 1, k], a[i + 1, k + 1], a[i + 1, k + 2], a[i + 1, k + 3]
            for j in range(columns):
                b0, b1, b2, b3 = b[k, j], b[k + 1, j], b[k + 2, j], b[k + 3, j]
                out[i, j] = (((out[i, j] + a0 * b0) + a1 * b1) + a2 * b2) + a3 * b3
                out[i + 1, j] = (((out[i + 1, j] + c0 * b0) + c1 * b1) + c2 * b2) + c3 * b3
        for k in range(terms - terms % 4, terms):
            for j in range(columns):
                out[i, j] += a[i, k] * b[k, j]
                out[i + 1, j] += a[i + 1, k] * b[k, j]
    if rows % 2:
        i = rows - 1
        for k in range(0, terms - terms % 4, 4):
            a0, a1, a2, a3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            for j in range(columns):
                out[i, j] = (((out[i, j] + a0 * b[k, j]) + a1 * b[k + 1, j]) + a2 * b[k + 2, j]) + a3 * b[
                    k + 3, j
                ]
        for k in range(terms - terms % 4, terms):
            for j in range(columns):
                out[i, j] += a[i, k] * b[k, j]


@partial(compiled, reordered=True)
def _dot(a: Floats, b: Floats) -> np.floating[Any]:
    """Σ_k a_k b_k of two vectors, in as many partial sums as a vector holds: the same for one length."""
    total: np.floating[Any] = a[0] * b[0]
    for k in range(1, len(a)):
        total += a[k] * b[k]
    return total


@compiled
def _activate(values: Floats, tanh: bool) -> None:
    """The activation of each value `[N, O]`."""
    if tanh:
        _tanh(values)
    else:
        flat = values.reshape(-1)
        for i in range(flat.size):
            flat[i] = max(flat[i], np.float32(0.0))


@compiled
def _through_activation(slopes: Floats, values: Floats, tanh: bool) -> None:
    """Slopes `[N, O]` times the derivative where the activation has these values: 1 − y², or 1 or 0."""
    flat, activated = slopes.reshape(-1), values.reshape(-1)
    if tanh:
        for i in range(flat.size):
            flat[i] *= np.float32(1.0) - activated[i] * activated[i]
    else:
        for i in range(flat.size):
            flat[i] = flat[i] if activated[i] > 0 else np.float32(0.0)


@compiled
def _layer(row: Floats, start: int, inputs: int, outputs: int) -> tuple[Floats, Floats]:
    """Weights `[I, O]` and biases `[O]` that begin at a place in a row."""
    end = start + inputs * outputs
    return row[start:end].reshape(inputs, outputs), row[end : end + outputs]


@compiled
def _affine(out: Floats, inputs: Floats, weight: Floats, bias: Floats) -> None:
    """`out` `[N, O]` = inputs weight + bias."""
    if len(bias) < NARROW:
        transposed = weight.T.copy()
        for i in range(len(inputs)):
            for j in range(len(bias)):
                out[i, j] = bias[j] + _dot(inputs[i], transposed[j])
    else:
        for i in range(len(inputs)):
            out[i] = bias
        _add_product(out, inputs, weight)


@compiled
def _affine_gradient(weight: Floats, bias: Floats, inputs: Floats, slopes: Floats) -> None:
    """Add to gradients of weight and bias what slopes `[N, O]` of the outputs make of them."""
    for i in range(len(slopes)):
        for j in range(len(bias)):
            bias[j] += slopes[i, j]
    if len(bias) < NARROW:
        transposed = np.zeros((len(bias), inputs.shape[1]), weight.dtype)
        _add_product(transposed, slopes.T, inputs)
        for j in range(len(bias)):
            for i in range(len(weight)):
                weight[i, j] += transposed[j, i]
    else:
        _add_product(weight, inputs.T, slopes)


@compiled
def forward(
    sizes: NDArray[np.int64], tanh: bool, parameters: Floats, inputs: Floats, hidden: Floats, outputs: Floats
) -> None:
    """Outputs of each replica's perceptron, and what its hidden layers were, for `backward`.

    Args:
        sizes: units of input, hidden and output layers.
        tanh: whether hidden units are tanh x, else max(x, 0).
        parameters: `[S, P]`; this and all other arrays contiguous, so that one compilation fits.
        inputs: `[S, N, I]`.
        hidden: `[S, N · H]`, H hidden units in all, written layer by layer.
        outputs: `[S, N, O]`, written.
    """
    count, last = inputs.shape[1], len(sizes) - 2
    for replica in range(len(parameters)):
        for first in range(0, count, ROWS):
            here = slice(first, min(first + ROWS, count))
            below = inputs[replica, here]
            start = filled = 0
            for layer in range(last):
                weight, bias = _layer(parameters[replica], start, sizes[layer], sizes[layer + 1])
                above = _slab(hidden[replica], filled, count, sizes[layer + 1])[here]
                _affine(above, below, weight, bias)
                _activate(above, tanh)
                start += weight.size + bias.size
                filled += count * len(bias)
                below = above
            weight, bias = _layer(parameters[replica], start, sizes[last], sizes[last + 1])
            _affine(outputs[replica, here], below, weight, bias)


@compiled
def _slab(hidden: Floats, filled: int, count: int, units: int) -> Floats:
    """A hidden layer `[N, O]` of a replica."""
    return hidden[filled : filled + count * units].reshape(count, units)


@compiled
def backward(
    sizes: NDArray[np.int64],
    tanh: bool,
    parameters: Floats,
    inputs: Floats,
    hidden: Floats,
    slopes: Floats,
    gradient: Floats,
) -> None:
    """Write the gradient `[S, P]` of what has slopes `[S, N, O]` in the outputs; the rest as `forward`."""
    count, last = inputs.shape[1], len(sizes) - 2
    for replica in range(len(parameters)):
        row, found = parameters[replica], gradient[replica]
        found[:] = 0.0
        for first in range(0, count, ROWS):
            here = slice(first, min(first + ROWS, count))
            start = filled = 0
            for layer in range(last):
                start += (sizes[layer] + 1) * sizes[layer + 1]
                filled += count * sizes[layer + 1]
            above = slopes[replica, here]
            for layer in range(last, 0, -1):
                filled -= count * sizes[layer]
                below = _slab(hidden[replica], filled, count, sizes[layer])[here]
                weight, _ = _layer(row, start, sizes[layer], sizes[layer + 1])
                its_weight, its_bias = _layer(found, start, sizes[layer], sizes[layer + 1])
                _affine_gradient(its_weight, its_bias, below, above)
                start -= (sizes[layer - 1] + 1) * sizes[layer]
                under = np.zeros_like(below)
                _add_product(under, above, weight.T.copy())
                _through_activation(under, below, tanh)
                above = under
            its_weight, its_bias = _layer(found, 0, sizes[0], sizes[1])
            _affine_gradient(its_weight, its_bias, inputs[replica, here], above)


@compiled
def push(
    sizes: NDArray[np.int64],
    tanh: bool,
    parameters: Floats,
    inputs: Floats,
    hidden: Floats,
    vectors: Floats,
    outputs: Floats,
) -> None:
    """How fast the outputs change along vectors `[S, P]` in parameter space, written to `[S, N, O]`: J v."""
    count, last = inputs.shape[1], len(sizes) - 2
    for replica in range(len(parameters)):
        for first in range(0, count, ROWS):
            here = slice(first, min(first + ROWS, count))
            below = inputs[replica, here]
            moved = np.zeros_like(below)
            start = filled = 0
            for layer in range(last + 1):
                weight, bias = _layer(parameters[replica], start, sizes[layer], sizes[layer + 1])
                its_weight, its_bias = _layer(vectors[replica], start, sizes[layer], sizes[layer + 1])
                above = np.empty((len(below), len(bias)), below.dtype)
                through = np.empty_like(above)
                _affine(above, below, its_weight, its_bias)
                _affine(through, moved, weight, np.zeros_like(bias))
                moved = above + through
                if layer < last:
                    below = _slab(hidden[replica], filled, count, sizes[layer + 1])[here]
                    _through_activation(moved, below, tanh)
                    start += weight.size + bias.size
                    filled += count * len(bias)
            outputs[replica, here] = moved
