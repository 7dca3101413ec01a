"""The command line: its verbs, its refusals, and how soon it answers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.calling import call
from helpers.places import CHECKOUT
from helpers.recorder import Recorder
from helpers.representatives import fits
from pgbench.costs import growth
from pgbench.methods import components, lineage, naming, paths, runs
from pgbench.methods.members import Member
from pgbench.methods.runs import Reference, Run
from pgbench.report import tracking
from pgbench.storage import digests
from pgbench.studies.catalogue import CATALOGUE
from pgbench.studies.configuration import parse_configuration, planning_arguments, study_files
from pgbench.studies.plans import plan_studies, read_plan

HEAVY = ("gymnasium", "matplotlib", "mujoco", "pandas", "seaborn", "torch", "wandb")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch, "pgbench.running.block", "train_block")


# What a person may rely on before anything is computed


def heavy_modules(code: str) -> str:
    """Run code in a fresh interpreter; which heavy modules has it imported?"""
    program = f"import sys\n{code}\nprint(sorted(set(sys.modules) & set({HEAVY!r})))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return run.stdout.strip().splitlines()[-1]


def test_training_begins_without_what_only_the_analysis_needs() -> None:
    program = "import sys\nimport pgbench.running.block\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    needless = {"scipy.special", "scipy.stats", "matplotlib", "jinja2", "wandb", "pgbench.analysis"}
    assert not needless & set(run.stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["plan"], ["lineage"]])
def test_help_and_planning_import_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import runpy
sys.argv = ["pgbench", *{arguments!r}]
try:
    runpy.run_module("pgbench", run_name="__main__", alter_sys=True)
except SystemExit:
    pass
"""
    assert heavy_modules(code) == "[]"


def test_the_workflow_imports_nothing_heavy() -> None:
    rules = "\n".join(path.read_text() for path in (CHECKOUT / "workflows/rules").glob("*.smk"))
    imports = re.findall(r"^(?:from pgbench[\w.]* )?import .+$", rules, re.MULTILINE)
    assert any("studies" in line for line in imports)
    assert heavy_modules("\n".join(imports)) == "[]"


# Training


def test_it_says_its_version_and_where_its_workflow_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--version") == 0
    assert call(monkeypatch, "snakefile") == 0
    assert capsys.readouterr().out.splitlines() == ["pgbench 0.1.0", str(CHECKOUT / "Snakefile")]


def test_train_needs_only_a_method_an_environment_and_a_budget(
    monkeypatch: pytest.MonkeyPatch, trained: Recorder
) -> None:
    assert call(monkeypatch, "train", "ppo", "HalfCheetah-v5", "--steps", "1000000", "--seeds", "0-2") == 0
    run, seeds, directory, _ = trained.calls[0]
    assert run == Run(
        algorithm=lineage.LINEAGE["ppo"].algorithm, environment="HalfCheetah-v5", steps=1_000_000
    )
    assert seeds == [0, 1, 2]
    assert directory == Path("results", "runs", naming.run_name(run), "0-2")


def test_overrides_are_yaml(monkeypatch: pytest.MonkeyPatch, trained: Recorder) -> None:
    arguments = ["--override", "advantage.lam=0.9", "--override", "networks.hidden=[32, 32]"]
    arguments += ["--override", "baseline.target=monte_carlo", "--override", "update.optimiser.decay=null"]
    assert (
        call(monkeypatch, "train", "ppo", "CartPole-v1", "--steps", "10", *arguments, "--into", "here") == 0
    )
    run, _, directory, _ = trained.calls[0]
    assert run.algorithm == paths.with_values(
        lineage.LINEAGE["ppo"].algorithm,
        {
            "advantage.lam": 0.9,
            "networks.hidden": (32, 32),
            "baseline.target": components.MonteCarloTarget(),
            "update.optimiser.decay": None,
        },
    )
    assert directory == Path("here")


