"""The workflow as a person sees it: `snakemake` in a directory of its own, with real training."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.places import CHECKOUT, DATA
from pgbench.analysis import verification
from pgbench.base.yaml_files import read_yaml
from pgbench.methods.runs import Reference
from pgbench.running.block import train_block
from pgbench.storage.blocks import FILES, read_block
from pgbench.studies import plans
from pgbench.studies.catalogue import CATALOGUE


def snakemake(
    directory: Path, *arguments: str, checkout: Path = CHECKOUT
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a directory, with the workflow of a checkout."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", checkout / "Snakefile", "--cores", "2"]
    return subprocess.run(
        [*command, *arguments],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def smoke(directory: Path, *arguments: str) -> str:
    """Run the small workflow in a directory that `finished` made; it must succeed. Returns what it prints."""
    run = snakemake(
        directory, "--configfile", "smoke.yaml", *arguments, checkout=directory.parent / "checkout"
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


def planned_jobs(output: str) -> dict[str, int]:
    """Rule → jobs, from a dry-run's statistics."""
    statistics = output.rpartition("Job stats:")[2].partition("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", statistics, re.MULTILINE)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the small workflow has run; the checkout beside it may be edited."""
    root = tmp_path_factory.mktemp("workflow")
    (root / "checkout").mkdir()
    for part in ("pgbench", "workflows"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / part, root / "checkout" / part, ignore=ignored)
    for part in ("Snakefile", "environment.yml"):
        shutil.copy(CHECKOUT / part, root / "checkout")
    shutil.copytree(DATA, root / "work")
    smoke(root / "work")
    return root / "work"


@contextmanager
def edited(module: Path, before: str, after: str) -> Iterator[None]:
    """Replace something in a module for a while."""
    original = module.read_text()
    assert before in original
    module.write_text(original.replace(before, after))
    try:
        yield
    finally:
        module.write_text(original)


def test_every_output_exists(finished: Path) -> None:
    blocks = sorted(path.parent.name for path in finished.glob("results/runs/*/*/run.json"))
    assert blocks == ["0-0", "0-0", "1-1", "1-1"]
    tables = {path.name for path in (finished / "results/studies/tiny/tiny").iterdir()}
    assert {"plan.json", "episodes.parquet", "scores.parquet", "summary.csv", "provenance.json"} <= tables
    for page in ("index.html", "index.md", "tiny.html", "tiny.md"):
        assert (finished / "reports/tiny" / page).stat().st_size > 0
    figures = {path.name for path in (finished / "reports/tiny/figures/tiny").iterdir()}
    assert {"final-scores.svg", "learning-curves-CartPole-v1.svg"} <= figures
    tables = {path.name for path in (finished / "reports/tiny/tables/tiny").iterdir()}
    assert {"final-scores.csv", "final-scores.tex", "citation.bib"} <= tables


def test_what_comparisons_of_gradients_found_can_be_claimed(finished: Path) -> None:
    """From the study's line through plan, jobs and blocks to the tables and the page."""
    plan = plans.read_plan(finished / "results/studies/tiny/tiny/plan.json")
    cosines = {}
    for planned in plan.runs:
        assert planned.run.reference == Reference(every=2, batches=2)
        for name in planned.blocks:
            block = read_block(finished / "results/runs" / planned.name / name, planned.name)
            looked = block.metrics["reference_cosine"].dropna()
            assert len(looked) == (block.metrics["iteration"] % 2 == 0).sum()
            (row,) = block.replicas.to_dict("records")
            cosines[planned.variant, row["seed"]] = row["mean(reference_cosine)"]
    scores = pd.read_parquet(finished / "results/studies/tiny/tiny/scores.parquet")
    assert scores.set_index(["variant", "seed"])["mean(reference_cosine)"].to_dict() == cosines
    page = (finished / "reports/tiny/tiny.md").read_text()
    assert "The gradient of one update in 2 was compared with that of a batch 2 times as large." in page


