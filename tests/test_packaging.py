"""What is installed is declared once and pinned, and the files that repeat it agree."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from helpers.places import CHECKOUT, STUDIES
from pgbench.base.yaml_files import read_yaml
from pgbench.studies.configuration import parse_configuration, study_files
from pgbench.studies.plans import plan_studies, runs_by_name

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = {
    name: [Requirement(text) for text in texts] for name, texts in PROJECT["optional-dependencies"].items()
}


def constraints() -> dict[str, str]:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition("==") for line in lines if line and not line.startswith("#")]
    assert all(separator for _, separator, _ in pins)
    return {canonicalize_name(name): version for name, _, version in pins}


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_a_range_begins_at_the_constraint_and_ends(requirement: Requirement) -> None:
    bounds = {bound.operator: Version(bound.version) for bound in requirement.specifier}
    assert bounds.keys() == {">=", "<"}
    assert bounds[">="] == Version(constraints()[canonicalize_name(requirement.name)]) < bounds["<"]


@pytest.mark.parametrize("requirement", EXTRAS["dev"], ids=lambda requirement: requirement.name)
def test_a_tool_is_pinned_to_its_constraint(requirement: Requirement) -> None:
    assert str(requirement.specifier) == f"=={constraints()[canonicalize_name(requirement.name)]}"


def test_every_python_is_tested_by_continuous_integration() -> None:
    workflow = yaml.safe_load((CHECKOUT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    named = [line.rpartition(" :: ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    assert job["strategy"]["matrix"]["python"] == named
    assert [minor for minor in range(30) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])] == [
        int(version.removeprefix("3.")) for version in named
    ]
    assert any("make test" in step.get("run", "") for step in job["steps"])


def test_an_installed_package_brings_the_workflow(tmp_path: Path) -> None:
    """Build the wheel, unpack it, and use it from a folder that knows nothing of the checkout."""
    command = [
        sys.executable,
        "-c",
        "from setuptools.build_meta import build_wheel; print(build_wheel('WHEELS'))",
    ]
    command[-1] = command[-1].replace("WHEELS", str(tmp_path))
    source = tmp_path / "source"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", ":!results", ":!tests"]
    files = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, files.split("\0")):
        if (CHECKOUT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, source / name, follow_symlinks=False)
    built = subprocess.run(command, cwd=source, capture_output=True, check=True, text=True).stdout
    installed, elsewhere = tmp_path / "installed", tmp_path / "else where"
    with zipfile.ZipFile(tmp_path / built.split()[-1]) as wheel:
        wheel.extractall(installed)
    elsewhere.mkdir()

    def call(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        environment = os.environ | {"PYTHONPATH": str(installed)}
        run = subprocess.run(
            command, cwd=elsewhere, env=environment, capture_output=True, check=False, text=True
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    snakefile = call("-m", "pgbench", "snakefile").strip()
    assert Path(snakefile).is_relative_to(installed)
    values = read_yaml(CHECKOUT / "workflows/config.yaml") | {"preset": "quick"}
    configuration = parse_configuration(values, "here")
    plans = plan_studies(configuration, study_files(configuration, STUDIES))
    printed = call("-m", "pgbench", "plan", "--preset", "quick")
    assert f"{len(runs_by_name(plans.values()))} runs" in printed
    dry = ("--cores", "1", "--dry-run", "--config", "preset=smoke", "laboratory=[]")
    assert "Train re" in call("-m", "snakemake", "--snakefile", snakefile, *dry)
    call("-c", "from pgbench.studies.references import read_references as read; assert read()")
    call("-c", "from pgbench.report import texts; texts.table_captions()")


def test_every_extra_is_pinned() -> None:
    assert all(
        str(requirement.specifier).startswith("==") for texts in EXTRAS.values() for requirement in texts
    )


def test_constraints_hold_everything_that_is_needed() -> None:
    """Follow the requirements of what is installed here."""
    waiting, seen = [*DIRECT, *EXTRAS["dev"]], set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        for text in metadata.requires(requirement.name) or []:
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    # A CUDA build of torch needs packages that a CPU build does not.
    names = {name for name, _ in seen if not name.startswith(("nvidia-", "cuda-", "triton"))}
    assert names <= set(constraints())


def test_constraints_have_no_local_versions() -> None:
    assert not [version for version in constraints().values() if "+" in version]


def test_every_import_is_a_declared_dependency() -> None:
    distributions = metadata.packages_distributions()
    declared = {canonicalize_name(requirement.name) for requirement in DIRECT}
    undeclared = set()
    for path in (CHECKOUT / "pgbench").rglob("*.py"):
        for name in imported_packages(path) - set(sys.stdlib_module_names) - {"pgbench"}:
            providers = {canonicalize_name(each) for each in distributions.get(name, [name])}
            if not providers & declared:
                undeclared.add(name)
    assert not undeclared - COME_WITH


COME_WITH = {"matplotlib", "PIL", "markupsafe"}
"""Imported beside seaborn and Jinja2, which are built on them and pin what they need."""


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for requirement in DIRECT:
        line = next(line for line in lines if line.strip().startswith(f'"{requirement.name}'))
        assert re.search(r"# \w+", line), line


def test_conda_environment_is_in_step() -> None:
    environment = yaml.safe_load((CHECKOUT / "environment.yml").read_text(encoding="utf-8"))
    *conda, by_pip = environment["dependencies"]
    assert environment["name"] == PROJECT["name"]
    assert conda == [f"python={PROJECT['requires-python'].removeprefix('>=').partition(',')[0]}", "pip"]
    constraint, editable = by_pip["pip"]
    assert constraint == "--constraint constraints.txt"
    extras = re.fullmatch(r"--editable \.\[(\w+)\]", editable)
    assert extras is not None
    assert extras[1] in EXTRAS


def test_citation_and_changelog_know_the_version() -> None:
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert "## [Unreleased]" in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
