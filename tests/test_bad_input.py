"""Whatever is written in a study, a configuration or a command line: a result, or a refusal that a person can use.

Never a traceback, never work that has begun, never a file outside the results folder.
"""

import copy
import json
import os
import sys
import tempfile
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from helpers.places import CHECKOUT, DATA
from helpers.recorder import Recorder
from pgbench import __main__ as command_line
from pgbench.base.refusals import Refusal
from pgbench.base.yaml_files import parse_yaml, read_yaml
from pgbench.methods import lineage, naming
from pgbench.studies.configuration import RULES, Configuration, parse_configuration, study_files
from pgbench.studies.loading import load_study
from pgbench.studies.plans import plan_studies, plan_study, read_plan
from pgbench.studies.study import Study

EXAMPLES = int(os.environ.get("PGBENCH_EXAMPLES", "40"))

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

STUDY = {
    "question": "Why?",
    "parent": "ppo",
    "seeds": 3,
    "environments": {"CartPole-v1": 1000},
    "variants": {
        "plain": None,
        "other": {"parent": "trpo", "advantage.lam": 0.9, "networks.hidden": [8, 8]},
        "whole slot": {"advantage": {"kind": "gae", "lam": 0.5}, "baseline.target": "monte_carlo"},
    },
}
CONFIGURATION = {
    "preset": "quick",
    "studies": ["tiny"],
    "block_size": 10,
    "presets": {"quick": {"seeds": 5, "steps": 1000}, "paper": {}},
}
NASTY = [
    *["", " ", ".", "..", "../../x", "/etc/passwd", "a/b", "a.b", "~", "\0", "\n", "\u202e", "𝛌", "a" * 300],
    *[
        "ppo",
        "all",
        "index",
        "CartPole-v1",
        "os:system",
        "..a:b",
        ":x",
        "sys",
        "x" * 5000,
        "kind",
        "parent",
        "%s{}",
    ],
    *[
        "nan",
        ".inf",
        "=",
        "<<",
        "!!python/object/apply:os.system [id]",
        "&a [*a]",
        "2020-99-99",
        "0b_",
        "1e999",
    ],
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, -1, 10**15, 10**400])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(NASTY)
)
KEYS = st.text(max_size=5) | st.sampled_from(
    [*NASTY, *STUDY, "gamma", "data.steps", "advantage.kind", "details"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """The path of everything in nested mappings and lists."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


@st.composite
def damaged(draw, valid):
    """A valid value with one to three of its parts replaced, removed, renamed or added to."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(list(places(value)) or [("x",)]))
        parent = value
        for key in path:
            parent = parent[key]
        what = draw(st.sampled_from(["replace", "remove", "rename", "add"]))
        if what == "replace" or isinstance(parent, list):
            parent[last] = draw(VALUES)
        elif what == "add":
            parent[draw(KEYS)] = draw(VALUES)
        else:
            kept = parent.pop(last, None)
            if what == "rename":
                parent[draw(KEYS)] = kept
    return value


def written(value):
    """YAML for a value, or JSON, which is YAML too, where that cannot be written."""
    try:
        return yaml.safe_dump(value, allow_unicode=True)
    except (yaml.YAMLError, ValueError):
        return json.dumps(value)


@contextmanager
def file_of(text, name="study.yaml"):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, name)
        path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="replace"))
        yield path


def check_refusal(refusal, path):
    """It names the file in every line, and is short enough to be read."""
    lines = str(refusal).splitlines()
    assert lines
    assert all(line.startswith(str(path)) for line in lines)
    assert all(10 < len(line) - len(str(path)) < 6000 for line in lines)


def check_plan(plan):
    """Every name stays in its folder, and is a folder of its own."""
    for name in (plan.name, plan.preset, *(part for block in plan.blocks() for part in block.split("/"))):
        assert name == Path(name).name
        assert name not in ("", ".", "..")
        assert "\0" not in name
    assert all(block.count("/") == 1 for block in plan.blocks())


def use_study(text):
    """What the workflow does with a study before anything is trained."""
    configuration = Configuration.model_validate(CONFIGURATION)
    with file_of(text) as path:
        try:
            plan = plan_study(path.stem, load_study(path), configuration)
        except Refusal as refusal:
            check_refusal(refusal, path)
        else:
            check_plan(plan)
            for planned in plan.runs:
                naming.training_arguments(planned.run)


@fuzz
@given(damaged(STUDY))
def test_damaged_studies(study):
    use_study(written(study))