def test_snakemakes_report_shows_the_same_figures(finished: Path) -> None:
    smoke(finished, "--report", "report.zip")
    with zipfile.ZipFile(finished / "report.zip") as archive:
        files = {Path(name).name: archive.read(name) for name in archive.namelist()}
    for path in (finished / "reports/tiny/figures/tiny").glob("*.svg"):
        assert files[path.name] == path.read_bytes()
    page = files["report.html"].decode()
    captions = read_yaml(finished.parent / "checkout/workflows/report/captions.yaml")
    figures = ("final-scores", "learning-curves")
    assert "The policy-gradient literature, replicated" in page
    for caption in (*(captions["figures"][name]["text"] for name in figures), captions["tables"]["replicas"]):
        assert f'"caption": "<p>{caption}' in page


def test_jobs_side_by_side_give_what_one_process_gives(finished: Path, tmp_path: Path) -> None:
    """Neither the order of jobs, nor what runs beside them, nor the block that a seed is trained in shows."""
    plan = plans.read_plan(finished / "results/studies/tiny/tiny/plan.json")
    for planned in plan.runs:
        train_block(planned.run, [0, 1], tmp_path / planned.name)
        together = read_block(tmp_path / planned.name, planned.name)
        alone = [
            read_block(finished / "results/runs" / planned.name / block, planned.name)
            for block in planned.blocks
        ]
        for table in FILES:
            joined = pd.concat([getattr(block, table) for block in alone], ignore_index=True)
            pd.testing.assert_frame_equal(joined, getattr(together, table), check_exact=True)


def test_a_second_run_does_nothing(finished: Path) -> None:
    assert "Nothing to be done" in smoke(finished)


