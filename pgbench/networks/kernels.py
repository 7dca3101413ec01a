"""The loops behind `perceptron.py`: multilayer perceptrons over the replica axis, forward and backward, compiled.

Parameters are one row `[P]` a replica, as `PerceptronDefinition` lays them out. The loops take one replica after
another and send `ROWS` transitions at a time through all layers, so that the values between two layers stay in the
nearest cache of the processor. Each entry of a product is a sum in a fixed order. Therefore its bits do not depend
on the other replicas or on the place of its row. The BLAS of SciPy, which `numpy.dot` would call here, promises no
such thing, and breaks it on processors with AVX2; nor is it faster there.

Dimensions: S replicas, N transitions, I inputs and O outputs of a layer, H hidden units in all layers together.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgbench.base.compiled import compiled

Numbers = NDArray[np.floating[Any]]
ROWS = 64
"""The number of transitions that pass through all layers together."""

TERMS = 64
"""The number of terms that are added to all rows of a product before the next ones, for the sake of the cache."""

NARROW = 8
"""The number of columns that fill a vector of the processor."""


def lambert(terms: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Coefficients of p and q in tanh x ≈ x p(x²) / q(x²), in rising powers and scaled so that q(0) = 1.

    They come from Lambert's continued fraction x / (1 + x² / (3 + x² / (5 + …))) with this number of terms.
    """
    numerator, denominator = [2 * terms - 1], [1]
    for odd in range(2 * terms - 3, 0, -2):
        longer = [odd * c for c in numerator] + [0] * (len(denominator) + 1 - len(numerator))
        for power, c in enumerate(denominator, start=1):
            longer[power] += c
        numerator, denominator = longer, numerator
    scale = numerator[0]
    return tuple(c / scale for c in denominator), tuple(c / scale for c in numerator)


P, Q = (tuple(np.float32(c) for c in side) for side in lambert(13))
LIMIT = np.float32(9.0)
"""Beyond this number, tanh x is 1 in single precision."""


@compiled
def _tanh(values: Numbers) -> None:
    """Replace each value `[N, O]` by its hyperbolic tangent; the error is at most 4e-7."""
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
def _add_product(out: Numbers, a: Numbers, b: Numbers) -> None:
    """`out` `[M, N]` += a b for a `[M, K]` and b `[K, N]`."""
    if len(b) <= TERMS:
        _add_terms(out, a, b)
    else:
        for first in range(0, len(b), TERMS):
            _add_terms(out, a[:, first : first + TERMS], b[first : first + TERMS])


@compiled
def _add_terms(out: Numbers, a: Numbers, b: Numbers) -> None:
    """As `_add_product`, two rows and four terms at a time."""
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
def _narrow_affine(out: Numbers, inputs: Numbers, transposed: Numbers, bias: Numbers) -> None:
    """`out` `[N, O]` = inputs weight + bias, for inputs `[N, I]` and weight transposed `[O, I]`.

    The compiler may reorder each sum, so that its terms fill vectors of the processor. The order depends on nothing
    but their number.
    """
    for i in range(len(inputs)):
        for j in range(len(bias)):
            total = inputs[i, 0] * transposed[j, 0]
            for k in range(1, inputs.shape[1]):
                total += inputs[i, k] * transposed[j, k]
            out[i, j] = bias[j] + total


@compiled
def _activate(values: Numbers, tanh: bool) -> None:
    """Replace each value `[N, O]` by its activation, tanh x or max(x, 0)."""
    if tanh:
        _tanh(values)
    else:
        flat = values.reshape(-1)
        for i in range(flat.size):
            flat[i] = max(flat[i], np.float32(0.0))


@compiled
def _through_activation(slopes: Numbers, values: Numbers, tanh: bool) -> None:
    """Multiply slopes `[N, O]` by the derivative of the activation whose values are given: 1 − y², or 1 or 0."""
    flat, activated = slopes.reshape(-1), values.reshape(-1)
    if tanh:
        for i in range(flat.size):
            flat[i] *= np.float32(1.0) - activated[i] * activated[i]
    else:
        for i in range(flat.size):
            flat[i] = flat[i] if activated[i] > 0 else np.float32(0.0)


@compiled
def _layer(row: Numbers, start: int, inputs: int, outputs: int) -> tuple[Numbers, Numbers]:
    """Views of the weights `[I, O]` and biases `[O]` that start at a place in a row."""
    end = start + inputs * outputs
    return row[start:end].reshape(inputs, outputs), row[end : end + outputs]


@compiled
def _affine(out: Numbers, inputs: Numbers, weight: Numbers, bias: Numbers) -> None:
    """`out` `[N, O]` = inputs weight + bias, for inputs `[N, I]`."""
    if len(bias) < NARROW:
        _narrow_affine(out, inputs, weight.T.copy(), bias)
    else:
        for i in range(len(inputs)):
            out[i] = bias
        _add_product(out, inputs, weight)


