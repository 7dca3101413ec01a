"""Solvers against explicit matrices, curvature against explicit Hessians, searches against what they promise."""

import itertools
import math

import pytest
import torch

from pgbench.functional.second_order import (
    SearchBounds,
    conjugate_gradient,
    fisher_vector_product,
    full_step,
    line_search,
)
from pgbench.networks.distributions import Categorical, kl
from pgbench.networks.perceptron import Perceptron

S, P = 4, 16


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def matrices():
    """A = Q Λ Qᵀ with Λ > 0, `[S, P, P]`."""
    rotation, _ = torch.linalg.qr(torch.randn(S, P, P, generator=generator(), dtype=torch.float64))
    eigenvalues = 0.1 + 10.0 * torch.rand(S, 1, P, generator=generator(1), dtype=torch.float64)
    return rotation * eigenvalues @ rotation.mT


@pytest.fixture
def b():
    return torch.randn(S, P, generator=generator(2), dtype=torch.float64)


def deltas(count=S):
    return torch.full((count,), 0.01, dtype=torch.float64)


GAIN = SearchBounds(torch.zeros(S), None)
GAIN_AND_KL = SearchBounds(torch.zeros(S), deltas())


def product_with(matrices):
    # product and sum: a batched matrix product may be rounded otherwise in another block
    return lambda rows: (matrices * rows.unsqueeze(1)).sum(-1)


def energy(matrices, rows):
    """½ xᵀ A x, `[S]`."""
    return 0.5 * (rows * product_with(matrices)(rows)).sum(-1)


# ---- conjugate gradients


def test_conjugate_gradients_solve_exactly_in_as_many_steps_as_dimensions(matrices, b):
    solution = conjugate_gradient(product_with(matrices), b, P, 0.0)
    torch.testing.assert_close(solution, torch.linalg.solve(matrices, b), rtol=1e-6, atol=1e-8)


def test_as_many_steps_suffice_as_there_are_distinct_eigenvalues(b):
    rotation, _ = torch.linalg.qr(torch.randn(S, P, P, generator=generator(), dtype=torch.float64))
    eigenvalues = torch.tensor([1.0, 2.0, 5.0, 9.0], dtype=torch.float64).repeat(P // 4)
    matrices = rotation * eigenvalues @ rotation.mT
    torch.testing.assert_close(
        conjugate_gradient(product_with(matrices), b, 4, 0.0), torch.linalg.solve(matrices, b)
    )


def test_the_error_shrinks_with_every_step_in_the_norm_of_the_matrix(matrices, b):
    exact = torch.linalg.solve(matrices, b)
    errors = [
        energy(matrices, conjugate_gradient(product_with(matrices), b, steps, 0.0) - exact)
        for steps in range(P)
    ]
    for before, after in itertools.pairwise(errors):
        assert (after < before).all()


def test_single_precision_solves_to_single_precision(matrices, b):
    solution = conjugate_gradient(product_with(matrices.float()), b.float(), 3 * P, 1e-10)
    assert solution.dtype == torch.float32
    torch.testing.assert_close(solution, torch.linalg.solve(matrices, b).float(), rtol=1e-3, atol=1e-3)


def test_nothing_to_solve_gives_nothing(matrices, b):
    b[1] = 0.0
    solution = conjugate_gradient(product_with(matrices), b, P, 0.0)
    assert (solution[1] == 0.0).all()
    assert solution.isfinite().all()


def test_each_replica_stops_by_itself(matrices, b):
    """A replica that is solved in one step keeps its bits while the others go on, and they do not notice."""
    b[0] *= 1e-6
    matrices[1] = 2.0 * torch.eye(P, dtype=torch.float64)
    together = conjugate_gradient(product_with(matrices), b, P, 1e-9)
    torch.testing.assert_close(together[1], 0.5 * b[1])
    for s in range(S):
        alone = conjugate_gradient(product_with(matrices[s : s + 1]), b[s : s + 1], P, 1e-9)
        assert torch.equal(together[s], alone[0])
        residual = b[s] - product_with(matrices)(together)[s]
        assert residual.square().sum() <= 1e-9 * b[s].square().sum()


def test_the_tolerance_stops_early(matrices, b):
    """A loose tolerance leaves the solution of the first iteration, whatever the number of them."""
    first = conjugate_gradient(product_with(matrices), b, 1, 0.0)
    assert torch.equal(conjugate_gradient(product_with(matrices), b, P, 0.999), first)
    assert not torch.equal(conjugate_gradient(product_with(matrices), b, P, 1e-10), first)


@pytest.mark.parametrize("exponent", [-900, -100, -24, 24, 100, 900])
def test_the_unit_of_the_right_hand_side_changes_no_bit(matrices, b, exponent):
    """Not even where the square of a number of that size is 0 or infinite; nor does it change the full step."""
    solution = conjugate_gradient(product_with(matrices), b, 10, 1e-10)
    step = full_step(solution, product_with(matrices), deltas())
    scaled = conjugate_gradient(product_with(matrices), torch.ldexp(b, torch.tensor(exponent)), 10, 1e-10)
    assert torch.equal(scaled, torch.ldexp(solution, torch.tensor(exponent)))
    assert torch.equal(full_step(scaled, product_with(matrices), deltas()), step)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-7, 1e7, 1e25])
