"""Every recursion against the sum that defines it, on random data with both ends inside."""

import pytest
import torch

from pgbench.functional import control_variates, returns

T, B = 40, (3, 2)
GAMMA, LAM = 0.97, 0.9


@pytest.fixture(params=range(3))
def data(request):
    generator = torch.Generator().manual_seed(request.param)
    draw = lambda: torch.randn(T, *B, dtype=torch.float64, generator=generator)  # noqa: E731
    coin = lambda p: torch.rand(T, *B, generator=generator) < p  # noqa: E731
    terminated = coin(0.08)
    return {
        "rewards": draw(),
        "next_values": draw(),
        "terminated": terminated,
        "truncated": coin(0.08) & ~terminated,
        "values": draw(),
    }


def episode_end(data, t, b):
    """The last row of the episode that row t belongs to, or of the rollout."""
    for k in range(t, T):
        if data["terminated"][(k, *b)] or data["truncated"][(k, *b)]:
            return k
    return T - 1


def columns():
    return [(i, j) for i in range(B[0]) for j in range(B[1])]


def naive_to_go(data, t, b):
    end = episode_end(data, t, b)
    total = sum(GAMMA ** (k - t) * data["rewards"][(k, *b)] for k in range(t, end + 1))
    if not data["terminated"][(end, *b)]:
        total = total + GAMMA ** (end - t + 1) * data["next_values"][(end, *b)]
    return total


def to_go(data, **changes):
    used = {k: v for k, v in data.items() if k != "values"} | changes
    return returns.rewards_to_go(**used, gamma=GAMMA)


def test_rewards_to_go_is_the_discounted_sum_to_the_end_or_the_cut(data):
    fast = to_go(data)
    for b in columns():
        for t in range(T):
            assert fast[(t, *b)].item() == pytest.approx(float(naive_to_go(data, t, b)), abs=1e-10)


def test_total_return_credits_every_row_with_the_episodes_first_return(data):
    fast = returns.total_returns(to_go(data), data["terminated"], data["truncated"])
    for b in columns():
        start = 0
        for t in range(T):
            assert fast[(t, *b)].item() == pytest.approx(float(naive_to_go(data, start, b)), abs=1e-10)
            if data["terminated"][(t, *b)] or data["truncated"][(t, *b)]:
                start = t + 1


def test_gae_is_the_discounted_sum_of_td_errors(data):
    fast = returns.gae(**data, gamma=GAMMA, lam=LAM)
    for b in columns():
        errors = [
            data["rewards"][(t, *b)]
            + GAMMA * (0.0 if data["terminated"][(t, *b)] else data["next_values"][(t, *b)])
            - data["values"][(t, *b)]
            for t in range(T)
        ]
        for t in range(T):
            naive = sum((GAMMA * LAM) ** (k - t) * errors[k] for k in range(t, episode_end(data, t, b) + 1))
            assert fast[(t, *b)].item() == pytest.approx(float(naive), abs=1e-10)


def consistent(data):
    """The same data with next values that are the values of the next row, as within a real trajectory."""
    following = torch.cat([data["values"][1:], data["next_values"][-1:]])
    ended = data["terminated"] | data["truncated"]
    return data | {"next_values": torch.where(ended, data["next_values"], following)}


def test_gae_of_lambda_one_is_the_reward_to_go_less_the_value(data):
    data = consistent(data)
    torch.testing.assert_close(
        returns.gae(**data, gamma=GAMMA, lam=1.0), to_go(data) - data["values"], atol=1e-10, rtol=0
    )


def test_gae_of_lambda_zero_is_the_td_error(data):
    bootstrap = data["next_values"].masked_fill(data["terminated"], 0.0)
    errors = data["rewards"] + GAMMA * bootstrap - data["values"]
    torch.testing.assert_close(returns.gae(**data, gamma=GAMMA, lam=0.0), errors, atol=0, rtol=0)


def test_a_value_after_a_terminal_state_is_never_read(data):
    poisoned = data["next_values"].masked_fill(data["terminated"], torch.nan)
    poisoned[-1] = data["next_values"][-1]
    assert returns.gae(**data | {"next_values": poisoned}, gamma=GAMMA, lam=LAM).isfinite().all()