def test_the_index_has_every_study_of_its_preset_whatever_was_run_last(
    finished: Path, tmp_path: Path
) -> None:
    work = shutil.copytree(finished, tmp_path / "work")
    shutil.copy(work / "studies/tiny.yaml", work / "studies/later.yaml")  # its runs are there already

    def run(*arguments: str) -> str:
        done = snakemake(
            work, "--configfile", "smoke.yaml", *arguments, checkout=finished.parent / "checkout"
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("--config", "studies=[studies/later.yaml]")
    index = (work / "reports/tiny/index.html").read_text(encoding="utf-8")
    assert 'href="tiny.html' in index
    assert 'href="later.html' in index
    run()
    assert (work / "reports/tiny/index.html").read_text(encoding="utf-8") == index
    assert "Nothing to be done" in run()
    run("--config", "studies=[studies/later.yaml]", "preset=more")
    assert 'href="tiny.html' not in (work / "reports/more/index.html").read_text(encoding="utf-8")
    assert (work / "reports/tiny/index.html").read_text(encoding="utf-8") == index


def test_the_index_keeps_its_line_on_the_laboratory_if_the_next_command_measures_nothing(
    finished: Path, tmp_path: Path
) -> None:
    work = shutil.copytree(finished, tmp_path / "work")
    for laboratory in ("laboratory=[divergence]", "laboratory=[]"):
        arguments = ("--configfile", "smoke.yaml", "--config", "preset=tiny", laboratory)
        done = snakemake(work, *arguments, checkout=finished.parent / "checkout")
        assert done.returncode == 0, done.stdout
        assert 'href="laboratory.html"' in (work / "reports/tiny/index.html").read_text(encoding="utf-8")


def test_a_job_says_in_a_sentence_what_it_does(finished: Path) -> None:
    output = smoke(finished, "--dry-run", "--forceall")
    said = {sentence.split()[0] for sentence in re.findall(r"^Job \d+: (\w.*)$", output, re.MULTILINE)}
    assert {"Train", "Plan", "Gather", "Write"} <= said
    assert "Write the index of all studies, reports/tiny/index.html" in output


def test_more_seeds_train_only_the_new_block(finished: Path) -> None:
    output = smoke(finished, "--dry-run", "--config", "preset=more")
    assert planned_jobs(output)["train"] == 2
    assert set(re.findall(r"Train \S+, seeds (\S+)", output)) == {"2-2"}


def test_published_blocks_are_restored_and_not_trained(finished: Path, tmp_path: Path) -> None:
    """Snakemake takes them for its own: they are trained again when their code changes, and only then."""

    def pgbench(verb: str, *arguments: str) -> str:
        command = [sys.executable, "-m", "pgbench", verb, "--configuration", "smoke.yaml", "--preset", "tiny"]
        run = subprocess.run(
            [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def jobs() -> dict[str, int]:
        run = snakemake(
            tmp_path, "--configfile", "smoke.yaml", "--dry-run", checkout=finished.parent / "checkout"
        )
        assert run.returncode == 0, run.stdout
        return planned_jobs(run.stdout)

    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    assert pgbench("publish", "--results", str(finished / "results")).startswith("4 copied")
    assert jobs()["train"] == 4
    assert pgbench("published", "--complete") == "[tiny]\n"
    assert pgbench("restore") == "4 copied\n"
    assert "train" not in jobs()
    assert jobs()["gather"] == 1
    package = finished.parent / "checkout/pgbench"
    with edited(package / "functional/objectives.py", "1.0 - below", "1.0 - 2.0 * below"):
        assert jobs()["train"] == 2
    assert pgbench("restore") == "4 there already\n"


def test_edited_mathematics_retrains_what_uses_it(finished: Path) -> None:
    """Only PPO clips its ratio; both runs take the steps of Adam."""
    package = finished.parent / "checkout/pgbench"
    with edited(package / "functional/objectives.py", "1.0 - below", "1.0 - 2.0 * below"):
        assert planned_jobs(smoke(finished, "--dry-run"))["train"] == 2
    with edited(package / "networks/adam.py", "1.0 - first", "1.0 - 2.0 * first"):
        assert planned_jobs(smoke(finished, "--dry-run"))["train"] == 4


def test_a_polished_sentence_retrains_nothing(finished: Path) -> None:
    package = finished.parent / "checkout/pgbench"
    with edited(
        package / "functional/objectives.py", "    ratios = (log", "    # a comment\n    ratios = (log"
    ):
        assert "Nothing to be done" in smoke(finished, "--dry-run")


def test_what_a_page_prints_writes_it_again(finished: Path) -> None:
    """Pages print the ideas of the lineage, which training does not know."""
    idea = "make the actions of an episode more likely"
    with edited(finished.parent / "checkout/pgbench/methods/main_line.py", idea, idea.upper()):
        jobs = planned_jobs(smoke(finished, "--dry-run"))
    assert jobs["page"] == 1
    assert "train" not in jobs


def test_an_edited_plot_draws_again_and_does_not_retrain(finished: Path) -> None:
    with edited(
        finished.parent / "checkout/pgbench/figures/score_figures.py", "linewidth=1.5", "linewidth=1.6"
    ):
        jobs = planned_jobs(smoke(finished, "--dry-run"))
    assert jobs["page"] == 1
    assert "train" not in jobs


def test_a_study_is_a_target(finished: Path) -> None:
    assert planned_jobs(smoke(finished, "--dry-run", "--forceall", "tiny"))["tiny"] == 1


def test_tracking_asks_for_every_block_and_fails_no_job(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = ("--config", "tracking=wandb")
    assert planned_jobs(smoke(finished, *tracking, "--dry-run")) == {"track": 4, "all": 1}
    block = next(finished.glob("results/runs/*/0-0")).relative_to(finished / "results/runs")
    monkeypatch.setenv("WANDB_MODE", "onlin")  # refused by the verb, so that the job's own part is seen
    output = smoke(finished, "--printshellcmds", f"results/tracking/{block}.attempted", *tracking)
    assert output.count("WANDB_MODE: 'onlin' is not a mode") == 1
    assert (finished / f"results/tracking/{block}.attempted").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "tracking=wandbb"], "'tracking' is 'wandbb': Input should be 'wandb'"),
        (["--config", "prest=quick"], "config.yaml + --config: unknown key 'prest'; did you mean 'preset'?"),
        (
            ["--config", "preset=quik"],
            "config.yaml + --config: preset 'quik' does not exist; did you mean 'quick'?",
        ),
        (["--config", "studies=[laddr]"], "workflows/studies; did you mean 'ladder'?"),
        (["--config", "block_size=0"], "'block_size' is 0: Input should be greater than 0"),
        (["laddr"], "there is no target 'laddr'; did you mean 'ladder'?"),
        (["laboratori"], "there is no target 'laboratori'; did you mean 'laboratory'?"),
        (
            ["--config", "laboratory=[varience]"],
            "'laboratory.0' is 'varience': there is no measurement 'varience'; did you mean 'variance'?",
        ),
    ],
)
def test_a_typo_stops_before_any_work(tmp_path: Path, arguments: list[str], message: str) -> None:
    run = snakemake(tmp_path, *arguments)
    assert run.returncode == 1
    assert message in run.stdout
    assert "Traceback" not in run.stdout
    assert 'File "' not in run.stdout
    assert not (tmp_path / "results").exists()


