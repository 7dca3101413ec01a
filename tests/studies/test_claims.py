"""Claims in a study are checked when it is loaded; each fault is refused by name."""

import re

import pytest
import yaml

from helpers.places import STUDIES
from pgbench.base.refusals import Refusal
from pgbench.studies import claim_checks
from pgbench.studies.claims import Excess, Hypothesis, Pair, hypothesis
from pgbench.studies.loading import load_study
from pgbench.studies.references import PublishedScore, read_references
from pgbench.studies.study import Study

CLAIM = {
    "statement": "Clipping helps.",
    "source": {"paper": "schulman2017ppo", "where": "Table 1"},
    "kind": "directional",
    "higher": "clipped",
    "lower": "not clipped",
    "score": "last_100",
}
STUDY = {
    "question": "Does clipping help?",
    "parent": "ppo_clip",
    "environments": {"CartPole-v1": 500_000, "Acrobot-v1": 500_000},
    "variants": {"clipped": {}, "again": {}, "not clipped": {"parent": "no_clip"}},
}
MARGINS = {"last_100": {"range": 0.1}}
ON_CARTPOLE = {"environments": ["CartPole-v1"]}
REFERENCE = {
    **{key: CLAIM[key] for key in ("statement", "source", "score")},
    **ON_CARTPOLE,
    "kind": "reference",
    "variant": "clipped",
    "relation": "within",
    "reference": "cleanrl-ppo-cartpole-v1-500k",
}


@pytest.fixture
def load(tmp_path):
    def write_and_load(changes, base=CLAIM, study=STUDY, margins=None):
        path = tmp_path / "study.yaml"
        claim = {key: value for key, value in (base | changes).items() if value is not None}
        if margins is None:
            margins = {claim["score"]: {"range" if base is CLAIM else "comparator": 0.1}}
        written = study | {"margins": margins, "claims": {"it-helps": claim}}
        path.write_text(yaml.safe_dump(written), encoding="utf-8")
        return load_study(path)

    return write_and_load


@pytest.mark.parametrize("base", [CLAIM, REFERENCE])
def test_a_claim_is_loaded(load, base):
    assert list(load({}, base).claims) == ["it-helps"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"higher": "cliped"},
            "claim 'it-helps': the study has no variant 'cliped'; did you mean 'clipped'?",
        ),
        ({"lower": "clipped"}, "compares 'clipped' with itself"),
        ({"lower": "again"}, "compares 'clipped' with 'again', which are the same algorithm"),
        ({"environments": ["CartPole-v0"]}, "no environment 'CartPole-v0'; did you mean 'CartPole-v1'?"),
        ({"environments": []}, "'claims.it-helps.directional.environments' is empty"),
        (
            {"source": {"paper": "schulman2017", "where": "1"}},
            "no entry 'schulman2017'; did you mean 'schulman2017ppo'?",
        ),
        (
            {"published": {"clipped": "ppo-table1-clip"}},
            "there is no reference 'ppo-table1-clip'; did you mean",
        ),
        (
            {"published": {"cliped": "ppo-table1-clip-eps-0.2"}},
            "no variant 'cliped'; did you mean 'clipped'?",
        ),
        (
            {"score": "deterministic_evaluation"},
            "the runs do not record what the score 'deterministic_evaluation' is made of: say "
            "'evaluation: {episodes: 10}' in the study",
        ),
        ({"score": "maximum_of_mean_curve"}, "say 'evaluation: {episodes: 10}' in the study"),
        ({"score": "last_10"}, "there is no such score; did you mean 'last_100'?"),
        ({"score": "mean(kll)"}, "there is no such score; did you mean 'mean(kl)'?"),
        ({"score": "final(kl)"}, "there is no such score; did you mean"),
        ({"score": "first(reference_cosin)"}, "did you mean 'first(reference_cosine)'?"),
        ({"score": "mean(reference_cosine)"}, "say 'reference: {every: 10}' in the study"),
        ({"score": "mean(kl)"}, "the range is one of returns, not of 'mean(kl)'"),
        (
            {"unit": "comparator"},
            "no such margin; write the smallest difference that matters under 'margins'",
        ),
        ({"margin": 0.1}, "unknown key 'claims.it-helps.directional.margin'"),
        ({"kind": "direction"}, "cannot be 'direction'; did you mean 'directional'?"),
        ({"hihger": "clipped"}, "unknown key 'claims.it-helps.directional.hihger'; did you mean 'higher'?"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_by_name(load, changes, message):
    with pytest.raises(Refusal, match=re.escape(message)):
        load(changes)


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ({"last_100": {"score": 5}}, "would average 'last_100' over environments of different scales"),
        ({"last_100": {"range": 0}}, "greater than 0"),
        ({"last_100": {}}, "'margins.last_100' is empty"),
        ({"last_100": {"rage": 0.1}}, "'margins.last_100.rage"),
        ({"last_10": {"range": 0.1}}, "there is no such score; did you mean 'last_100'?"),
        ({}, "such as 'last_100: {range: 0.1}'"),
        ({"last_100": {"range": 0.1, "comparator": 0.1}}, "several units; say which by 'unit: comparator'"),
        (MARGINS | {"maximum": {"range": 0.1}}, "margins: no claim uses 'maximum: {range: …}'; leave it out"),
    ],
)
def test_margins_that_no_claim_can_use_are_refused(load, margins, message):
    with pytest.raises(Refusal, match=re.escape(message)):
        load({}, margins=margins)