def test_nor_does_it_in_single_precision(matrices, b, unit):
    def step(rows):
        product = product_with(matrices.float())
        return full_step(conjugate_gradient(product, rows, 10, 1e-10), product, deltas())

    torch.testing.assert_close(step(b.float() * unit), step(b.float()), rtol=1e-4, atol=1e-6)


def test_ten_iterations_are_those_of_exact_arithmetic_although_products_are_rounded():
    """The best x of the Krylov space, by dense algebra; plain conjugate gradients are a percent away from it."""
    size, steps = 60, 10
    rotation, _ = torch.linalg.qr(torch.randn(1, size, size, generator=generator(), dtype=torch.float64))
    eigenvalues = 0.1 + 10.0 * torch.exp(-0.5 * torch.arange(size, dtype=torch.float64))
    matrices = rotation * eigenvalues @ rotation.mT
    b = product_with(matrices)(torch.randn(1, size, generator=generator(2), dtype=torch.float64))
    space = torch.linalg.qr(krylov(matrices[0], b[0], steps))[0]
    best = space @ torch.linalg.solve(space.T @ matrices[0] @ space, space.T @ b[0])

    def rounded(rows):
        return product_with(matrices)(rows.double()).float()

    found = conjugate_gradient(rounded, b.float(), steps, 0.0).double()[0]
    assert (found - best).norm() / best.norm() < 1e-4


def krylov(matrix, b, steps):
    """A basis of b, A b, A² b, …, each orthogonal to those before it (Arnoldi)."""
    basis = [b / b.norm()]
    for _ in range(steps - 1):
        following = matrix @ basis[-1]
        for _ in range(2):
            following = following - torch.stack(basis, 1) @ (torch.stack(basis) @ following)
        basis.append(following / following.norm())
    return torch.stack(basis, 1)


def test_what_is_not_finite_gives_nothing(matrices, b):
    b[0], b[1] = torch.nan, torch.inf
    solution = conjugate_gradient(product_with(matrices), b, P, 0.0)
    assert torch.equal(solution[:2], torch.zeros_like(solution[:2]))
    assert torch.equal(full_step(b, product_with(matrices), deltas())[:2], torch.zeros_like(b[:2]))


def test_a_matrix_without_curvature_is_left_alone(matrices, b):
    matrices[2] = -matrices[2]
    matrices[3] = torch.nan
    solution = conjugate_gradient(product_with(matrices), b, P, 0.0)
    assert (solution[2:] == 0.0).all()
    torch.testing.assert_close(solution[:2], torch.linalg.solve(matrices[:2], b[:2]), rtol=1e-6, atol=1e-8)


# ---- the step


def test_the_full_step_ends_on_the_boundary_of_the_region(matrices, b):
    direction = conjugate_gradient(product_with(matrices), b, 3, 0.0)
    step = full_step(direction, product_with(matrices), deltas())
    torch.testing.assert_close(energy(matrices, step), torch.full((S,), 0.01, dtype=torch.float64))


