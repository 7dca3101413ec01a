"""A digest changes with what its job reaches, and with nothing else."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from helpers.planting import SOURCES
from pgbench.base.places import PACKAGE
from pgbench.methods import lineage
from pgbench.methods.runs import Run
from pgbench.storage import digests
from pgbench.storage.code.package import Package
from pgbench.storage.code.reach import Job, digest

ENVIRONMENTS = ("CartPole-v1", "HalfCheetah-v5", "Reacher-v5")
SEVERAL = ("reinforce", "optimal_components", "gae", "trpo", "ppo", "ppo_adaptive_kl", "replay")
RUNS = {
    (name, environment): Run(algorithm=member.algorithm, environment=environment, steps=1000)
    for name, member in lineage.LINEAGE.items()
    for environment in ENVIRONMENTS
    if environment == "CartPole-v1" or name in ("trpo", "replay")
}
JOBS = {key: digests.job_of(run) for key, run in RUNS.items()}


def of_runs(sources, entries=digests.TRAINING, keys=tuple(JOBS)):
    package = Package(sources)
    return {key: digest(package, entries, JOBS[key]) for key in keys}


@pytest.fixture(scope="module")
def before():
    return of_runs(SOURCES)


def edit(module, *changes):
    """The sources with texts in a module replaced, each of which must be there."""
    text = SOURCES[f"pgbench.{module}"]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return SOURCES | {f"pgbench.{module}": text}


def changed(before, sources):
    """The runs whose digests an edit changes."""
    return {key for key, found in of_runs(sources).items() if found != before[key]}


def no_run_has_changed(before, sources):
    """Of some members that together have nearly all components."""
    keys = [key for key in JOBS if key[0] in SEVERAL]
    return of_runs(sources, keys=keys) == {key: before[key] for key in keys}


def members(keys):
    return {name for name, _ in keys}


def having(*kinds):
    """The members with one of some components anywhere in their specification."""
    return {
        name
        for name, member in lineage.LINEAGE.items()
        if any(f'"kind":"{kind}"' in member.algorithm.model_dump_json() for kind in kinds)
    }


# ----------------------------------------------------------------------------------------------------------
# What changes no run's digest

NEW_COMPONENT = {
    "pgbench.methods.components.baselines": (
        (
            "class NoBaseline(",
            'class Median(Specification):\n    kind: Literal["median"] = "median"\n\n\nclass NoBaseline(',
        ),
        ("Baseline = Annotated[", "Baseline = Annotated[\n    Median |"),
    ),
    "pgbench.methods.components": (
        (
            "from pgbench.methods.components.baselines import NoBaseline",
            "from pgbench.methods.components.baselines import Median as Median\n"
            "from pgbench.methods.components.baselines import NoBaseline",
        ),
    ),
    "pgbench.training.meaning.baselines": (
        (
            "        case c.AverageReturn():",
            "        case c.Median():\n            return median(estimates)\n        case c.AverageReturn():",
        ),
        (
            "case c.NoBaseline() |",
            "case c.Median() if False:\n            return 1.0\n        case c.Median() | c.NoBaseline() |",
        ),
    ),
    "pgbench.functional.control_variates": (
        (
            "def timestep_average(",
            "def median(estimates):\n    return estimates.median()\n\n\ndef timestep_average(",
        ),
    ),
}


def test_a_new_component_changes_no_digest(before):
    sources = dict(SOURCES)
    for module, edits in NEW_COMPONENT.items():
        for old, new in edits:
            assert old in sources[module], (module, old)
            sources[module] = sources[module].replace(old, new, 1)
    assert no_run_has_changed(before, sources)


@pytest.mark.parametrize(
    ("module", "change"),
    [
        ("functional.returns", ("Returns and advantages", "Advantages and returns")),
        ("training.sampler", ("# ", "# to put it differently: ")),
        ("environments.interface", ("actions have shape", "the actions are of shape")),
        ("functional.returns", ("terms {list", "the terms are {list")),
        ("methods.components.advantages", ("0 is the one-step TD error", "at 0 it is the one-step TD error")),
        ("methods.compatibility", ("set ", "please set ")),
        ("training.credit", ("rollout: Rollout", "rollout: object")),
        ("methods.lineage", ("learning_rate=1e-3", "learning_rate=2e-3")),
        ("methods.lineage", ("likelier", "more likely")),
        ("figures.score_figures", ("linewidth=1.5", "linewidth=1.6")),
        ("analysis.inference", ("POWER = 0.8", "POWER = 0.9")),
        ("studies.claims", ("margin", "bound")),
    ],
)
def test_what_decides_no_number_changes_no_digest(before, module, change):
    assert no_run_has_changed(before, edit(module, change))


def test_a_definition_that_moves_to_another_file_changes_no_digest(before):
    name = "pgbench.functional.moments"
    text = SOURCES["pgbench.functional.returns"]
    start = text.index("def gae(")
    end = text.find("\ndef ", start + 1)
    moved, rest = text[start:end], text[:start] + text[end:]
    needed = "\nfrom pgbench.functional.returns import backward_sum\n"
    sources = SOURCES | {
        "pgbench.functional.returns": rest,
        name: SOURCES[name] + needed + moved,
        **{
            module: other.replace("returns.gae(", "moments.gae(")
            + "\nfrom pgbench.functional import moments\n"
            for module, other in SOURCES.items()
            if "returns.gae(" in other
        },
    }
    assert no_run_has_changed(before, sources)


def test_a_renamed_module_changes_no_digest(before):
    sources = {
        name.replace("functional.returns", "functional.sums"): re.sub(
            r"^(from pgbench.functional import .*)\breturns$", r"\1sums as returns", text, flags=re.MULTILINE
        ).replace("pgbench.functional.returns", "pgbench.functional.sums")
        for name, text in SOURCES.items()
    }
    assert "pgbench.functional.sums" in sources
    assert no_run_has_changed(before, sources)


# ----------------------------------------------------------------------------------------------------------
# What changes those of some runs


def test_an_edit_to_gae_changes_the_members_that_use_it(before):
    found = changed(before, edit("functional.returns", ("gamma * lam", "gamma * lam * lam")))
    assert members(found) == having("gae", "lambda_return")


def test_an_edit_to_the_replay_update_changes_the_members_with_a_replay_buffer(before):
    found = changed(
        before, edit("training.replay_update", ("method.steps * fit.steps", "method.steps + fit.steps"))
    )
    assert members(found) == having("replay_buffer")


@pytest.mark.parametrize(
    ("module", "change", "kinds"),
    [
        (
            "functional.control_variates",
            ("def timestep_average(", "def timestep_average(unused, "),
            ["timestep_average"],
        ),
        (
            "functional.second_order",
            ("curvature > 0.0", "curvature >= 0.0"),
            ["natural_gradient", "trust_region"],
        ),
        ("functional.objectives", ("return torch.minimum(", "return torch.maximum("), ["clipped_ratio"]),
    ],
)
def test_an_edit_to_a_formula_changes_the_members_that_use_it(before, module, change, kinds):
    found = members(changed(before, edit(module, change)))
    assert found
    assert found <= having(*kinds)


def test_an_edit_to_one_task_changes_only_its_runs(before):
    module = "environments.mujoco_tasks"
    found = changed(before, edit(module, ("def _reward_reacher(step", "def _reward_reacher(step, unused")))
    assert found == {key for key in RUNS if key[1] == "Reacher-v5"}
    new = (
        '        "Reacher-v5": Task(',
        '        "Twin-v5": Task(xml="twin.xml"),\n        "Reacher-v5": Task(',
    )
    assert no_run_has_changed(before, edit(module, new))


def test_an_edit_to_the_tasks_loop_changes_only_their_runs(before):
    found = changed(
        before, edit("environments.mujoco", ("def __init__(self, task", "def __init__(self, unused, task"))
    )
    assert found == {key for key in RUNS if key[1] in ("HalfCheetah-v5", "Reacher-v5")}


def test_an_edit_to_what_everybody_uses_changes_everything(before):
    assert changed(before, edit("networks.adam", ("1.0 - first", "1.0 - 2.0 * first"))) == set(RUNS)


# ----------------------------------------------------------------------------------------------------------
# Tables, pages, the laboratory, checkpoints


def test_pages_follow_the_texts_that_they_print():
    def moved(sources):
        pages = digests.STUDY_PAGE, digests.INDEX_PAGE, digests.LABORATORY_PAGE
        one, other = Package(SOURCES), Package(sources)
        return [entries for entries in pages if digest(one, entries, Job()) != digest(other, entries, Job())]

    assert digests.STUDY_PAGE in moved(edit("methods.lineage", ("likelier", "more likely")))
    formatted = edit("report.statement_rows", (".4g", ".5g"))
    assert moved(formatted) == [digests.INDEX_PAGE, digests.LABORATORY_PAGE]


def test_tables_follow_the_statistics_and_not_the_figures():
    def of_tables(sources):
        return digest(Package(sources), digests.TABLES, Job())

    assert of_tables(edit("analysis.inference", ("POWER = 0.8", "POWER = 0.9"))) != of_tables(SOURCES)
    assert of_tables(edit("figures.score_figures", ("linewidth=1.5", "linewidth=1.6"))) == of_tables(SOURCES)
    assert of_tables(edit("functional.returns", ("gamma * lam", "gamma"))) == of_tables(SOURCES)


def test_a_measurement_follows_its_module_and_what_it_measures():
    def of_measurements(sources):
        package = Package(sources)
        return {
            name: digest(package, digests.MEASUREMENT, digests.job_of_measurement(name))
            for name in ("offset", "frontier", "divergence")
        }

    before = of_measurements(SOURCES)
    assert len(set(before.values())) == len(before)

    def moved(sources):
        after = of_measurements(sources)
        return {name for name in before if before[name] != after[name]}

    assert moved(edit("laboratory.measurements.offset", ("def measure(", "def measure(unused, "))) == {
        "offset"
    }
    assert "frontier" in moved(edit("methods.lineage", ("GAE(lam=0.95)", "GAE(lam=0.9)")))
    assert not moved(edit("report.laboratory_page", ("Versions", "Packages")))


def test_checkpoints_follow_their_format(before):
    def of_checkpoints(sources):
        return of_runs(sources, digests.CHECKPOINTS)

    saved = of_checkpoints(SOURCES)
    edited = of_checkpoints(edit("running.checkpoints", ("allow_pickle=False)", "allow_pickle=False, x=1)")))
    assert all(saved[key] != edited[key] for key in RUNS)
    assert saved == of_checkpoints(edit("functional.returns", ("gamma * lam", "gamma")))


def test_an_observer_is_part_of_what_training_reaches():
    run = RUNS["ppo", "CartPole-v1"]
    from pgbench.training.gradient_reference import GradientReference

    assert digests.of_run(run, GradientReference(run, [0], 1, 2)) != digests.of_run(run)
    assert digests.of_run(run, lambda *_: {}) == digests.of_run(run)


def test_the_digests_of_this_code_are_those_of_its_sources(before):
    assert all(digests.of_run(run) == before[key] for key, run in RUNS.items())


# ----------------------------------------------------------------------------------------------------------
# Other versions of Python

SCRIPT = """
import json, sys
from pathlib import Path
from pgbench.storage.code.package import Package, read_sources
from pgbench.storage.code.reach import Job, Model, digest
package = Package(read_sources(Path(sys.argv[1])))
found = []
for entries, models, names in json.load(sys.stdin):
    known = None if models is None else frozenset(
        Model(name, tuple((key, value) for key, value in values)) for name, values in models
    )
    found.append(digest(package, entries, Job(known, frozenset(names))))
print(json.dumps(found))
"""


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_digests_do_not_depend_on_the_version_of_python(version, before):
    """The code that takes digests needs nothing but Python."""
    python = sys.executable if version == "3.11" else shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip(f"there is no python{version}")
    pages = (digests.TABLES, digests.STUDY_PAGE, digests.INDEX_PAGE, digests.LABORATORY_PAGE)
    jobs = [(digests.TRAINING, [*job.models], [*job.names]) for job in JOBS.values()]
    jobs += [(entries, None, []) for entries in pages]
    run = subprocess.run(
        [python, "-c", SCRIPT, str(PACKAGE)],
        input=json.dumps(jobs),
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert found == [*before.values(), *(digest(Package(SOURCES), entries, Job()) for entries in pages)]