@pytest.mark.parametrize(
    ("variant", "name", "others"),
    [
        ("clipped", "huang-baselines-ppo2-cartpole-v1-500k", "another statistic (unknown)"),
        ("clipped", "zoo-ppo-cartpole-v1-100k", "another statistic (deterministic_evaluation)"),
        ("likelihood", "ppo-table1-no-clipping-or-penalty", "another algorithm (PPO No clipping or penalty)"),
        ("trusting", "cleanrl-ppo-cartpole-v1-500k", "another algorithm (PPO)"),
        ("plain", "cleanrl-ppo-cartpole-v1-500k", "another algorithm (PPO)"),
        ("replayed", "cleanrl-ppo-cartpole-v1-500k", "another algorithm (PPO)"),
        (
            "clipped",
            "cleanrl-rpo-rpo-alpha-0.5-pendulum-v1-8m",
            "another statistic (unknown) and another algorithm (RPO alpha=0.5)",
        ),
    ],
)
def test_a_number_of_another_algorithm_or_statistic_needs_words(load, variant, name, others):
    variants = {
        "likelihood": {"surrogate": "log_likelihood"},
        "trusting": {"parent": "trpo"},
        "plain": {"parent": "reward_to_go"},
        "replayed": {"parent": "replay"},
    }
    study = STUDY | {"variants": STUDY["variants"] | variants}
    for ids in (name, [name]):
        with pytest.raises(Refusal) as refusal:
            load({"published": {variant: ids}}, study=study)
        assert (
            f"claim 'it-helps': published: '{name}' is of {others} than '{variant}'; say so in words: "
            f"'{variant}: {{{name}: …}}'" in str(refusal.value)
        )
    words = "that of another method"
    (claim,) = load({"published": {variant: {name: words}}}, study=study).claims.values()
    assert claim.quotes == ((variant, name, words),)


def test_a_number_of_the_same_algorithm_and_statistic_needs_none(load):
    published = {
        "clipped": ["cleanrl-ppo-cartpole-v1-500k", "ppo-table1-clip-eps-0.2"],
        "not clipped": "ppo-table1-no-clipping-or-penalty",
    }
    (claim,) = load({"published": published}).claims.values()
    assert [quote.words for quote in claim.quotes] == ["", "", ""]
    study = STUDY | {"evaluation": {"episodes": 10}}
    assert load({"published": {"clipped": "zoo-ppo-cartpole-v1-100k"}}, study=study)


def test_a_claim_may_be_judged_by_another_algorithm_if_words_say_so(load):
    study = STUDY | {"variants": {"trusting": {"parent": "trpo"}}}
    against = REFERENCE | {"variant": "trusting"}
    with pytest.raises(Refusal, match=re.escape("is of another algorithm (PPO) than 'trusting'")):
        load({}, against, study)
    published = {"trusting": {REFERENCE["reference"]: "PPO"}}
    (claim,) = load({"published": published}, against, study).claims.values()
    assert claim.quotes == (("trusting", REFERENCE["reference"], "PPO"),)


def test_the_number_that_judges_is_quoted_first(load):
    published = {"clipped": ["zoo-ppo-cartpole-v1-100k", REFERENCE["reference"]]}
    study = STUDY | {"evaluation": {"episodes": 10}}
    (claim,) = load({"published": published}, REFERENCE, study).claims.values()
    assert [quote.reference for quote in claim.quotes] == [REFERENCE["reference"], "zoo-ppo-cartpole-v1-100k"]


EFFECTS = {
    **{key: CLAIM[key] for key in ("statement", "source", "score")},
    "kind": "effects",
    "larger": ["clipped", "not clipped"],
    "smaller": ["clipped", "unbounded"],
}
OTHERS = STUDY["variants"] | {"unbounded": {"parent": "fixed_horizon"}}