@compiled
def _affine_gradient(weight: Numbers, bias: Numbers, inputs: Numbers, slopes: Numbers) -> None:
    """Add to the gradients of weight `[I, O]` and bias `[O]` what slopes `[N, O]` of the outputs contribute."""
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
    sizes: NDArray[np.int64],
    tanh: bool,
    parameters: Numbers,
    inputs: Numbers,
    hidden: Numbers,
    outputs: Numbers,
) -> None:
    """Write the outputs of each replica's perceptron, and its hidden units for `backward` and `push`.

    All arrays must be contiguous, so that one compilation fits.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        tanh: whether the activation is tanh x; else it is max(x, 0).
        parameters: `[S, P]`.
        inputs: `[S, N, I]`.
        hidden: `[S, N · H]`, written layer by layer.
        outputs: `[S, N, O]`, written.
    """
    count, last = inputs.shape[1], len(sizes) - 2
    for replica in range(len(parameters)):
        for first in range(0, count, ROWS):
            part = slice(first, min(first + ROWS, count))
            below = inputs[replica, part]
            start = filled = 0
            for layer in range(last):
                weight, bias = _layer(parameters[replica], start, sizes[layer], sizes[layer + 1])
                above = _slab(hidden[replica], filled, count, sizes[layer + 1])[part]
                _affine(above, below, weight, bias)
                _activate(above, tanh)
                start += weight.size + bias.size
                filled += count * len(bias)
                below = above
            weight, bias = _layer(parameters[replica], start, sizes[last], sizes[last + 1])
            _affine(outputs[replica, part], below, weight, bias)


@compiled
def _slab(hidden: Numbers, filled: int, count: int, units: int) -> Numbers:
    """A view of one hidden layer `[N, O]` of a replica, which starts behind the `filled` numbers."""
    return hidden[filled : filled + count * units].reshape(count, units)


@compiled
def backward(
    sizes: NDArray[np.int64],
    tanh: bool,
    parameters: Numbers,
    inputs: Numbers,
    hidden: Numbers,
    slopes: Numbers,
    gradient: Numbers,
) -> None:
    """Write the gradient of an objective in the parameters, after `forward`.

    Args:
        sizes: as for `forward`.
        tanh: as for `forward`.
        parameters: `[S, P]`.
        inputs: `[S, N, I]`.
        hidden: `[S, N · H]`, from `forward`.
        slopes: `[S, N, O]`, derivatives of the objective in the outputs.
        gradient: `[S, P]`, written; 0 for free parameters and padding.
    """
    count, last = inputs.shape[1], len(sizes) - 2
    for replica in range(len(parameters)):
        row, row_gradient = parameters[replica], gradient[replica]
        row_gradient[:] = 0.0
        for first in range(0, count, ROWS):
            part = slice(first, min(first + ROWS, count))
            start = filled = 0
            for layer in range(last):
                start += (sizes[layer] + 1) * sizes[layer + 1]
                filled += count * sizes[layer + 1]
            slopes_above = slopes[replica, part]
            for layer in range(last, 0, -1):
                filled -= count * sizes[layer]
                below = _slab(hidden[replica], filled, count, sizes[layer])[part]
                weight, _ = _layer(row, start, sizes[layer], sizes[layer + 1])
                weight_gradient, bias_gradient = _layer(row_gradient, start, sizes[layer], sizes[layer + 1])
                _affine_gradient(weight_gradient, bias_gradient, below, slopes_above)
                start -= (sizes[layer - 1] + 1) * sizes[layer]
                slopes_below = np.zeros_like(below)
                _add_product(slopes_below, slopes_above, weight.T.copy())
                _through_activation(slopes_below, below, tanh)
                slopes_above = slopes_below
            weight_gradient, bias_gradient = _layer(row_gradient, 0, sizes[0], sizes[1])
            _affine_gradient(weight_gradient, bias_gradient, inputs[replica, part], slopes_above)


@compiled
def push(
    sizes: NDArray[np.int64],
    tanh: bool,
    parameters: Numbers,
    inputs: Numbers,
    hidden: Numbers,
    vectors: Numbers,
    outputs: Numbers,
) -> None:
    """Write J v, the derivatives of the outputs along directions in the space of parameters, after `forward`.

    Args:
        sizes: as for `forward`.
        tanh: as for `forward`.
        parameters: `[S, P]`.
        inputs: `[S, N, I]`.
        hidden: `[S, N · H]`, from `forward`.
        vectors: `[S, P]`, the directions v.
        outputs: `[S, N, O]`, written.
    """
    count, last = inputs.shape[1], len(sizes) - 2
    for replica in range(len(parameters)):
        for first in range(0, count, ROWS):
            part = slice(first, min(first + ROWS, count))
            below = derivatives = inputs[replica, part]
            start = filled = 0
            for layer in range(last + 1):
                weight, bias = _layer(parameters[replica], start, sizes[layer], sizes[layer + 1])
                weight_direction, bias_direction = _layer(
                    vectors[replica], start, sizes[layer], sizes[layer + 1]
                )
                moved = np.empty((len(below), len(bias)), below.dtype)
                _affine(moved, below, weight_direction, bias_direction)
                if layer > 0:
                    _add_product(moved, derivatives, weight)
                derivatives = moved
                if layer < last:
                    below = _slab(hidden[replica], filled, count, sizes[layer + 1])[part]
                    _through_activation(derivatives, below, tanh)
                    start += weight.size + bias.size
                    filled += count * len(bias)
            outputs[replica, part] = derivatives
