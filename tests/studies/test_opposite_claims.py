"""Two claims of which only one can be true, but which results could replicate both, are refused."""

import re

import pytest
import yaml

from pgbench.base.refusals import Refusal
from pgbench.studies.loading import load_study

COMMON = {
    "statement": "It is so.",
    "source": {"paper": "schulman2017ppo", "where": "Table 1"},
    "score": "last_100",
}
ON_CARTPOLE = {"environments": ["CartPole-v1"]}
RANGE, COMPARATOR = {"unit": "range"}, {"unit": "comparator"}


def higher(one, other):
    return {"kind": "directional", "higher": one, "lower": other}


def equal(one, other):
    return {"kind": "equivalence", "variant": one, "comparator": other}


def not_better(one, other):
    return {"kind": "not_better", "variant": one, "comparator": other}


def ordering(*order):
    return {"kind": "ordering", "order": list(order)}


def level(side, value):
    return {"kind": "level", "variant": "a", "side": side, "level": value, **ON_CARTPOLE}


@pytest.fixture
def load(tmp_path):
    def write_and_load(one, other, margins=("range", "comparator")):
        study = {
            "question": "Are they opposite?",
            "parent": "ppo_clip",
            "environments": {"CartPole-v1": 500_000, "Acrobot-v1": 500_000},
            "variants": {"a": {}, "b": {"parent": "no_clip"}, "c": {"parent": "trpo"}},
            "margins": {"last_100": dict.fromkeys(margins, 0.1)} if margins else {},
            "claims": {"one": COMMON | one, "other": COMMON | other},
        }
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(study), encoding="utf-8")
        return load_study(path)

    return write_and_load


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (higher("a", "b") | RANGE, equal("a", "b") | COMPARATOR),
        (higher("a", "b") | RANGE, equal("b", "a") | COMPARATOR),
        (higher("a", "b") | RANGE, higher("b", "a") | COMPARATOR),
        (higher("a", "b") | COMPARATOR, not_better("a", "b") | RANGE),
        (
            higher("a", "b") | RANGE,
            equal("a", "b") | COMPARATOR | {"environments": ["Acrobot-v1", "CartPole-v1"]},
        ),
        (ordering("c", "a", "b") | RANGE, equal("b", "a") | COMPARATOR),
    ],
)
def test_margins_in_different_units(load, one, other):
    message = "study.yaml: claims 'one' and 'other' are opposite, but their margins have different units"
    with pytest.raises(Refusal, match=re.escape(message)):
        load(one, other)
    same = {"unit": "range"}
    assert load(one | same, other | same, ["range"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (higher("a", "b") | RANGE, higher("a", "b") | COMPARATOR),
        (higher("a", "b") | RANGE, not_better("b", "a") | COMPARATOR),
        (not_better("a", "b") | RANGE, not_better("b", "a") | COMPARATOR),
        (higher("a", "b") | RANGE, equal("a", "c") | COMPARATOR),
        (higher("a", "b") | RANGE, equal("a", "b") | COMPARATOR | ON_CARTPOLE),
        (higher("a", "b") | RANGE, equal("a", "b") | COMPARATOR | {"across": {"at_least": 1}}),
    ],
)
def test_claims_that_can_both_be_true_may_differ(load, one, other):
    assert load(one, other)


def test_levels_that_overlap(load):
    message = "claims 'one' and 'other' are opposite, but scores of 'a' from 90 to 110 would replicate both"
    for claims in (
        (level("above", 90.0), level("below", 110.0)),
        (level("below", 110.0), level("above", 90.0)),
    ):
        with pytest.raises(Refusal, match=re.escape(message)):
            load(*claims, margins=())
    assert load(level("above", 90.0), level("below", 90.0), margins=())
    assert load(level("above", 90.0), level("above", 110.0), margins=())
    elsewhere = level("below", 110.0) | {"environments": ["Acrobot-v1"]}
    assert load(level("above", 90.0), elsewhere, margins=())
    other_score = level("below", 110.0) | {"score": "maximum"}
    assert load(level("above", 90.0), other_score, margins=())


def test_a_level_and_a_published_score_that_overlap(load):
    reference = {
        "kind": "reference",
        "variant": "a",
        "relation": "above",
        "reference": "cleanrl-ppo-cartpole-v1-500k",
        **ON_CARTPOLE,
    }
    message = "scores of 'a' from 490.14 to 495 would replicate both"
    with pytest.raises(Refusal, match=re.escape(message)):
        load(reference | {"unit": "score"}, level("below", 495.0), ["score"])
