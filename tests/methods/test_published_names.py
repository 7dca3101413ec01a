"""Which methods are published under which names."""

import pytest

from pgbench.methods.compatibility.of_published_names import families, published_family
from pgbench.methods.lookup import member
from pgbench.studies.references import read_references


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("PPO", "PPO"),
        ("openai/baselines PPO2", "PPO"),
        ("baselines ppo2 (ea25b9e) rerun by Huang et al.", "PPO"),
        ("PPO-NoClip", "PPO"),
        ("TRPO+", "TRPO"),
        ("Reinforce", "REINFORCE"),
        ("RPO alpha=0.5", "RPO"),
        ("A2C gSDE", "A2C"),
        ("A2C + Trust Region", "A2C + TRUST REGION"),
        ("jaxrl SAC", "SAC"),
        ("a method of mine", None),
    ],
)
def test_the_family_of_a_published_name(name, family):
    assert published_family(name) == family


def test_every_published_score_has_a_family():
    assert [one.id for one in read_references().values() if published_family(one.algorithm) is None] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reinforce", {"REINFORCE", "VPG"}),
        ("average_baseline", {"REINFORCE", "VPG"}),
        ("gae", {"A2C", "VPG"}),
        ("natural_gradient", {"NPG"}),
        ("trpo", {"TRPO"}),
        ("ppo_clip", {"PPO"}),
        ("ppo_adaptive_kl", {"PPO"}),
        ("replay", set()),
    ],
)
def test_the_families_of_a_method(name, expected):
    assert families(member(name, "here").algorithm) == expected