EVALUATIONS = st.builds(
    runs.Evaluation,
    episodes=st.integers(1, 100),
    times=st.integers(1, 100),
    actions=st.sampled_from(["mean", "sampled"]),
)
OVERRIDES: dict[str, st.SearchStrategy[Any]] = {
    "gamma": st.floats(0.01, 1.0),
    "update.optimiser.learning_rate": st.floats(1e-6, 1.0),
    "update.optimiser.decay": st.sampled_from([None, "linear"]),
    "baseline": st.sampled_from(
        [components.LearnedValue(), components.LearnedValue(fit=components.JointFit(coefficient=0.3))]
    ),
    "networks.hidden": st.lists(st.integers(1, 512), max_size=3),
    "networks.initialisation": st.sampled_from([components.Xavier(), components.Orthogonal(hidden_gain=1.0)]),
    "details.reward_scaling": st.sampled_from([None, components.RewardScaling(clip=None)]),
    "details.entropy_bonus": st.floats(0.0, 1.0),
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(lineage.LINEAGE.values())),
    st.fixed_dictionaries({}, optional=OVERRIDES),
    st.none() | EVALUATIONS,
)
def test_a_runs_arguments_describe_that_run(
    member: Member, overrides: dict[str, Any], evaluation: runs.Evaluation | None
) -> None:
    try:
        algorithm = paths.with_values(member.algorithm, overrides)
    except (KeyError, ValidationError):  # a choice that this member does not have, or does not go with
        reject()
    # HalfCheetah's actions are real numbers, for members that choose how a Gaussian's are drawn or given.
    discrete = member.name.startswith("replay") or fits(member.name, "discrete")
    environment = "CartPole-v1" if discrete and algorithm.details.actions == "clipped" else "HalfCheetah-v5"
    run = Run(algorithm=algorithm, environment=environment, steps=1000, evaluation=evaluation)
    with pytest.MonkeyPatch.context() as monkeypatch:
        trained = Recorder(monkeypatch, "pgbench.running.block", "train_block")
        arguments = [*naming.training_arguments(run), "--seeds", "0-0", "--name", naming.run_name(run)]
        assert call(monkeypatch, "train", *arguments) == 0
    assert trained.calls[0][:2] == (run, [0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pppo", "CartPole-v1"], "algorithm: 'pppo' is not in the lineage; did you mean 'ppo'?"),
        (
            ["ppo", "CartPol-v1"],
            "environment: there is no environment 'CartPol-v1'; did you mean 'CartPole-v1'",
        ),
        (
            ["ppo", "CartPole-v1", "--override", "advantage.lamb=1"],
            "'advantage.lamb'; did you mean 'advantage.lam'?",
        ),
        (["ppo", "CartPole-v1", "--override", "advantage.lam=2"], "less than or equal to 1"),
        (["ppo", "CartPole-v1", "--override", "advantage.lam"], "must look like advantage.lam=0.9"),
        (["ppo", "CartPole-v1", "--override", "gamma=1", "--override", "gamma=1"], "'gamma' is given twice"),
        (["ppo", "CartPole-v1", "--override", "gamma=["], "override 'gamma=['"),
        (["ppo", "CartPole-v1", "--seeds", "3-1"], "rising range"),
        (["ppo", "CartPole-v1", "--name", "ppo.CartPole-v1.00000000"], "not 'ppo.CartPole-v1.00000000'"),
        (["ppo", "CartPole-v1", "--steps", "-1"], "'steps' is -1"),
        (["ppo", "CartPole-v1", "--evaluations", "3"], "but not in how many --evaluation-episodes"),
        (["ppo", "CartPole-v1", "--evaluation-episodes", "0"], "'evaluation.episodes' is 0"),
        (
            ["ppo", "CartPole-v1", "--evaluation-episodes", "1", "--evaluation-actions", "best"],
            "'evaluation.actions' is 'best'",
        ),
    ],
)
def test_train_refuses_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trained: Recorder,
    arguments: list[str],
    message: str,
) -> None:
    assert call(monkeypatch, "train", "--steps", "10", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not trained.calls


# The other verbs


def test_track_refuses_a_path_without_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "track", str(tmp_path)) == 2
    assert f"{tmp_path}: is neither a block" in capsys.readouterr().err


def test_track_says_in_one_line_that_wandb_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def fail(*_: Any) -> str:
        raise tracking.TrackingError("warning: no route")

    monkeypatch.setattr(tracking, "track", fail)
    assert call(monkeypatch, "track", "results") == 1
    assert capsys.readouterr().err == "warning: no route\n"


def _configuration() -> dict[str, Any]:
    from pgbench.base.yaml_files import read_yaml

    values = read_yaml(CHECKOUT / "workflows/config.yaml")
    return {key: value for key, value in values.items() if key != "preset"}


def test_resolve_writes_the_plan_that_the_workflow_makes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(CHECKOUT)
    configuration = parse_configuration({"preset": "quick", **_configuration()}, "test")
    files = study_files(configuration, Path("workflows/studies"))
    for name, plan in plan_studies(configuration, files).items():
        path = tmp_path / name / "plan.json"
        spending = planning_arguments(configuration, name, plan.looks)
        assert call(monkeypatch, "resolve", str(files[name]), *spending, "--into", str(path)) == 0
        assert read_plan(path) == plan


def test_resolve_refuses_an_unknown_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert call(monkeypatch, "resolve", "laddr") == 2
    assert "there is no 'laddr' in workflows/studies; did you mean 'ladder'?" in capsys.readouterr().err


def test_gather_reads_the_plan_beside_the_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gathered = Recorder(monkeypatch, "pgbench.analysis.gathering", "gather")
    study = CHECKOUT / "tests/data/studies/tiny.yaml"
    assert call(monkeypatch, "resolve", str(study), "--into", str(tmp_path / "plan.json")) == 0
    assert call(monkeypatch, "gather", str(tmp_path)) == 0
    plan = read_plan(tmp_path / "plan.json")
    assert gathered.calls == [(plan, Path("results"), tmp_path)]