def test_no_other_step_of_the_region_gains_more(matrices, b):
    """The note's √(2δ / gᵀH⁻¹g) H⁻¹g solves: max gᵀΔ such that ½ ΔᵀHΔ ≤ δ."""
    solution = torch.linalg.solve(matrices, b)
    step = full_step(solution, product_with(matrices), deltas())
    expected = (0.02 / (b * solution).sum(-1, keepdim=True)).sqrt() * solution
    torch.testing.assert_close(step, expected)
    others = torch.randn(200, S, P, generator=generator(3), dtype=torch.float64)
    for other in others:
        feasible = full_step(other, product_with(matrices), deltas())
        assert ((b * feasible).sum(-1) <= (b * step).sum(-1)).all()


def test_no_direction_is_no_step(matrices):
    zero = torch.zeros(S, P, dtype=torch.float64)
    assert torch.equal(full_step(zero, product_with(matrices), deltas()), zero)


def test_each_replica_has_its_own_radius(matrices, b):
    radii = torch.tensor([0.01, 0.02, 0.5, 1e-6], dtype=torch.float64)
    torch.testing.assert_close(energy(matrices, full_step(b, product_with(matrices), radii)), radii)


# ---- Fisher-vector products


def tabular(parameters):
    """A softmax over 4 actions in each of 4 states, from a row's 16 parameters: `[S, 4]` a replica."""
    return Categorical(parameters.reshape(len(parameters), 4, 4).log_softmax(-1))


@pytest.fixture
def parameters():
    return torch.randn(S, P, generator=generator(4), dtype=torch.float64)


def kl_from(start):
    old = tabular(start)
    return lambda trial: kl(old, tabular(trial)).mean(-1)


def explicit_hessians(function, parameters):
    """Of each replica alone, `[S, P, P]`."""
    blocks = []
    for s in range(len(parameters)):
        only = lambda row, s=s: function(torch.cat([parameters[:s], row[None], parameters[s + 1 :]]))[s]  # noqa: E731
        blocks.append(torch.autograd.functional.hessian(only, parameters[s]))
    return torch.stack(blocks)


@pytest.mark.parametrize("at_old", [True, False])
def test_the_product_is_with_the_hessian_of_the_divergence(parameters, b, at_old):
    divergence = kl_from(parameters)
    point = parameters if at_old else parameters + 0.3 * b
    product = fisher_vector_product(divergence, point)
    torch.testing.assert_close(product(b), product_with(explicit_hessians(divergence, point))(b))


def test_at_the_old_policy_it_is_the_fisher_matrix(parameters, b):
    """F = E_s E_a[∇log π ∇log πᵀ], every action of every state enumerated."""
    fisher = torch.zeros(S, P, P, dtype=torch.float64)
    for s in range(S):
        for state in range(4):
            for action in range(4):
                row = parameters[s : s + 1].clone().requires_grad_()
                log_prob = tabular(row).log_probabilities[0, state, action]
                (score,) = torch.autograd.grad(log_prob, row)
                fisher[s] += log_prob.exp().detach() * torch.outer(score[0], score[0]) / 4
    product = fisher_vector_product(kl_from(parameters), parameters)
    torch.testing.assert_close(product(b), product_with(fisher)(b))


def test_half_its_quadratic_form_is_the_divergence_of_a_small_step(parameters, b):
    divergence, product = kl_from(parameters), fisher_vector_product(kl_from(parameters), parameters)
    for size in (1e-2, 1e-3):
        quadratic = 0.5 * (size * b * product(size * b)).sum(-1)
        torch.testing.assert_close(divergence(parameters + size * b), quadratic, rtol=20 * size, atol=0)


def test_products_can_be_repeated_without_gradients_and_after_the_parameters_moved(parameters, b):
    leaf = parameters.clone().requires_grad_()
    with torch.no_grad():
        product = fisher_vector_product(lambda trial: trial.pow(4).sum(-1), leaf)
        first = product(b)
        torch.testing.assert_close(first, 12.0 * parameters.square() * b)
        leaf += 1.0
        assert torch.equal(product(b), first)
    assert not first.requires_grad
    assert leaf.grad is None