def test_values_before_the_last_row_of_an_episode_do_not_enter_the_reward_to_go(data):
    ended = data["terminated"] | data["truncated"]
    noisy = torch.where(ended, data["next_values"], data["next_values"] + 1e3)
    noisy[-1] = data["next_values"][-1]
    assert torch.equal(to_go(data, next_values=noisy), to_go(data))


def test_trajectory_average_is_the_notes_mean_of_total_returns(data):
    lengths = torch.randint(1, T, B, generator=torch.Generator().manual_seed(1))
    active = torch.arange(T)[:, None, None] < lengths
    ends = torch.arange(T)[:, None, None] == lengths - 1
    rewards = data["rewards"] * active
    none = torch.zeros_like(rewards)
    sums = returns.rewards_to_go(rewards, none, ends, torch.zeros_like(ends), 1.0)
    total = returns.total_returns(sums, ends, torch.zeros_like(ends))
    torch.testing.assert_close(
        control_variates.trajectory_average(total, active), rewards.sum(0).mean(-1, keepdim=True)
    )


def test_trajectory_average_keeps_its_bits_when_idle_rows_follow(data):
    estimates = data["rewards"].float()
    active = torch.ones(T, *B, dtype=torch.bool)
    longer = torch.cat([estimates, torch.randn(100, *B)])
    padded = torch.cat([active, torch.zeros(100, *B, dtype=torch.bool)])
    assert torch.equal(
        control_variates.trajectory_average(longer, padded),
        control_variates.trajectory_average(estimates, active),
    )


def test_shapes_that_disagree_are_named():
    with pytest.raises(ValueError, match=r"terms \[3, 2\], factors \[3, 2\], last \[3\]"):
        returns.backward_sum(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(3))


def naive_n_step(data, t, b, n):
    """The definition: up to n rewards, then the value of what really followed, unless the world ended."""
    last = min(t + n - 1, episode_end(data, t, b))
    total = sum(GAMMA ** (k - t) * data["rewards"][(k, *b)] for k in range(t, last + 1))
    if not data["terminated"][(last, *b)]:
        total = total + GAMMA ** (last - t + 1) * data["next_values"][(last, *b)]
    return total


def n_step(data, n, **changes):
    used = {k: v for k, v in data.items() if k != "values"} | changes
    return returns.n_step_returns(**used, gamma=GAMMA, n=n)


@pytest.mark.parametrize("n", [1, 2, 5, 17])
def test_n_step_returns_sum_n_rewards_and_bootstrap(data, n):
    fast = n_step(data, n)
    for b in columns():
        for t in range(T):
            assert fast[(t, *b)].item() == pytest.approx(float(naive_n_step(data, t, b, n)), abs=1e-10)


def test_the_one_step_return_is_the_td_target(data):
    target = data["rewards"] + GAMMA * data["next_values"].masked_fill(data["terminated"], 0.0)
    assert torch.equal(n_step(data, 1), target)


@pytest.mark.parametrize("n", [T, T + 1, 10**9])
def test_the_return_of_all_steps_is_the_reward_to_go(data, n):
    torch.testing.assert_close(n_step(data, n), to_go(data), atol=1e-10, rtol=0)


def test_gae_is_the_weighted_mean_of_n_step_advantages(data):
    """Schulman et al. 2016, eq. 16: (1 − λ) Σ_n λⁿ⁻¹ Â⁽ⁿ⁾, where the last one has all the weight that is left."""
    data = consistent(data)
    advantages = [n_step(data, n) - data["values"] for n in range(1, T + 1)]
    weighted = sum((1.0 - LAM) * LAM**n * advantage for n, advantage in enumerate(advantages[:-1]))
    weighted = weighted + LAM ** (T - 1) * advantages[-1]
    torch.testing.assert_close(returns.gae(**data, gamma=GAMMA, lam=LAM), weighted, atol=1e-10, rtol=0)


