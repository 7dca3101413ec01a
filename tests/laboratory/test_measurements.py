"""Every measurement at the smallest preset: its table, statements, figures and page."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import optimize

from pgbench.analysis.statistics import Estimate
from pgbench.base.refusals import Refusal
from pgbench.laboratory import measuring, replay_cases
from pgbench.laboratory.ensembles import divergence, random_worlds
from pgbench.laboratory.measurements import off_policy, trust_region
from pgbench.laboratory.modules import MODULES
from pgbench.laboratory.records import read_record, read_statements
from pgbench.laboratory.sources import NOTE
from pgbench.laboratory.statements import Statement, as_table, statement
from pgbench.report.laboratory_page import write_page
from pgbench.report.statement_rows import significant, statement_rows
from pgbench.studies.catalogue import CATALOGUE, SIZES
from pgbench.studies.references import read_papers
from pgbench.training import replay_update

SAMPLED_MAY_BE_OPEN = {"variance", "frontier", "landscape", "trust_region", "importance", "surrogate"}
"""Measurements with statements that may stay open with 200 batches or three worlds."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Directories of all measurements at the smallest preset."""
    root = tmp_path_factory.mktemp("laboratory")
    for name in CATALOGUE:
        measuring.write(name, "smoke", 0, root / name, code="00000000")
    return root


def test_the_catalogue_and_the_modules_have_the_same_names():
    assert list(CATALOGUE) == list(MODULES) == [entry.name for entry in CATALOGUE.values()]
    assert {"smoke", "quick", "standard", "paper"} == set(SIZES)


RANDOM_STREAMS = {
    "variance": 0,
    "offset": 1,
    "frontier": 2,
    "importance": 3,
    "surrogate": 4,
    "divergence": 5,
    "trust_region": 6,
    "landscape": 7,
    "off_policy": 8,
    "critic_targets": 9,
    "cloning": 10,
    "action_baselines": 11,
    "discounting": 12,
}
"""A new measurement gets a new number, wherever it stands in the catalogue. The old numbers stay."""


def test_the_number_that_seeds_a_measurement_does_not_depend_on_its_place():
    assert {name: entry.random_stream for name, entry in CATALOGUE.items()} == RANDOM_STREAMS
    assert len(set(RANDOM_STREAMS.values())) == len(RANDOM_STREAMS)


def test_a_measurement_draws_from_its_stream_in_any_order_of_the_catalogue(monkeypatch):
    first_draws = {}

    class FirstDraw:
        def __init__(self, name):
            self.name = name

        def measure(self, size, rng):
            first_draws[self.name] = rng.random()

    monkeypatch.setattr(measuring, "MODULES", {name: FirstDraw(name) for name in CATALOGUE})
    monkeypatch.setattr(measuring, "CATALOGUE", dict(reversed(CATALOGUE.items())))
    for name in CATALOGUE:
        measuring.perform(name, "smoke", 3)
    assert first_draws == {
        name: np.random.default_rng(np.random.SeedSequence(3, spawn_key=(number,))).random()
        for name, number in RANDOM_STREAMS.items()
    }


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_table_is_tidy_and_its_intervals_hold_the_estimates(written, name):
    table = pd.read_parquet(written / name / "table.parquet")
    assert list(table.columns[-4:]) == ["quantity", "estimate", "low", "high"]
    assert not table.isna().any(axis=None)
    assert not table.duplicated(list(table.columns[:-3])).any()
    slack = 1e-9 * table["estimate"].abs().max()
    assert (table["low"] <= table["estimate"] + slack).all()
    assert (table["estimate"] <= table["high"] + slack).all()


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_statement_without_chance_fails(written, name):
    statements = pd.read_csv(written / name / "statements.csv")
    certain = statements[statements["low"] == statements["high"]]
    assert len(statements) > 0
    assert certain["holds"].all(), certain[~certain["holds"]].to_string()
    if name not in SAMPLED_MAY_BE_OPEN:
        assert statements["holds"].all()


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_figure_is_drawn(written, name):
    assert (written / name / "figure.svg").read_bytes().startswith(b"<?xml")
    assert read_record(written / name).measurement == CATALOGUE[name]


@pytest.mark.parametrize("name", ["divergence"])
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(written, name):
    first = pd.read_parquet(written / name / "table.parquet")
    assert measuring.perform(name, "smoke", 0).table.equals(first)
    assert not measuring.perform(name, "smoke", 1).table.equals(first)


def test_the_page_shows_every_measurement(written, tmp_path):
    write_page([written / name for name in CATALOGUE], tmp_path / "page.html", tmp_path / "page.md")
    html, markdown = (tmp_path / "page.html").read_text(), (tmp_path / "page.md").read_text()
    for name, entry in CATALOGUE.items():
        assert f'<h2 id="{name}">{entry.title}</h2>' in html
        assert f"figures/laboratory/{name}.svg" in markdown
        assert (tmp_path / "figures" / "laboratory" / f"{name}.svg").exists()
    assert html.count("data:image/svg+xml") == len(CATALOGUE)
    rows = sum(len(pd.read_csv(written / name / "statements.csv")) for name in CATALOGUE)
    assert html.count('<tr><th scope="row">') == rows
    assert f"Of {rows} statements: " in markdown


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_statement_has_a_source_that_is_listed(written, name):
    statements = read_statements(written / name)
    assert set(statements["paper"]) <= set(read_papers())
    first = statement_rows(statements, read_papers())[0]
    assert first.source.endswith(statements["where"].iloc[0])


