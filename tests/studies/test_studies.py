"""Studies: from YAML to runs, and what is refused on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.places import CHECKOUT, DATA, STUDIES
from pgbench.base.refusals import Refusal
from pgbench.base.yaml_files import read_yaml
from pgbench.methods import lineage, naming
from pgbench.methods.paths import difference
from pgbench.methods.runs import Evaluation, Reference, seeds_of
from pgbench.studies.claims import AgainstReference, hypothesis
from pgbench.studies.configuration import Configuration, parse_configuration, study_files
from pgbench.studies.loading import describe_run, load_study
from pgbench.studies.plans import (
    MOST_LOOKS,
    StudyPlan,
    blocks_of_looks,
    plan_studies,
    plan_study,
    read_plan,
    runs_by_name,
)

TINY = DATA / "studies" / "tiny.yaml"


def configure(**changes: Any) -> Configuration:
    values: dict[str, Any] = {"preset": "full", "studies": [str(TINY)], "presets": {"full": {}}}
    return parse_configuration(values | changes, "test")


def write(directory: Path, text: str, name: str = "study.yaml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


# Configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prest": "full"}, "test: unknown key 'prest'; did you mean 'preset'?"),
        ({"preset": "ful"}, "test: preset 'ful' does not exist; did you mean 'full'?"),
        ({"block_size": 0}, "'block_size' is 0"),
        ({"studies": []}, "'studies' is"),
        ({"presets": {"full": {"step": 1}}}, "unknown key 'presets.full.step'; did you mean 'steps'?"),
        ({"presets": {"full": {"seeds": -1}}}, "'presets.full.seeds' is -1"),
        ({"presets": {"full": {"studies": {}}}}, "'presets.full.studies' is empty"),
        ({"presets": {"full": {"studies": {"ladder": []}}}}, "'presets.full.studies.ladder' is empty"),
    ],
)
def test_a_bad_configuration_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal) as refusal:
        configure(**changes)
    assert message in str(refusal.value)


def test_a_study_is_a_name_or_a_path() -> None:
    files = study_files(configure(studies=["ladder", str(TINY)]), STUDIES)
    assert files == {"ladder": STUDIES / "ladder.yaml", "tiny": TINY}


def test_without_a_list_of_studies_the_preset_names_them_or_all_are_meant() -> None:
    presets = {"full": {}, "small": {"studies": {"ladder": None}}}
    everything = study_files(configure(studies=None, presets=presets), STUDIES)
    assert set(everything.values()) == set(STUDIES.glob("*.yaml"))
    small = configure(studies=None, presets=presets, preset="small")
    assert list(study_files(small, STUDIES)) == ["ladder"]


def test_a_preset_with_an_unknown_study_is_refused() -> None:
    configuration = configure(studies=None, presets={"full": {"studies": {"laddr": None}}})
    with pytest.raises(Refusal, match=r"there is no 'laddr' in .*; did you mean 'ladder'\?"):
        study_files(configuration, STUDIES)


def test_two_studies_of_one_name_are_refused() -> None:
    with pytest.raises(Refusal, match="the name 'ladder' stands for"):
        study_files(configure(studies=["ladder", "elsewhere/ladder.yaml"]), STUDIES)


# Studies


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_study_can_be_used(path: Path) -> None:
    assert load_study(path).question.endswith("?")


VALID = "question: Why?\nparent: ppo\nenvironments: {CartPole-v1: 10}\nvariants: {PPO: }\n"


@pytest.mark.parametrize(
    ("correct", "mistake", "message"),
    [
        ("question:", "queston:", "unknown key 'queston'; did you mean 'question'?"),
        ("parent: ppo\n", "", "the key 'parent' is missing"),
        ("parent: ppo", "parent: pppo", "'pppo' is not in the lineage; did you mean 'ppo'?"),
        (
            "CartPole-v1",
            "CartPol-v1",
            "environments: there is no environment 'CartPol-v1'; did you mean 'CartPole-v1'",
        ),
        ("v1: 10", "v1: -10", "'environments.CartPole-v1' is -10"),
        ("PPO: ", "PPO: {gama: 1}", "variant 'PPO': unknown key 'gama'; did you mean 'gamma'?"),
        ("PPO: ", "PPO: {gamma: 2}", "variant 'PPO': 'gamma' is 2"),
        ("PPO: ", "PPO: {advantage: gea}", "'advantage' cannot be 'gea'; did you mean 'gae'?"),
        ("PPO: ", "PPO: {update.epochs: 1, update.epochs: 2}", "the key 'update.epochs' appears twice"),
        ("question: Why?", "question: [", "is not valid YAML"),
    ],
)
def test_a_bad_study_is_refused_by_file_key_and_nearest_spelling(
    tmp_path: Path, correct: str, mistake: str, message: str
) -> None:
    assert correct in VALID
    path = write(tmp_path, VALID.replace(correct, mistake))
    with pytest.raises(Refusal) as refusal:
        load_study(path)
    assert str(refusal.value).startswith(str(path))
    assert message in str(refusal.value)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(Refusal, match=r"nowhere\.yaml: cannot be read"):
        load_study(Path("nowhere.yaml"))


def test_variants_may_share_overrides_by_merging(tmp_path: Path) -> None:
    variants = "one: &base {gamma: 0.9, update.epochs: 3}, two: {<<: *base, gamma: 0.8}"
    algorithms = plan_study(
        "study", load_study(write(tmp_path, VALID.replace("PPO: ", variants))), configure()
    ).algorithms
    assert [algorithm.gamma for algorithm in algorithms.values()] == [0.9, 0.8]
    assert list(difference(*algorithms.values())) == ["gamma"]


# The studies of this repository


@pytest.fixture(scope="module")
def committed() -> dict[str, StudyPlan]:
    """The plans of all committed studies at the papers' budgets."""
    return plan_studies(configure(), {path.stem: path for path in STUDIES.glob("*.yaml")})


