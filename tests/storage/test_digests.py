"""A digest changes with what its job reaches, and with nothing else."""

import ast
import json
import re
import shutil
import subprocess
import sys

import pytest

from helpers.planting import SOURCES, changes, functions
from pgbench.base.places import PACKAGE
from pgbench.methods import lineage
from pgbench.methods.runs import Reference, Run
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


class Reworded(ast.NodeTransformer):
    """Other docstrings, refusals, descriptions and annotations; comments are lost with the text."""

    def visit_Expr(self, node):
        return ast.Expr(ast.Constant("Other words.")) if isinstance(node.value, ast.Constant) else node

    def visit_Raise(self, node):
        match node.exc:
            case ast.Call(func=function) if node.exc.args:
                node.exc = ast.Call(function, [ast.Constant("other words")], [])
        return node

    def visit_keyword(self, node):
        return ast.keyword(node.arg, ast.Constant("Other words.")) if node.arg == "description" else node

    def visit_arg(self, node):
        return ast.arg(node.arg, ast.Name("object") if node.annotation else None)


class Shaken(ast.NodeTransformer):
    """Every number and every text, docstrings aside, is another."""

    def visit_Constant(self, node):
        match node.value:
            case bool() | None:
                return node
            case int() | float():
                return ast.Constant(node.value + 1)
            case str():
                return ast.Constant(f"{node.value}!")
        return node


def transformed(transformer, *prefixes):
    """The sources with the trees of some modules transformed."""
    return {
        name: ast.unparse(transformer().visit(ast.parse(text))) if name.startswith(prefixes) else text
        for name, text in SOURCES.items()
    }


def test_other_words_change_no_digest(before):
    sources = transformed(Reworded, "pgbench.")
    assert "Other words." in sources["pgbench.functional.returns"]
    assert no_run_has_changed(before, sources)


@pytest.mark.parametrize(
    "room", ["analysis", "costs", "figures", "laboratory", "notebook", "report", "studies"]
)
def test_rooms_that_training_does_not_enter_change_no_digest(before, room):
    assert no_run_has_changed(before, transformed(Shaken, f"pgbench.{room}."))


def test_the_lineage_and_what_goes_together_change_no_digest(before):
    """A run is its algorithm, whatever the lineage says of it."""
    branches = ("branches", "replay_branch", "critic_branch", "baseline_branch", "surrogate_branch")
    later = ("released_branch", "optimiser_branch", "trust_region_branch")
    modules = ("lineage", "main_line", *branches, *later, "publications", "compatibility")
    assert no_run_has_changed(before, transformed(Shaken, *(f"pgbench.methods.{name}" for name in modules)))


def test_a_definition_that_moves_to_another_file_changes_no_digest(before):
    name = "pgbench.functional.moments"
    text = SOURCES["pgbench.functional.returns"]
    start = text.index("def gae(")
    end = text.find("\ndef ", start + 1)
    moved, rest = text[start:end], text[:start] + text[end:]
    needed = "\nfrom pgbench.functional.returns import backward_sum, td_errors\n"
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


def planted_in(name, module=""):
    """The sources with a change in the function of this name."""
    function = next(each for each in functions() if each.name == name and module in each.module)
    return next(changes(function)).sources


def test_an_edit_to_gae_changes_the_members_that_use_it(before):
    assert members(changed(before, planted_in("gae"))) == having("gae", "lambda_return")


def test_an_edit_to_the_replay_update_changes_the_members_with_a_replay_buffer(before):
    edited = [each for each in functions() if each.module == "pgbench.training.replay_update"]
    found = [members(changed(before, change.sources)) for each in edited for change in [*changes(each)][:1]]
    assert set().union(*found) == having("replay_buffer")


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
            ["natural_ascent", "natural_gradient", "trust_region"],
        ),
        (
            "functional.objectives",
            ("return torch.minimum(", "return torch.maximum("),
            ["clipped_ratio", "clipped_log_ratio", "rollback_ratio"],
        ),
    ],
)
def test_an_edit_to_a_formula_changes_the_members_that_use_it(before, module, change, kinds):
    found = members(changed(before, edit(module, change)))
    assert found
    assert found <= having(*kinds)