def test_a_page_without_its_measurements_says_what_writes_them(written, tmp_path):
    pages = tmp_path / "page.html", tmp_path / "page.md"
    with pytest.raises(Refusal, match=r"measurement.json: cannot be used \(No such file"):
        write_page([tmp_path], *pages)
    (tmp_path / "measurement.json").write_text("{}")
    with pytest.raises(Refusal, match=r"it is not a record of a measurement.*`python -m pgbench laboratory`"):
        write_page([tmp_path], *pages)
    (tmp_path / "measurement.json").write_bytes((written / "offset" / "measurement.json").read_bytes())
    with pytest.raises(Refusal, match="is not a whole measurement"):
        write_page([tmp_path], *pages)


# ----------------------------------------------------------------------------------------------------------
# Statements


@pytest.mark.parametrize(
    ("relation", "low", "high", "outcome"),
    [
        ("below", 0.1, 0.9, "holds"),
        ("below", 0.1, 1.1, "open"),
        ("below", 1.1, 1.2, "fails"),
        ("above", 1.1, 1.2, "holds"),
        ("above", 0.9, 1.2, "open"),
        ("above", 0.1, 0.9, "fails"),
        ("equals", 0.96, 1.04, "holds"),
        ("equals", 0.5, 1.5, "open"),  # nothing is known
        ("equals", 1.04, 1.2, "open"),
        ("equals", 0.8, 0.96, "open"),
        ("equals", 1.1, 1.2, "fails"),
        ("equals", 0.8, 0.9, "fails"),
    ],
)
def test_a_statement_is_judged_by_its_interval(relation, low, high, outcome):
    tolerance = 0.05 if relation == "equals" else 0.0
    found = Statement("", NOTE, "", 0.5 * (low + high), low, high, relation, 1.0, tolerance)
    assert found.outcome == outcome
    row = as_table([found]).iloc[0]
    assert (row["outcome"], row["holds"]) == (outcome, outcome == "holds")


def test_a_statement_takes_its_numbers_from_an_estimate():
    found = statement(
        "a", NOTE, "c", Estimate(np.float64(1.0), np.float64(0.0), np.float64(2.0)), "equals", 1.5
    )
    assert (found.estimate, found.low, found.high) == (1.0, 0.0, 2.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.5, "−0.5"),
        (1.23456, "1.235"),
        (12345.6, "12,346"),
        (1.234e-15, "1.2·10⁻¹⁵"),
        (-2e7, "−2.0·10⁷"),
    ],
)
def test_numbers_of_any_size_are_written_shortly(value, text):
    assert significant(value) == text


# ----------------------------------------------------------------------------------------------------------
# Exact solutions that measurements use


def test_the_constrained_maximiser_is_that_of_a_general_solver():
    ground = random_worlds(1, np.random.default_rng(0), 0.9)
    old, advantages, states = ground.policies, ground.advantages, ground.states
    for delta in (0.1,):
        found = trust_region.maximiser(old, advantages, states, delta)
        torch.testing.assert_close(found.sum(-1), torch.ones(1, 10).double())
        assert float(divergence(states, old, found)[0]) == pytest.approx(delta, rel=1e-6)

        def policy(logits):
            return torch.from_numpy(logits).reshape(1, 10, 4).log_softmax(-1).exp()

        solved = optimize.minimize(
            lambda logits: -float(ground.surrogate(policy(logits))[0]),
            old.log().flatten().numpy(),
            constraints={
                "type": "ineq",
                "fun": lambda logits, bound=delta: bound - float(divergence(states, old, policy(logits))[0]),
            },
            method="SLSQP",
            options={"maxiter": 300, "ftol": 1e-12},
        )
        assert float(ground.surrogate(found)[0]) == pytest.approx(-solved.fun, rel=1e-3)
        assert float(ground.surrogate(found)[0]) >= -solved.fun - 1e-6


def test_the_best_policy_cannot_be_improved():
    ground = random_worlds(3, np.random.default_rng(1), 0.9)
    best = ground.best_gains()
    for _ in range(5):
        assert (best >= ground.gains(torch.rand(3, 10, 4).double().softmax(-1))).all()


@pytest.mark.parametrize("name", off_policy.VARIANTS)
def test_at_its_fixed_point_a_critics_expected_step_vanishes(name):
    case = replay_cases.ReplayCase.tilted(2)
    algorithm = replay_cases.algorithm_of(name)
    critic = off_policy.fixed_point(algorithm, case)
    learner = case.learner(algorithm, critic.unsqueeze(0))
    found = replay_update.critic_losses(algorithm, learner, *case.everything(1))
    assert float(replay_update.gradient(found, *learner.critic_parts).abs().max()) < 1e-11


def test_the_buffer_without_sampling_error_has_the_worlds_probabilities():
    case = replay_cases.ReplayCase.tilted(3)
    drawn, chance = case.everything(1)
    data = drawn.rollout
    states, following = (each[0, 0].argmax(-1) for each in (data.observations, data.next_observations))
    learner = case.learner(replay_cases.algorithm_of("replay"), None)
    own = chance.actions("target", learner, data.next_observations[0])[0]
    for state in range(4):
        here = states == state
        for action in range(2):
            chosen = here & (data.actions[0, 0] == action)
            assert float(chosen.sum() / here.sum()) == float(case.behaviour[state, action])
            shares = torch.bincount(following[chosen], minlength=4) / chosen.sum()
            torch.testing.assert_close(shares.double(), case.world.transitions[state, action])
        there = following == state
        share = float((own[there] == 1).sum() / there.sum())
        assert share == pytest.approx(float(case.policy[state, 1]))
        assert float((drawn.next_actions[0][there] == 1).sum() / there.sum()) == pytest.approx(0.5)
