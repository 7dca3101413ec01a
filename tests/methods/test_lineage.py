"""The lineage: one change a step, from REINFORCE to PPO."""

import pytest

from pgbench.methods import components, lineage, naming, paths
from pgbench.methods.lineage import LINEAGE, Member
from pgbench.methods.paths import difference

SUCCESSORS = [member for member in LINEAGE.values() if member.parent is not None]


@pytest.mark.parametrize("member", SUCCESSORS, ids=lambda member: member.name)
def test_a_successor_changes_exactly_one_field_of_an_earlier_member(member: Member) -> None:
    names = list(LINEAGE)
    assert member.parent is not None
    assert names.index(member.parent) < names.index(member.name)
    assert len(difference(LINEAGE[member.parent].algorithm, member.algorithm)) == 1


def test_reinforce_is_the_only_root() -> None:
    assert [member.name for member in LINEAGE.values() if member.parent is None] == ["reinforce"]


@pytest.mark.parametrize("member", LINEAGE.values(), ids=lambda member: member.name)
def test_a_member_is_nearest_to_itself(member: Member) -> None:
    assert naming.nearest_member(member.algorithm) == member


def test_no_two_members_are_the_same_algorithm() -> None:
    assert len({member.algorithm.digest for member in LINEAGE.values()}) == len(LINEAGE)


def test_nearest_counts_fields() -> None:
    near_ppo = paths.replace(lineage.PPO_PRACTISED.algorithm, {"advantage.lam": 0.5})
    assert naming.nearest_member(near_ppo).name == "ppo"


@pytest.mark.parametrize(
    "change", [{}, {"gamma": 0.99}, {"gamma": 0.9, "update.optimiser.learning_rate": 1e-2}]
)
def test_a_successor_with_no_or_two_changes_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="replaces exactly one field"):
        lineage.successor(lineage.REINFORCE, "new", change, "an idea", "a source")


def test_ppo_as_printed_has_the_values_of_table_3() -> None:
    algorithm = lineage.PPO_CLIP.algorithm
    assert algorithm.data == components.FixedHorizon(steps=2048)
    optimiser = components.Adam(learning_rate=3e-4)
    assert algorithm.update == components.MinibatchEpochs(epochs=10, minibatch_size=64, optimiser=optimiser)
    assert algorithm.surrogate == components.ClippedRatio(epsilon=0.2)
    assert (algorithm.gamma, algorithm.advantage) == (0.99, components.GAE(lam=0.95))
    assert algorithm.details == components.Details()


def test_ppo_as_practised_has_every_detail() -> None:
    algorithm = lineage.PPO_PRACTISED.algorithm
    assert algorithm.update.optimiser == components.Adam(learning_rate=3e-4, epsilon=1e-5, decay="linear")
    assert algorithm.networks.initialisation == components.Orthogonal(policy_gain=0.01, value_gain=1.0)
    assert algorithm.details == components.Details(
        observation_normalisation=components.ObservationNormalisation(clip=10.0),
        reward_scaling=components.RewardScaling(clip=10.0),
        advantage_normalisation="minibatch",
        max_gradient_norm=0.5,
    )