@pytest.mark.parametrize(
    ("changes", "margins", "message"),
    [
        ({"smaller": ["not clipped", "clipped"]}, {"range": 0.1}, "compares an effect with itself"),
        ({"smaller": ["clipped", "again"]}, {"range": 0.1}, "'clipped' with 'again', which are the same"),
        ({"smaller": ["clipped", "unbound"]}, {"range": 0.1}, "did you mean 'unbounded'?"),
        ({"smaller": ["clipped"]}, {"range": 0.1}, "'claims.it-helps.effects.smaller"),
        ({}, {"comparator": 0.1}, "compares two effects, which have no common comparator"),
        ({"across": {"at_least": 3}}, {"range": 0.1}, "across: must hold on at least 3, but is about 2"),
        ({"across": {"at_least": 0}}, {"range": 0.1}, "greater than 0"),
        (
            {"across": {"at_most": 1}},
            {"range": 0.1},
            "unknown key 'claims.it-helps.effects.across.AtLeast.at_most'",
        ),
        ({"across": "some"}, {"range": 0.1}, "across"),
    ],
)
def test_effects_and_counts_that_cannot_be_judged_are_refused(load, changes, margins, message):
    study = STUDY | {"variants": OTHERS}
    assert load({}, EFFECTS, study, {"last_100": {"range": 0.1}})
    with pytest.raises(Refusal, match=re.escape(message)):
        load(changes, EFFECTS, study, {"last_100": margins})


def test_a_claim_says_which_of_several_margins_it_means(tmp_path):
    claims = {"one": CLAIM | {"unit": "range"}, "other": CLAIM | {"unit": "comparator"}}
    margins = {"last_100": {"range": 0.1, "comparator": 0.2}}
    study = Study.model_validate(STUDY | {"claims": claims, "margins": margins})
    tested = [hypothesis(claim, study.margins, {}) for claim in study.claims.values()]
    assert [(each.low, each.unit) for each in tested] == [(0.1, "range"), (0.2, "comparator")]


def test_opposite_claims_cannot_both_hold():
    """They share their margin, so no effect lies in both regions."""
    equal = {key: value for key, value in CLAIM.items() if key not in ("higher", "lower")}
    equal |= {"kind": "equivalence", "variant": "clipped", "comparator": "not clipped"}
    study = Study.model_validate(STUDY | {"claims": {"more": CLAIM, "same": equal}, "margins": MARGINS})
    more, same = (hypothesis(claim, study.margins, {}) for claim in study.claims.values())
    assert same.high <= more.low


@pytest.mark.parametrize("score", ["deterministic_evaluation", "maximum_of_mean_curve"])
def test_a_study_that_evaluates_has_claims_about_that(load, score):
    assert load({"score": score}, study=STUDY | {"evaluation": {"episodes": 10}})


def test_sampled_actions_make_no_deterministic_evaluation(load):
    study = STUDY | {"evaluation": {"episodes": 10, "actions": "sampled"}}
    assert load({"score": "maximum_of_mean_curve"}, study=study)
    with pytest.raises(Refusal, match=r"say 'mean' for 'evaluation\.actions' in the study"):
        load({"score": "deterministic_evaluation"}, study=study)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "cleanrl-ppo-cartpole-v1"}, "did you mean 'cleanrl-ppo-cartpole-v1-500k'?"),
        ({"reference": "huang-baselines-ppo2-cartpole-v1-500k"}, "the statistic of"),
        ({"score": "maximum"}, "another statistic (last_100) than the score 'maximum'"),
        ({"environments": ["Acrobot-v1"]}, "is about CartPole, the claim about Acrobot"),
        ({"reference": "ppo-table1-clip-eps-0.2"}, "another statistic (normalised)"),
        ({"unit": "range"}, "no such margin; write the smallest difference that matters"),
        ({"reference": "cleanrl-ppo-acrobot-v1-500k"}, "is about Acrobot, the claim about CartPole"),
    ],
)
def test_a_published_score_that_nothing_can_be_judged_by_is_refused(load, changes, message):
    with pytest.raises(Refusal, match=re.escape(message)):
        load(changes, REFERENCE)


def test_a_published_score_at_other_steps_is_refused(load):
    study = STUDY | {"environments": {"CartPole-v1": 100_000}}
    with pytest.raises(Refusal, match="was measured at 500,000 steps, the study's runs at 100,000"):
        load({}, REFERENCE, study)