def test_the_suite_judges_many_claims_of_many_sources(committed: dict[str, StudyPlan]) -> None:
    claims = [claim for plan in committed.values() for claim in plan.study.claims.values()]
    assert len(claims) >= 60
    assert len({claim.source.paper for claim in claims}) >= 10


def test_no_study_is_without_claims_or_idle_variants(committed: dict[str, StudyPlan]) -> None:
    for plan in committed.values():
        assert plan.study.claims
        assert len(set(plan.algorithms.values())) == len(plan.algorithms)


def test_every_member_of_the_lineage_is_used(committed: dict[str, StudyPlan]) -> None:
    used = {algorithm for plan in committed.values() for algorithm in plan.algorithms.values()}
    assert not [member.name for member in lineage.LINEAGE.values() if member.algorithm not in used]


def judged(plan: StudyPlan) -> list[str]:
    """The claims none of whose environments is left out."""
    return [
        name
        for name, claim in plan.study.claims.items()
        if not set(claim.environments or ()) & set(plan.left_out)
    ]


@pytest.mark.parametrize(("preset", "fewest"), [("smoke", 1), ("quick", 25), ("standard", 60), ("paper", 60)])
def test_every_preset_can_be_planned_and_judges_claims(preset: str, fewest: int) -> None:
    values = read_yaml(CHECKOUT / "workflows" / "config.yaml") | {"preset": preset}
    configuration = parse_configuration(values, "config.yaml")
    plans = plan_studies(configuration, study_files(configuration, STUDIES))
    assert sum(len(judged(plan)) for plan in plans.values()) >= fewest


def test_the_quick_preset_is_quick() -> None:
    values = read_yaml(CHECKOUT / "workflows" / "config.yaml") | {"preset": "quick"}
    configuration = parse_configuration(values, "config.yaml")
    plans = plan_studies(configuration, study_files(configuration, STUDIES)).values()
    runs = {planned.name: planned for plan in plans for planned in plan.runs}
    steps = [run.run.steps * len(seeds_of(block)) for run in runs.values() for block in run.blocks]
    assert sum(steps) <= 8_000_000, "two cores make about 14,000 steps a second, and have ten minutes"