def test_normalised_weights_over_a_finite_episode_are_another_estimator(data):
    """The note's Σ_k w_k Â⁽ᵏ⁾ / Σ_k w_k is GAE if nothing ends; else λ = 1 is the mean over n, not Monte Carlo."""
    ended = torch.zeros_like(data["terminated"])
    ended[-1] = True
    data = consistent(data | {"terminated": ended, "truncated": torch.zeros_like(ended)})
    first = torch.stack([(n_step(data, n) - data["values"])[0] for n in range(1, T + 1)])
    exact = returns.gae(**data, gamma=GAMMA, lam=1.0)[0]
    torch.testing.assert_close(first[-1], exact, atol=1e-10, rtol=0)
    assert not torch.isclose(first.mean(0), exact, rtol=1e-3).any()


def test_an_n_step_return_reads_no_value_after_a_terminal_state_and_no_row_of_another_episode(data):
    ended = data["terminated"] | data["truncated"]
    poisoned = data["next_values"].masked_fill(data["terminated"], torch.nan)
    assert torch.equal(n_step(data, 5, next_values=poisoned), n_step(data, 5))
    after = torch.zeros_like(ended)
    after[1:] = ended.cummax(0).values[:-1]  # every row behind the first end of its column
    poisoned = data["rewards"].masked_fill(after, torch.nan)
    assert torch.equal(n_step(data, 5, rewards=poisoned)[~after], n_step(data, 5)[~after])


def test_an_n_step_return_keeps_its_bits_when_rows_follow_an_end(data):
    data = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in data.items()}
    data["terminated"][-1] = True
    longer = {name: torch.cat([tensor, tensor[:11]]) for name, tensor in data.items()}
    for n in (3, T, T + 11):
        assert torch.equal(n_step(longer, n)[:T], n_step(data, n))


def test_no_step_is_refused(data):
    with pytest.raises(ValueError, match="at least 1, but it is 0"):
        n_step(data, 0)


@pytest.mark.parametrize("ongoing", [False, True])
def test_derived_discounts_are_powers_of_the_step_within_the_episode(data, ongoing):
    elapsed = torch.tensor([[5, 0], [1, 200], [3, 7]]) if ongoing else None
    flags = data["terminated"], data["truncated"]
    fast = returns.derived_discounts(*flags, GAMMA, elapsed, dtype=torch.float64)
    for b in columns():
        step = int(elapsed[b]) if ongoing else 0
        for t in range(T):
            assert fast[(t, *b)].item() == pytest.approx(GAMMA**step, rel=1e-12)
            step = 0 if data["terminated"][(t, *b)] or data["truncated"][(t, *b)] else step + 1


def test_the_derived_convention_discounts_every_reward_from_the_episodes_start(data):
    """The note's Σ_{t'≥t} γ^(t'−1) r_{t'}, counted from 1, is the factor times the discounted reward-to-go."""
    flags = data["terminated"], data["truncated"]
    none = torch.zeros_like(data["rewards"])
    discounts = returns.derived_discounts(*flags, GAMMA, dtype=torch.float64)
    derived = discounts * to_go(data, next_values=none)
    plain = returns.rewards_to_go(discounts * data["rewards"], none, *flags, 1.0)
    torch.testing.assert_close(derived, plain, atol=1e-10, rtol=0)


def test_without_discount_there_is_nothing_to_derive(data):
    ones = returns.derived_discounts(data["terminated"], data["truncated"], 1.0)
    assert torch.equal(ones, torch.ones(T, *B))


def test_a_discount_does_not_know_how_long_the_other_replicas_episodes_are(data):
    elapsed = torch.tensor([[5, 0], [1, 200], [3, 7]])
    together = returns.derived_discounts(data["terminated"], data["truncated"], GAMMA, elapsed)
    alone = returns.derived_discounts(
        data["terminated"][:9, :1], data["truncated"][:9, :1], GAMMA, elapsed[:1]
    )
    assert torch.equal(together[:9, :1], alone)


def test_first_rows_are_where_episodes_begin(data):
    fast = returns.first_rows(data["terminated"], data["truncated"])
    for b in columns():
        start = 0
        for t in range(T):
            assert fast[(t, *b)] == start
            if data["terminated"][(t, *b)] or data["truncated"][(t, *b)]:
                start = t + 1