def test_a_claim_about_nothing_stops_before_any_work(tmp_path: Path) -> None:
    text = (DATA / "studies" / "tiny.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(
        text.replace("higher: short PPO", "higher: shrt PPO"), encoding="utf-8"
    )
    run = snakemake(tmp_path, "--config", "studies=[mine.yaml]")
    assert run.returncode != 0
    assert (
        "claim 'ppo-is-better': the study has no variant 'shrt PPO'; did you mean 'short PPO'?" in run.stdout
    )
    assert not (tmp_path / "results").exists()


def test_a_typo_in_a_study_names_its_file(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "work")
    study = tmp_path / "work" / "studies" / "tiny.yaml"
    study.write_text(study.read_text().replace("update.epochs", "update.epoch"))
    run = snakemake(tmp_path / "work", "--configfile", "smoke.yaml")
    assert run.returncode == 1
    assert (
        "studies/tiny.yaml: variant 'short PPO': unknown key 'update.epoch'; did you mean 'update.epochs'?"
        in run.stdout
    )


def test_a_repeated_key_in_a_configuration_is_not_lost(tmp_path: Path) -> None:
    """Snakemake reads the file itself, and of two values takes the last."""
    shutil.copytree(DATA, tmp_path / "work")
    configuration = tmp_path / "work" / "smoke.yaml"
    configuration.write_text(configuration.read_text() + "preset: more\n")
    run = snakemake(tmp_path / "work", "--configfile", "smoke.yaml")
    assert run.returncode == 1
    assert "smoke.yaml: is not valid YAML: the key 'preset' appears twice" in run.stdout


def test_the_papers_budgets_can_be_planned(tmp_path: Path) -> None:
    run = snakemake(tmp_path, "--dry-run")
    assert run.returncode == 0, run.stdout
    assert planned_jobs(run.stdout)["train"] >= 36
    assert planned_jobs(run.stdout)["laboratory_measurement"] == len(CATALOGUE)
    assert "profiles/default for setting default command line arguments" in run.stdout


def test_jobs_run_where_a_cluster_puts_them(tmp_path: Path) -> None:
    """Every job is a Snakemake of its own, started by a script that knows nothing of this one."""
    shutil.copytree(DATA, tmp_path / "work")
    submit = tmp_path / "submit.sh"
    submit.write_text('#!/bin/sh\nnohup sh "$1" > "$1.log" 2>&1 &\necho $!\n')
    submit.chmod(0o755)
    arguments = [
        "--executor",
        "cluster-generic",
        "--jobs",
        "2",
        "--until",
        "train",
        "--config",
        "block_size=2",
    ]
    arguments += ["--cluster-generic-submit-cmd", str(submit)]
    run = snakemake(tmp_path / "work", "--configfile", "smoke.yaml", *arguments)
    assert run.returncode == 0, run.stdout
    findings = verification.verify(tmp_path / "work" / "results")
    assert [(finding.state, finding.reproducible) for finding in findings] == [("valid", True)] * 2


def test_the_slurm_profile_says_what_the_default_one_does() -> None:
    """A profile replaces the other; only where jobs run, and what that brings, is its own."""
    default, slurm = (
        yaml.safe_load((CHECKOUT / "workflows/profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    )
    own = {"executor", "jobs", "retries", "latency-wait"}
    assert {key: value for key, value in slurm.items() if key not in own} == default


def test_the_workflow_is_clean() -> None:
    lint = snakemake(CHECKOUT, "--lint")
    assert "good condition" in lint.stdout, lint.stdout
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflows/rules"]
    assert subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True).returncode == 0