# Plans


def test_a_preset_that_bounds_the_steps_judges_final_scores_by_its_own_score() -> None:
    values = read_yaml(CHECKOUT / "workflows" / "config.yaml")
    quick = parse_configuration(values | {"preset": "quick"}, "config.yaml")
    paper = parse_configuration(
        values | {"preset": "paper", "studies": list(quick.spending.studies or ())}, "c"
    )
    files = study_files(quick, STUDIES)
    full = plan_studies(paper, files)
    rescored = 0
    for name, plan in plan_studies(quick, files).items():
        for label, claim in plan.study.claims.items():
            said = full[name].study.claims[label]
            if said.score != "last_100" or isinstance(said, AgainstReference):
                assert claim == said
                continue
            rescored += 1
            assert claim.score == "area_under_curve"
            assert claim.caveat is not None
            assert "The study says last_100" in claim.caveat
            hypothesis(claim, plan.study.margins, {})  # its margin exists
    assert rescored >= 1


def test_a_study_whose_steps_the_preset_leaves_alone_keeps_its_final_score(tmp_path: Path) -> None:
    values = read_yaml(CHECKOUT / "workflows" / "config.yaml") | {"preset": "quick"}
    values["presets"]["quick"]["steps"] = 10**9
    plan = plan_studies(
        configuration := parse_configuration(values, "c"), study_files(configuration, STUDIES)
    )
    assert any(claim.score == "last_100" for one in plan.values() for claim in one.study.claims.values())


def test_a_preset_keeps_some_environments_and_names_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, VALID.replace("v1: 10}", "v1: 10, Acrobot-v1: 20, Pendulum-v1: 30}"))
    kept = {"studies": {"study": ["Pendulum-v1", "CartPole-v1"], "other": ["HalfCheetah-v5"]}}
    configuration = configure(studies=[str(path)], presets={"full": kept})
    plan = plan_studies(configuration, {"study": path})["study"]
    assert plan.study.environments == {"CartPole-v1": 10, "Pendulum-v1": 30}
    assert [planned.environment for planned in plan.runs] == ["CartPole-v1", "Pendulum-v1"]
    assert plan.left_out == ("Acrobot-v1",)
    assert plan_studies(configure(), {"study": path})["study"].left_out == ()


def test_a_preset_that_keeps_what_a_study_does_not_have_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, VALID)
    configuration = configure(presets={"full": {"studies": {"study": ["CartPole-v0"]}}})
    with pytest.raises(Refusal) as refusal:
        plan_studies(configuration, {"study": path})
    assert str(refusal.value) == (
        "presets.full.studies.study: the study has no environment 'CartPole-v0'; did you mean 'CartPole-v1'?"
    )


def test_a_preset_bounds_and_never_raises() -> None:
    study = load_study(TINY)
    small = plan_study("tiny", study, configure(presets={"full": {"seeds": 3, "steps": 100}}))
    large = plan_study("tiny", study, configure(presets={"full": {"seeds": 99, "steps": 10**9}}))
    assert {(planned.run.steps, planned.blocks) for planned in small.runs} == {(100, ("0-2",))}
    assert {(planned.run.steps, planned.blocks) for planned in large.runs} == {(512, ("0-9",))}


def test_variants_that_agree_share_their_run_and_its_blocks(tmp_path: Path) -> None:
    path = write(tmp_path, VALID.replace("PPO: ", "one: , two: {gamma: 0.99}"))
    plan = plan_study("study", load_study(path), configure(block_size=5))
    assert len(plan.runs) == 2
    assert len(runs_by_name([plan])) == 1
    assert [block.partition("/")[2] for block in plan.blocks()] == ["0-4", "5-9"]