TASKS = read_references()["ppo-table1-clip-eps-0.2"].environments
TABLE_1 = {"reference": "ppo-table1-clip-eps-0.2", "score": "normalised_by_best_run", "environments": None}
ON_TASKS = STUDY | {"environments": {task.replace("-v1", "-v5"): 1_000_000 for task in TASKS}}


def test_a_published_score_without_spread_is_judged_by_our_own(load):
    assert load(TABLE_1, REFERENCE, ON_TASKS)


@pytest.mark.parametrize("relation", ["within", "above", "below"])
def test_a_comparison_with_a_published_score_needs_a_margin(load, relation):
    with pytest.raises(Refusal, match=r"such as 'last_100: \{comparator: 0.1\}'"):
        load({"relation": relation}, REFERENCE, margins={})


def test_a_published_average_is_compared_with_an_average(load):
    with pytest.raises(Refusal, match="is an average over environments; leave out 'across'"):
        load(TABLE_1 | {"across": "each"}, REFERENCE, ON_TASKS)


@pytest.mark.parametrize(
    "spread", [{"spread_kind": "none"}, {"spread_kind": "standard_deviation", "spread": 3.0}]
)
def test_a_published_score_of_unknown_error_and_seeds_is_refused(load, monkeypatch, spread):
    known = read_references()[REFERENCE["reference"]].model_dump() | {"seeds": None, "spread": None} | spread
    unknown = {known["id"]: PublishedScore.model_validate(known)}
    monkeypatch.setattr(claim_checks, "read_references", lambda: unknown)
    with pytest.raises(Refusal, match="neither an error nor the number of seeds is published"):
        load({}, REFERENCE)


def test_every_fault_is_named_at_once(load):
    with pytest.raises(Refusal) as refusal:
        load({"higher": "cliped", "lower": "not cliped"})
    assert str(refusal.value).count("the study has no variant") == 2


def test_a_repeated_id_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    claims = yaml.safe_dump({"twice": CLAIM})
    text = (
        yaml.safe_dump(STUDY | {"margins": MARGINS})
        + "claims:\n"
        + "\n".join(f"  {line}" for line in (claims * 2).splitlines())
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match="the key 'twice' appears twice"):
        load_study(path)


@pytest.mark.parametrize("key", ["environments", "variants"])
def test_a_study_with_no_runs_is_refused(tmp_path, key):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | {key: {}}), encoding="utf-8")
    with pytest.raises(Refusal, match=f"'{key}' is empty"):
        load_study(path)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_suites_own_studies_are_usable(path):
    assert load_study(path).variants


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({}, Hypothesis(((Pair("clipped", "not clipped"),),), 0.1, float("inf"), "range")),
        (
            {"kind": "equivalence", "variant": "a", "comparator": "b"},
            Hypothesis(((Pair("a", "b"),),), -0.1, 0.1, "range"),
        ),
        (
            {"kind": "not_better", "variant": "a", "comparator": "b"},
            Hypothesis(((Pair("a", "b"),),), -float("inf"), 0.1, "range"),
        ),
        (
            {"kind": "effects", "larger": ["a", "b"], "smaller": ["c", "d"]},
            Hypothesis(
                (
                    (Excess(Pair("a", "b"), Pair("c", "d")), Excess(Pair("b", "a"), Pair("c", "d"))),
                    (Excess(Pair("a", "b"), Pair("d", "c")), Excess(Pair("b", "a"), Pair("d", "c"))),
                ),
                0.1,
                float("inf"),
                "range",
            ),
        ),
        (
            {"kind": "ordering", "order": ["a", "b", "c"]},
            Hypothesis(((Pair("a", "b"),), (Pair("b", "c"),)), 0.1, float("inf"), "range"),
        ),
        (
            {"kind": "optimum", "best": ["a", "b"], "others": ["c", "d"]},
            Hypothesis(
                ((Pair("a", "c"), Pair("b", "c")), (Pair("a", "d"), Pair("b", "d"))),
                0.1,
                float("inf"),
                "range",
            ),
        ),
        (
            {"kind": "level", "variant": "a", "side": "below", "level": 3},
            Hypothesis(((Pair("a", None),),), -float("inf"), 3.0, "score"),
        ),
    ],
)
def test_each_kind_says_where_which_effects_lie(claim, expected):
    fields = CLAIM | claim
    if claim:
        fields = {
            key: value
            for key, value in fields.items()
            if key not in ("higher", "lower") and value is not None
        }
    study = Study.model_validate(STUDY | {"claims": {"it": fields}, "margins": MARGINS})
    assert hypothesis(study.claims["it"], study.margins, {}) == expected