@fuzz
@given(st.text() | st.binary() | st.lists(st.sampled_from([*NASTY, *written(STUDY).split()])).map(" ".join))
@example("[" * 100_000)
@example("question: &a [*a]")
@example("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]")
@example("? [a]\n: b")
@example("seeds: " + "9" * 5000)
@example("seeds: 2020-13-45")
@example("!!python/object/apply:os.system [id]")
@example("!!timestamp x")
@example('variants: {a: {gamma: "\\ud800"}}')
def test_texts_that_are_no_studies(text):
    use_study(text)


@fuzz
@given(damaged(CONFIGURATION), st.none() | KEYS)
def test_damaged_configurations(configuration, study):
    if study is not None:
        configuration["studies"] = [study, f"{study}.yaml"]
    with file_of(written(configuration), "config.yaml") as path:
        try:
            chosen = parse_configuration(read_yaml(path), str(path))
        except Refusal as refusal:
            check_refusal(refusal, path)
            return
        try:
            plans = plan_studies(chosen, study_files(chosen, DATA / "studies"))
        except Refusal:
            return
        for plan in plans.values():
            check_plan(plan)


def valid_plan():
    configuration = Configuration.model_validate(CONFIGURATION)
    plan = plan_study("small", Study.model_validate(STUDY), configuration)
    return json.loads(plan.model_dump_json())


@fuzz
@given(damaged(valid_plan()))
def test_damaged_plans(plan):
    with file_of(json.dumps(plan), "plan.json") as path:
        try:
            found = read_plan(path)
        except Refusal as refusal:
            check_refusal(refusal, path)
        else:
            check_plan(found)


# The command line

WORDS = st.sampled_from([*NASTY, "10", "0-1", "3-1", "0-99999999999", "-1", "1e3", "gamma=0.9", "gamma=.nan"])
OPTIONS = st.sampled_from(
    [
        "--steps",
        "--seeds",
        "--override",
        "--name",
        "--into",
        "--preset",
        "--block-size",
        "--configuration",
        "--html",
        "--results",
        "--markdown",
        "--checkpoint-every",
        "--setps",
        "--",
    ]
)
VERBS = st.sampled_from(
    [*["plan", "train", "resolve", "gather", "report", "index", "verify", "lineage", "trian"], ""]
)
TRAINING = ["ppo", "CartPole-v1", "--steps", "10"]


