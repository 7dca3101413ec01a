"""Few members of the lineage have every choice that some member has."""

from helpers.representatives import choices, representatives
from pgbench.methods.lineage import LINEAGE


def test_representatives_have_every_choice_of_the_lineage():
    few = {choice for name in representatives() for choice in choices(LINEAGE[name].algorithm)}
    assert few == {choice for member in LINEAGE.values() for choice in choices(member.algorithm)}
    assert len(representatives()) < len(LINEAGE) / 2


def test_numbers_are_one_choice_and_words_are_others():
    found = dict(choices(LINEAGE["ppo"].algorithm))
    assert found[".gamma"] == "a number"
    assert found[".update"] == "MinibatchEpochs"
    assert found[".details.time_limits"] == "bootstrap"
    assert found[".update.max_kl"] is None