def test_an_edit_to_one_task_changes_only_its_runs(before):
    rewarding = next(each for each in functions() if "reacher" in each.name and "reward" in each.name)
    found = changed(before, edit(rewarding.module.removeprefix("pgbench."), (f"{rewarding.name}(", "other(")))
    assert found == {key for key in RUNS if key[1] == "Reacher-v5"}
    [(module, entry)] = [
        (module.removeprefix("pgbench."), '"Reacher-v5": Task(')
        for module, text in SOURCES.items()
        if '"Reacher-v5": Task(' in text
    ]
    assert no_run_has_changed(
        before, edit(module, (entry, f'"Twin-v5": Task(xml="twin.xml"),\n        {entry}'))
    )


def test_an_edit_to_the_tasks_loop_changes_only_their_runs(before):
    found = changed(before, planted_in("MujocoVector._advance"))
    assert found == {key for key in RUNS if key[1] in ("HalfCheetah-v5", "Reacher-v5")}


def test_an_edit_to_an_optimiser_changes_the_runs_that_step_with_it(before):
    found = changed(before, edit("networks.adam", ("1.0 - first", "1.0 - 2.0 * first")))
    assert found == {key for key in RUNS if key[0] in having("adam")}
    found = changed(before, edit("networks.first_order", ("rate * v\n", "rate * v * v\n")))
    assert members(found) == having("gradient_ascent")
    found = changed(before, edit("networks.first_order", ("take * g * g", "take * g")))
    assert members(found) == having("rmsprop")
    found = changed(before, edit("functional.schedules", ("factor * rate", "rate")))
    assert members(found) == having("kl_adaptive")


def test_an_edit_to_what_everybody_uses_changes_everything(before):
    assert changed(before, edit("networks.rows", ("gradients)))", "gradients[:1])))"))) == set(RUNS)


# ----------------------------------------------------------------------------------------------------------
# Tables, pages, the laboratory, checkpoints


def moved(entries, sources, job=None):
    """Whether an edit changes a digest of what no run is known of."""
    one, other = (digest(Package(each), entries, job or Job()) for each in (SOURCES, sources))
    return one != other


def test_pages_follow_the_texts_that_they_print():
    ideas = transformed(Shaken, "pgbench.methods.main_line")
    assert moved(digests.STUDY_PAGE, ideas)
    rows = transformed(Shaken, "pgbench.report.statement_rows")
    assert moved(digests.INDEX_PAGE, rows)
    assert moved(digests.LABORATORY_PAGE, rows)
    assert not moved(digests.LABORATORY_PAGE, transformed(Shaken, "pgbench.report.study_page"))


def test_tables_follow_the_statistics_and_not_the_figures():
    assert moved(digests.TABLES, transformed(Shaken, "pgbench.analysis.inference"))
    assert not moved(digests.TABLES, transformed(Shaken, "pgbench.figures.", "pgbench.training."))


def test_a_measurement_follows_its_module_and_what_it_measures():
    def measured(sources):
        names = "offset", "frontier", "divergence"
        jobs = [digests.job_of_measurement(name) for name in names]
        return [
            name for name, job in zip(names, jobs, strict=True) if moved(digests.MEASUREMENT, sources, job)
        ]

    assert measured(transformed(Shaken, "pgbench.laboratory.measurements.offset")) == ["offset"]
    assert "frontier" in measured(transformed(Shaken, "pgbench.methods.main_line"))
    assert not measured(transformed(Shaken, "pgbench.report."))
    title = "A constant added to every reward"
    assert measured(edit("studies.catalogue", (title, "What a constant does"))) == ["offset"]


def test_checkpoints_follow_their_format():
    job = JOBS["ppo", "CartPole-v1"]
    assert moved(digests.CHECKPOINTS, transformed(Shaken, "pgbench.running.checkpoints"), job)
    assert not moved(digests.CHECKPOINTS, transformed(Shaken, "pgbench.training."), job)


def test_comparisons_of_gradients_are_reached_by_runs_that_make_them():
    plain = RUNS["ppo", "CartPole-v1"]
    looking = plain.model_copy(update={"reference": Reference(every=5)})
    changed = transformed(Shaken, "pgbench.training.gradient_reference")
    assert digests.of_run(looking) != digests.of_run(plain)
    assert moved(digests.TRAINING, changed, digests.job_of(looking))
    assert not moved(digests.TRAINING, changed, digests.job_of(plain))


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
