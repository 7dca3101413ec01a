"""No option is dead: two specifications that differ in one leaf train differently, or one of them is refused."""

import pytest

from helpers import dead_options
from helpers.dead_options import Search
from pgbench.methods import components as c
from pgbench.methods import paths
from pgbench.methods.compatibility import of_first_steps, of_unread_choices
from pgbench.methods.lineage import LINEAGE

SAMPLED = 64
"""Of this many contexts, the ordinary tests search one."""
PARTS = 16


@pytest.fixture(autouse=True, scope="module")
def _worlds():
    dead_options.register()


def dead_in(contexts):
    search = Search()
    found = [str(pair) for algorithm in contexts for pair in search.dead(algorithm)]
    print(f"{len(contexts)} contexts, {search.pairs} pairs, {search.trainings} trainings")
    assert search.pairs > len(contexts)
    return found


def part(number, parts):
    """Every so many-th context, chosen by its content, so that a new member does not deal them anew."""
    return [context for context in dead_options.contexts() if int(context.digest, 16) % parts == number]


def test_a_sample_of_contexts_has_no_dead_option():
    """Where this fails, refuse the choice in `compatibility`, or let `VISIBLE` give it a value that is seen."""
    assert dead_in(part(0, SAMPLED)) == []


@pytest.mark.faults
@pytest.mark.parametrize("number", range(PARTS))
def test_no_context_has_a_dead_option(number):
    assert dead_in(part(number, PARTS)) == []


def test_the_search_knows_every_leaf_of_every_member():
    """A type of field that it cannot vary raises; each leaf has another value somewhere."""
    leaves, varied = set(), set()
    for member in LINEAGE.values():
        fields = member.algorithm.model_dump()
        leaves |= {
            path for path in paths.settable_paths(member.algorithm) if not isinstance(at(fields, path), dict)
        }
        varied |= {path for path, _ in dead_options.alternatives(dead_options.visible(member.algorithm))}
    assert leaves - varied == set()


def at(fields, path):
    for name in path.split("."):
        fields = fields[name]
    return fields


def test_the_search_finds_what_is_dead(monkeypatch):
    """Without their refusals: the clip of a single step, the λ of a single transition, the mean of a mean."""
    planted = [
        ("joint_fit", {"surrogate": c.ClippedRatio()}, "surrogate.epsilon"),
        ("online_actor_critic", {"advantage": c.GAE()}, "advantage.lam"),
        ("reward_to_go", {"details.advantage_normalisation": "batch"}, "baseline"),
    ]
    for part_of in (of_first_steps, of_unread_choices):
        monkeypatch.setattr(part_of, "faults", lambda choices: ())
    for member, change, path in planted:
        context = paths.with_values(dead_options.visible(LINEAGE[member].algorithm), change)
        assert path in {pair.path for pair in Search().dead(context, only=path)}
