"""Every recursion against the sum that defines it, on random data with both ends inside."""

import pytest
import torch

from pgbench.functional import returns

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
        returns.trajectory_average(total, active), rewards.sum(0).mean(-1, keepdim=True)
    )


def test_trajectory_average_keeps_its_bits_when_idle_rows_follow(data):
    estimates = data["rewards"].float()
    active = torch.ones(T, *B, dtype=torch.bool)
    longer = torch.cat([estimates, torch.randn(100, *B)])
    padded = torch.cat([active, torch.zeros(100, *B, dtype=torch.bool)])
    assert torch.equal(
        returns.trajectory_average(longer, padded), returns.trajectory_average(estimates, active)
    )


def test_shapes_that_disagree_are_named():
    with pytest.raises(ValueError, match=r"terms \[3, 2\], factors \[3, 2\], last \[3\]"):
        returns.backward_sum(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(3))