def test_a_replicas_natural_gradient_does_not_know_its_block():
    """Through a real network, in single precision and to the bit."""
    network = Perceptron((3, 8, 8, 5), "tanh")
    rows = 0.5 * torch.randn(3, network.width, generator=generator())
    observations = torch.randn(3, 512, 3, generator=generator(1))
    b = torch.randn(rows.shape, generator=generator(2))

    def solve(block):
        here = network.linearise(rows[block], observations[block])
        old = Categorical(here.outputs.values.log_softmax(-1))

        def divergence(outputs):
            new = Categorical(outputs.reshape(old.parameters.shape).log_softmax(-1))
            return kl(old, new).mean(1)

        curvature = fisher_vector_product(divergence, here.outputs.values.flatten(1))

        def product(vectors):
            moved, free = here.push(vectors)
            return here.pull(curvature(moved.flatten(1)).reshape(moved.shape), free) + 0.1 * vectors

        direction = conjugate_gradient(product, b[block], 10, 1e-10)
        return full_step(direction, product, deltas(len(direction)))

    together = solve(slice(0, 3))
    assert together.isfinite().all()
    for s in range(3):
        assert torch.equal(solve(slice(s, s + 1))[0], together[s])


# ---- line search


@pytest.fixture
def quadratic(matrices, b):
    """Gain bᵀΔ − ½ ΔᵀAΔ and divergence ½ ΔᵀAΔ of a move Δ from the origin."""

    def objective(trial):
        curvature = energy(matrices, trial)
        return (b * trial).sum(-1) - curvature, curvature

    return objective


def test_a_step_to_the_top_of_a_quadratic_is_taken_whole(quadratic, matrices, b):
    zero = torch.zeros_like(b)
    newton = conjugate_gradient(product_with(matrices), b, P, 0.0)
    found, accepted, rejected = line_search(zero, newton, quadratic, GAIN, 0.5, 10)
    assert torch.equal(found, newton)
    assert accepted.all()
    assert rejected.tolist() == [0] * S
    torch.testing.assert_close(found, torch.linalg.solve(matrices, b), rtol=1e-6, atol=1e-8)


def test_an_overlong_step_shrinks_to_the_first_length_that_gains(quadratic, matrices, b):
    """Beyond twice the way to the top a quadratic is below its start; 2ʲ⁺¹ times too long needs j + 1 halvings."""
    newton = torch.linalg.solve(matrices, b)
    lengths = torch.tensor([1.9, 3.9, 7.9, 30.0], dtype=torch.float64).unsqueeze(-1)
    found, accepted, rejected = line_search(torch.zeros_like(b), lengths * newton, quadratic, GAIN, 0.5, 10)
    assert accepted.all()
    assert rejected.tolist() == [0, 1, 2, 4]
    torch.testing.assert_close(found, newton * lengths * 0.5 ** rejected.unsqueeze(-1))
    assert (quadratic(found)[0] > 0.0).all()


def test_the_divergence_is_at_most_delta_and_the_length_the_first_that_is(quadratic, matrices, b):
    step = full_step(b, product_with(matrices), deltas())
    lengths = torch.tensor([0.99, 1.3, 5.0, 11.0], dtype=torch.float64).unsqueeze(-1)
    found, accepted, rejected = line_search(
        torch.zeros_like(b), lengths * step, quadratic, GAIN_AND_KL, 0.8, 20
    )
    assert accepted.all()
    assert (quadratic(found)[1] <= 0.01).all()
    assert rejected.tolist() == [
        max(0, math.ceil(math.log(x) / -math.log(0.8))) for x in (0.99, 1.3, 5.0, 11.0)
    ]