@contextmanager
def elsewhere():
    """A directory of its own, to be left empty by whatever is refused."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            yield Path(directory)
        finally:
            os.chdir(before)


def call(arguments):
    """Call the command line; its exit code, and all that it says."""
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        trained = Recorder(patch, "pgbench.running.block", "train_block")
        patch.setattr(sys, "argv", ["pgbench", *arguments])
        with pytest.raises(SystemExit) as stop:
            command_line.main()
    code = int(stop.value.code or 0)
    assert code == 0 or not trained.calls
    return code, said.getvalue()


@fuzz
@given(VERBS, st.lists(WORDS, max_size=2), st.lists(st.tuples(OPTIONS, WORDS), max_size=4))
@example("train", TRAINING, [("--seeds", "0-99999999999")])
@example("train", TRAINING, [("--seeds", "99999999999999999999")])
@example("train", TRAINING, [("--override", "details=&a [*a]")])
@example("train", TRAINING, [("--checkpoint-every", "nan")])
@example("train", ["ppo", "CartPole-v1", "--steps", "9" * 30], [])
@example("resolve", ["ladder"], [("--preset", "../x")])
@example("resolve", ["/dev/null"], [])
@example("gather", ["\0"], [])
@example("report", ["x"], [("--into", "/proc/x/y")])
@example("index", ["x"], [("--html", "/proc/x/y"), ("--markdown", "\0")])
def test_command_lines(verb, words, options):
    arguments = [verb, *words, *(part for option in options for part in option)]
    with elsewhere() as directory:
        code, said = call(arguments)
        assert code in (0, 1, 2)
        assert "Traceback" not in said
        if code == 2:
            assert said.strip()
            assert not list(directory.iterdir())


@fuzz
@given(st.sampled_from(sorted(lineage.LINEAGE)), st.dictionaries(KEYS, VALUES, max_size=2))
def test_overrides(name, overrides):
    texts = [f"--override={path}={json.dumps(value)}" for path, value in overrides.items()]
    with elsewhere():
        code, said = call(["train", name, "CartPole-v1", "--steps", "10", *texts])
    assert code in (0, 2)
    assert code == 0 or "train: " in said


# What cannot be found by chance


def test_a_bomb_of_aliases_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(Refusal, match="more than 100,000 values"):
        parse_yaml("\n".join(lines), "bomb")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "the key 'a' appears twice"),
        ("{a: 1, 'a': 2}", "the key 'a' appears twice"),
        ("a: !!python/object/apply:os.system [id]", "tags such as"),
        ("a: !x 1", "tags such as"),
        ("a: " + "[" * 50 + "]" * 50, "nested too deeply"),
        ("a: 9007199254740993", "larger than 2⁵³"),
        ("a: " + "1" * 5000, "is not valid YAML"),
        ("a: [", "is not valid YAML"),
        ("a: &a [1, *a]", "stands inside the value that it repeats"),
        ("a: &a {b: 1, <<: *a}", "stands inside the value that it repeats"),
        *((f"a: {text}", "an octal number") for text in ("010", "08", "-010", "0o17", "00", "01.5", "0_1")),
        *((f"a: {text}", "a sexagesimal number") for text in ("2:46:40", "1:30", "1:30.5")),
        ("a: 0x1F", "a hexadecimal number"),
        ("a: 0b11", "a binary number"),
        ("b: 1\na: 010", r"\(line 2, column 4\)"),
    ],
)
def test_yaml_that_would_surprise_is_refused(text, message):
    with pytest.raises(Refusal, match=message):
        parse_yaml(text, "text")


def test_plain_yaml_is_read():
    text = "a: 1_000\nb: [x, 1.5, null, true]\nc: {d: 2020-01-01}\ne:\n  - f: g"
    expected = {"a": 1000, "b": ["x", 1.5, None, True], "c": {"d": "2020-01-01"}, "e": [{"f": "g"}]}
    assert parse_yaml(text, "text") == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("1e6", 1e6),
            ("1E+6", 1e6),
            ("3e-4", 3e-4),
            (".5", 0.5),
            ("5.", 5.0),
            ("1_000.5", 1000.5),
            ("0", 0),
        ),
        *(("'010'", "010"), ("y", "y"), ("=", "="), ("1_", "1_"), ("1__0", "1__0"), ("v1e6", "v1e6")),
    ],
)
def test_decimal_numbers_are_numbers_and_the_rest_is_text(text, value):
    found = parse_yaml(f"a: {text}", "text")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "true", "False"])
@pytest.mark.parametrize(
    "line",
    [
        "seeds: {}",
        "environments: {{CartPole-v1: {}}}",
        "variants: {{a: {{advantage.lam: {}}}}}",
        "variants: {{a: {{networks.hidden: [64, {}]}}}}",
        "evaluation: {{episodes: {}}}",
        "margins: {{last_100: {{range: {}}}}}",
    ],
)
def test_a_truth_is_no_number(line, word):
    lines = {"question": "q", "parent": "ppo", "environments": "{CartPole-v1: 1e4}", "variants": "{a: }"}
    key, _, value = line.format(word).partition(": ")
    text = "\n".join(f"{name}: {value}" for name, value in (lines | {key: value}).items())
    with file_of(text) as path, pytest.raises(Refusal, match="true and false are none: write a number"):
        load_study(path)


def test_a_million_steps_may_be_written_as_1e6():
    text = "{question: q, parent: ppo, environments: {CartPole-v1: 1e6}, variants: {a: }}"
    with file_of(text) as path:
        assert load_study(path).environments == {"CartPole-v1": 1_000_000}


@pytest.mark.parametrize("label", ["no", "1e6", "null", "~", "5"])
def test_a_label_that_yaml_takes_for_something_else_asks_for_quotes(label):
    text = f"{{question: q, parent: ppo, environments: {{CartPole-v1: 10}}, variants: {{{label}: }}}}"
    with file_of(text) as path, pytest.raises(Refusal, match="write it in quotes if it is text"):
        load_study(path)


@pytest.mark.parametrize(
    "name", ["..yaml", ".yaml", "all.yaml", "index.yaml", "a b.yaml", f"{'x' * 120}.yaml"]
)
def test_a_study_whose_name_no_file_should_have_is_refused(name):
    values = {"preset": "p", "studies": [name], "presets": {"p": {}}}
    configuration = parse_configuration(values, "test")
    with pytest.raises(Refusal, match=r"cannot be called|has the name of a rule"):
        study_files(configuration, DATA / "studies")


def test_the_reserved_names_are_those_of_the_rules():
    text = "".join(
        path.read_text() for path in [CHECKOUT / "Snakefile", *(CHECKOUT / "workflows/rules").iterdir()]
    )
    named = {line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("rule ")}
    assert named == set(RULES)