def test_a_plan_there_and_back(tmp_path: Path) -> None:
    plan = plan_studies(configure(), {"tiny": TINY})["tiny"]
    path = write(tmp_path, plan.model_dump_json(), "plan.json")
    assert read_plan(path) == plan


def test_a_foreign_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"plan\.json: the key 'name' is missing"):
        read_plan(write(tmp_path, "{}", "plan.json"))


def test_a_studys_evaluation_is_that_of_all_its_runs(tmp_path: Path) -> None:
    text = VALID + "evaluation: {episodes: 10, times: 5}\n"
    plan = plan_study("study", load_study(write(tmp_path, text)), configure())
    (planned,) = plan.runs
    assert planned.run.evaluation == Evaluation(episodes=10, times=5, actions="mean")
    with pytest.raises(Refusal, match=r"unknown key 'evaluation.episods'; did you mean 'episodes'\?"):
        load_study(write(tmp_path, text.replace("episodes", "episods")))


def test_a_studys_reference_is_that_of_all_its_runs(tmp_path: Path) -> None:
    text = VALID + "reference: {every: 10}\n"
    plan = plan_study("study", load_study(write(tmp_path, text)), configure())
    without = plan_study("study", load_study(write(tmp_path, VALID)), configure())
    (planned,), (other,) = plan.runs, without.runs
    assert planned.run == other.run.model_copy(update={"reference": Reference(every=10, batches=20)})
    assert planned.name != other.name
    with pytest.raises(Refusal, match=r"unknown key 'reference.evry'; did you mean 'every'\?"):
        load_study(write(tmp_path, text.replace("every", "evry")))
    replayed = text.replace("PPO: ", "old: {parent: replay}")
    with pytest.raises(Refusal, match="old: data 'replay_buffer' has no batch that a large one"):
        load_study(write(tmp_path, replayed))


def test_differences_are_to_the_variant_before() -> None:
    plan = plan_studies(configure(studies=["ladder"]), {"ladder": STUDIES / "ladder.yaml"})["ladder"]
    differences = plan.differences()
    assert list(differences) == list(plan.algorithms)
    assert differences["REINFORCE"] == {}
    assert list(differences["reward-to-go"]) == ["advantage"]


def test_run_name_names_the_nearest_member() -> None:
    run = describe_run("ppo", {"gamma": 0.9}, {"environment": "CartPole-v1", "steps": 1000}, "test")
    assert naming.run_name(run) == f"ppo.CartPole-v1.{run.digest}"


# Blocks


@given(st.integers(1, 200), st.integers(1, MOST_LOOKS), st.integers(1, 30))
def test_blocks_hold_each_seed_once(seeds: int, looks: int, block_size: int) -> None:
    blocks = [seeds_of(block) for block in blocks_of_looks(seeds, looks, block_size)]
    assert [seed for block in blocks for seed in block] == list(range(seeds * 2 ** (looks - 1)))
    assert all(len(block) <= block_size for block in blocks)


@given(st.integers(1, 200), st.integers(2, MOST_LOOKS), st.integers(1, 30))
def test_a_further_look_adds_blocks_and_leaves_the_others(seeds: int, looks: int, block_size: int) -> None:
    before, after = (blocks_of_looks(seeds, count, block_size) for count in (looks - 1, looks))
    assert after[: len(before)] == before


def test_a_plan_with_further_looks(tmp_path: Path) -> None:
    plan = plan_study("study", load_study(write(tmp_path, VALID)), configure())
    extended = plan.extended(3, block_size=10)
    assert extended.seeds_at_looks == (plan.seeds, 2 * plan.seeds, 4 * plan.seeds)
    assert set(plan.blocks()) < set(extended.blocks())
    assert extended.extended(1, block_size=10) == plan


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1-", "1-2-3", "0,1", "1.5"])
def test_bad_seeds_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="rising range"):
        seeds_of(text)