def test_where_nothing_is_acceptable_every_bit_comes_back(quadratic, b):
    """Downhill, too long for the trials, not a number, no step at all."""
    start = 1e-3 * torch.randn(S, P, generator=generator(5), dtype=torch.float64).requires_grad_()
    origin = start.detach().clone()
    step = torch.stack([-b[0], 1e9 * b[1], torch.full_like(b[2], torch.nan), torch.zeros_like(b[3])])
    seen = []

    def objective(trial):
        seen.append(trial)
        return quadratic(trial - origin)

    found, accepted, rejected = line_search(start, step, objective, GAIN_AND_KL, 0.5, 6)
    assert torch.equal(found, origin)
    assert torch.equal(start.detach(), origin)
    assert not accepted.any()
    assert rejected.tolist() == [6] * S
    assert len(seen) == 6


def test_a_divergence_that_is_not_a_number_is_not_accepted(b):
    nothing = torch.full((S,), torch.nan, dtype=torch.float64)
    found, accepted, _ = line_search(
        torch.zeros_like(b), b, lambda _: (torch.ones(S), nothing), GAIN_AND_KL, 0.5, 3
    )
    assert torch.equal(found, torch.zeros_like(b))
    assert not accepted.any()


def test_later_trials_do_not_change_what_is_accepted(quadratic, matrices, b):
    """A replica that was accepted at once has the same bits as alone, whatever the others still try."""
    newton = torch.linalg.solve(matrices, b)
    step = torch.tensor([1.0, 100.0, -1.0, 3.0], dtype=torch.float64).unsqueeze(-1) * newton
    trials = []

    def objective(trial):
        trials.append(trial.clone())
        return quadratic(trial)

    found, accepted, rejected = line_search(torch.zeros_like(b), step, objective, GAIN, 0.5, 8)
    assert accepted.tolist() == [True, True, False, True]
    assert rejected.tolist() == [0, 6, 8, 1]
    for trial in trials:
        assert torch.equal(trial[0], step[0])
    for s in range(S):
        alone, *_ = line_search(
            torch.zeros(1, P, dtype=torch.float64),
            step[s : s + 1],
            lambda trial, s=s: tuple(x[s : s + 1] for x in quadratic(trial.expand(S, P))),
            SearchBounds(torch.zeros(1), None),
            0.5,
            8,
        )
        assert torch.equal(found[s], alone[0])
    assert not found.requires_grad


def test_no_trial_is_no_move(quadratic, b):
    found, accepted, rejected = line_search(torch.zeros_like(b), b, quadratic, GAIN, 0.5, 0)
    assert torch.equal(found, torch.zeros_like(b))
    assert not accepted.any()
    assert rejected.tolist() == [0] * S


def test_without_a_bound_on_the_gain_the_divergence_decides_alone(quadratic, matrices, b):
    """The note's search: downhill is allowed."""
    downhill = full_step(-b, product_with(matrices), 0.5 * deltas())
    bounds = SearchBounds(None, deltas())
    found, accepted, _ = line_search(torch.zeros_like(b), downhill, quadratic, bounds, 0.5, 3)
    assert torch.equal(found, downhill)
    assert accepted.all()
    assert (quadratic(found)[0] < 0.0).all()


@pytest.mark.parametrize(("share", "trials"), [(0.0, [0, 1, 2, 4]), (0.6, [2, 3, 4, 6]), (0.9, [4, 5, 6, 8])])
def test_a_share_of_the_prediction_is_asked_of_each_trial(quadratic, matrices, b, share, trials):
    """A move of t times the way to the top gains 1 − t/2 of what the slope predicts for it."""
    newton = torch.linalg.solve(matrices, b)
    lengths = torch.tensor([1.9, 3.9, 7.9, 30.0], dtype=torch.float64)
    step = lengths.unsqueeze(-1) * newton
    bounds = SearchBounds(share * (b * step).sum(-1), None)
    found, accepted, rejected = line_search(torch.zeros_like(b), step, quadratic, bounds, 0.5, 12)
    assert accepted.all()
    expected = [next(j for j in range(12) if 1.0 - 0.5 * x * 0.5**j > share) for x in lengths.tolist()]
    assert rejected.tolist() == expected
    assert (quadratic(found)[0] > share * (b * found).sum(-1)).all()
    assert expected == trials
