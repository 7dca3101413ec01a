"""Studies: from YAML to runs, and what is refused on the way."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgbench import studies
from pgbench.refusals import Refusal

CHECKOUT = Path(__file__).parents[1]
STUDIES = CHECKOUT / "workflows" / "studies"
TINY = Path(__file__).parent / "data" / "studies" / "tiny.yaml"


def configure(**changes: Any) -> studies.Configuration:
    values: dict[str, Any] = {"preset": "full", "studies": [str(TINY)], "presets": {"full": {}}}
    return studies.parse_configuration(values | changes, "test")


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
    ],
)
def test_a_bad_configuration_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal) as refusal:
        configure(**changes)
    assert message in str(refusal.value)


def test_a_study_is_a_name_or_a_path() -> None:
    files = studies.study_files(configure(studies=["ladder", str(TINY)]), STUDIES)
    assert files == {"ladder": STUDIES / "ladder.yaml", "tiny": TINY}


def test_two_studies_of_one_name_are_refused() -> None:
    with pytest.raises(Refusal, match="the name 'ladder' stands for"):
        studies.study_files(configure(studies=["ladder", "elsewhere/ladder.yaml"]), STUDIES)


# Studies


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_study_can_be_used(path: Path) -> None:
    assert studies.load_study(path).question.endswith("?")


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
            "environments: there is no environment 'CartPol-v1'; did you mean CartPole-v1",
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
        studies.load_study(path)
    assert str(refusal.value).startswith(str(path))
    assert message in str(refusal.value)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(Refusal, match=r"nowhere\.yaml: cannot be read"):
        studies.load_study(Path("nowhere.yaml"))


# Plans


def test_a_preset_bounds_and_never_raises() -> None:
    study = studies.load_study(TINY)
    small = studies.plan_study("tiny", study, configure(presets={"full": {"seeds": 3, "steps": 100}}))
    large = studies.plan_study("tiny", study, configure(presets={"full": {"seeds": 99, "steps": 10**9}}))
    assert {(planned.run.steps, planned.blocks) for planned in small.runs} == {(100, ("0-2",))}
    assert {(planned.run.steps, planned.blocks) for planned in large.runs} == {(512, ("0-9",))}


def test_variants_that_agree_share_their_run_and_its_blocks(tmp_path: Path) -> None:
    path = write(tmp_path, VALID.replace("PPO: ", "one: , two: {gamma: 0.99}"))
    plan = studies.plan_study("study", studies.load_study(path), configure(block_size=5))
    assert len(plan.runs) == 2
    assert len(studies.runs_by_name([plan])) == 1
    assert [block.partition("/")[2] for block in plan.blocks()] == ["0-4", "5-9"]


def test_a_plan_there_and_back(tmp_path: Path) -> None:
    plan = studies.plan(configure(), {"tiny": TINY})["tiny"]
    path = write(tmp_path, plan.model_dump_json(), "plan.json")
    assert studies.read_plan(path) == plan


def test_a_foreign_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"plan\.json: the key 'name' is missing"):
        studies.read_plan(write(tmp_path, "{}", "plan.json"))


def test_differences_are_to_the_variant_before() -> None:
    plan = studies.plan(configure(studies=["ladder"]), {"ladder": STUDIES / "ladder.yaml"})["ladder"]
    differences = plan.differences()
    assert list(differences) == list(plan.algorithms)
    assert differences["REINFORCE"] == {}
    assert list(differences["reward-to-go"]) == ["advantage"]


def test_run_name_names_the_nearest_member() -> None:
    run = studies.describe_run("ppo", "CartPole-v1", 1000, {"gamma": 0.9}, "test")
    assert studies.run_name(run) == f"ppo.CartPole-v1.{run.digest}"


# Blocks


@given(st.integers(1, 200), st.integers(1, 30))
def test_blocks_hold_each_seed_once(seeds: int, block_size: int) -> None:
    blocks = [studies.seeds_of(block) for block in studies.blocks_of(seeds, block_size)]
    assert [seed for block in blocks for seed in block] == list(range(seeds))
    assert all(len(block) <= block_size for block in blocks)


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1-", "1-2-3", "0,1", "1.5"])
def test_bad_seeds_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="rising range"):
        studies.seeds_of(text)


# Digests of code


def modules_behind(module: Path) -> set[Path]:
    """The modules of this package that a module imports when it is imported, and they in turn."""
    package = CHECKOUT / "pgbench"
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pgbench":
                base = package.joinpath(*(node.module or "").split(".")[1:])
                names = [base, *(base / alias.name for alias in node.names)]
                waiting += [
                    file for name in names for file in (name.with_suffix(".py"), name / "__init__.py")
                ]
        waiting = [path for path in waiting if path.exists() and path != package / "__init__.py"]
    return found


def test_the_digest_of_training_covers_all_that_training_imports() -> None:
    package = CHECKOUT / "pgbench"
    listed = {package / name for name in studies.TRAINING_CODE}
    missing = {
        path.relative_to(package).as_posix()
        for path in modules_behind(package / "training.py")
        if path not in listed and not set(path.parents) & listed
    }
    assert not missing


def test_code_digest_follows_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "PACKAGE", tmp_path)
    (tmp_path / "part").mkdir()
    module, other = write(tmp_path / "part", "x = 1\n", "module.py"), write(tmp_path, "y = 1\n", "other.py")
    before = studies.code_digest(["part"])
    other.write_text("y = 2\n")
    assert studies.code_digest(["part"]) == before
    assert studies.code_digest(["part", "other.py"]) != before
    module.write_text("x = 2\n")
    assert studies.code_digest(["part"]) != before