def test_gather_without_a_plan_says_what_writes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "gather", str(tmp_path)) == 2
    assert "`pgbench resolve` writes it" in capsys.readouterr().err


def test_pages_go_where_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = ("--html", "page.html", "--markdown", "page.md")
    written = Recorder(monkeypatch, "pgbench.report.study_page", "write_study")
    monkeypatch.setattr("pgbench.report.study_page.Neighbours", lambda *names: names, raising=False)
    assert call(monkeypatch, "report", "a", "studies/b", "--into", "pages") == 0
    indexed = Recorder(monkeypatch, "pgbench.report.index_page", "write_index")
    assert call(monkeypatch, "index", "a", "b", *pages) == 0
    assert written.calls == [
        (Path("a"), Path("pages/a.html"), Path("pages/a.md"), (None, "b")),
        (Path("studies/b"), Path("pages/b.html"), Path("pages/b.md"), ("a", None)),
    ]
    assert indexed.calls == [([Path("a"), Path("b")], Path("page.html"), Path("page.md"), [])]


def test_measure_growth_writes_the_table_and_advises_on_the_configured_block_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setattr(growth, "measure_growth", lambda _: {growth.DEFAULT: growth.Growth(5000.0, 400.0)})
    assert call(monkeypatch, "measure-growth", "--into", str(tmp_path / "growth.csv")) == 0
    assert (tmp_path / "growth.csv").read_text(encoding="utf-8").endswith("10,64,1,5000,400,3\n")
    assert "the configured block of 10 (block_size) makes 5,000" in capsys.readouterr().out


def test_lineage_prints_every_member_and_its_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "lineage") == 0
    output = capsys.readouterr().out
    assert output.count(" → ") == len(lineage.LINEAGE) - 1
    for member in lineage.LINEAGE.values():
        assert f"{member.idea} [{member.source}]" in output


def test_the_laboratory_lists_its_measurements(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "laboratory") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in CATALOGUE)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["varience"], "there is no measurement 'varience'; did you mean 'variance'?"),
        (
            ["variance", "--preset", "standart"],
            "no preset 'standart' of the laboratory; did you mean 'standard'?",
        ),
    ],
)
def test_a_misspelt_measurement_or_preset_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert call(monkeypatch, "laboratory", *arguments) == 2
    assert reason in capsys.readouterr().err


def test_a_measurement_goes_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Recorder(monkeypatch, "pgbench.laboratory.measuring", "write")
    assert call(monkeypatch, "laboratory", "offset", "--preset", "quick", "--output", "there") == 0
    assert call(monkeypatch, "laboratory", "offset", "--seed", "3") == 0
    code = digests.of_measurement("offset")
    assert measured.calls == [
        ("offset", "quick", 0, Path("there"), code),
        ("offset", "standard", 3, Path("results/laboratory/standard/offset"), code),
    ]
    pages = Recorder(monkeypatch, "pgbench.report.laboratory_page", "write_page")
    assert call(monkeypatch, "laboratory-report", "a", "--html", "p.html", "--markdown", "p.md") == 0
    assert pages.calls == [([Path("a")], Path("p.html"), Path("p.md"))]


def test_training_looks_at_a_reference_gradient_only_if_asked(
    monkeypatch: pytest.MonkeyPatch, trained: Recorder
) -> None:
    arguments = ("train", "ppo", "CartPole-v1", "--steps", "5000", "--seeds", "3-4")
    assert call(monkeypatch, *arguments) == 0
    assert call(monkeypatch, *arguments, "--reference-every", "5", "--reference-batches", "9") == 0
    assert call(monkeypatch, *arguments, "--reference-every", "5") == 0
    plain, looking, default = (run for run, *_ in trained.calls)
    assert plain.reference is None
    assert looking == plain.model_copy(update={"reference": Reference(every=5, batches=9)})
    assert default.reference == Reference(every=5, batches=20)
    places = [directory for _, _, directory, _ in trained.calls]
    assert places == [
        Path("results", "runs", naming.run_name(run), "3-4") for run in (plain, looking, default)
    ]


def test_a_reference_that_cannot_be_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trained: Recorder
) -> None:
    arguments = ("train", "replay", "CartPole-v1", "--steps", "5000", "--reference-every")
    assert call(monkeypatch, *arguments, "5") == 2
    assert "data 'replay_buffer' has no batch that a large one could be compared" in capsys.readouterr().err
    assert call(monkeypatch, "train", "ppo", "CartPole-v1", "--steps", "9", "--reference-batches", "5") == 2
    assert "but not how often, --reference-every" in capsys.readouterr().err
    assert not trained.calls
