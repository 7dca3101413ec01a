"""Every command line in README.md and docs/ is one that the program it calls understands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from snakemake.cli import get_argument_parser

from helpers.documents import DOCUMENTS, blocks, commands, quoted, table
from helpers.places import CHECKOUT, STUDIES
from helpers.recorder import Recorder
from pgbench import __main__ as command_line
from pgbench.base.yaml_files import read_yaml
from pgbench.studies.catalogue import CATALOGUE
from pgbench.studies.configuration import RULES, parse_configuration, study_files

MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = CHECKOUT / "workflows"
COMMANDS = list(commands())
VERBS = typer.main.get_command(command_line.app).commands
EXECUTED = ("lineage", "plan")
"""Verbs that take a second or two and write nothing: they run for real."""
STAND_INS = {
    "train": ("pgbench.running.block", "train_block"),
    "laboratory": ("pgbench.laboratory.measuring", "write"),
}
"""Verbs that run for real up to the function that takes long."""
OF_A_COMPONENT_TO_COME = "baseline=median_return"
"""The example of a new component: it is trained where the component is there, in `test_examples`."""


def of(*programs: str) -> list[list[str]]:
    return [command for command in COMMANDS if command[: len(programs)] == list(programs)]


def ids(command: list[str]) -> str:
    return " ".join(command)


def call(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """Call the command line in this process; it must end with success."""
    monkeypatch.setattr(sys, "argv", ["pgbench", *arguments])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    assert not stop.value.code


def parse(arguments: list[str]) -> None:
    """Let the command line read its arguments, and do nothing.

    Raises:
        Exception: if there is no such verb or option, or a value is missing or of another type.
    """
    group = typer.main.get_command(command_line.app)
    for verb in group.commands.values():
        verb.callback = lambda **_: None
    group.main(arguments, prog_name="pgbench", standalone_mode=False)


@pytest.mark.parametrize("arguments", [c[3:] for c in of("python", "-m", "pgbench") if c[3:]], ids=ids)
def test_a_verb_understands_its_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    parse(arguments)
    verb, *rest = arguments
    if verb in STAND_INS and OF_A_COMPONENT_TO_COME not in rest:
        stand_in = Recorder(monkeypatch, *STAND_INS[verb])
        call(monkeypatch, arguments)
        assert len(stand_in.calls) == (len(arguments) > 1)
    if verb in EXECUTED:
        monkeypatch.chdir(CHECKOUT)
        call(monkeypatch, arguments)
        assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["trian"], ["train", "ppo"], ["plan", "--preste", "quick"], ["plan", "--cores", "some"]]
)
def test_a_wrong_command_line_would_be_found(arguments: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such|Missing|valid integer"):
        parse(arguments)


@pytest.mark.parametrize("command", of("snakemake"), ids=ids)
def test_the_workflow_understands_its_command_line(tmp_path: Path, command: list[str]) -> None:
    options, unknown = get_argument_parser().parse_known_args(command[1:])
    assert not unknown
    if options.workflow_profile is not None:
        assert (CHECKOUT / options.workflow_profile / "config.yaml").exists()
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[0].text, encoding="utf-8")
    files = configured([str(text) for text in options.config or []], tmp_path)
    assert set(options.targets) <= {*files, *RULES}


def configured(changes: list[str], directory: Path) -> dict[str, Path]:
    """The studies of the configuration with the changes of `--config`; paths of studies are in the directory."""
    values = read_yaml(WORKFLOWS / "config.yaml")
    for change in changes:
        key, _, value = change.partition("=")
        found = re.fullmatch(r"\[(.*)\]", value)
        values[key] = [str(directory / path) for path in found[1].split(",")] if found else value
    files = study_files(parse_configuration(values, "test"), STUDIES)
    assert all(file.exists() for file in files.values())
    return files


def test_the_workflow_takes_the_readmes_study(tmp_path: Path) -> None:
    """The command for a study of one's own, as a dry run beside the study of the README."""
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[0].text, encoding="utf-8")
    (command,) = [command for command in of("snakemake") if "studies=[mine.yaml]" in command]
    dry = [*command[1:], "--dry-run", "--snakefile", str(CHECKOUT / "Snakefile")]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *dry], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^train +3$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("target", [command[1] for command in of("make")])
def test_a_target_of_make_exists_and_helps(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    assert re.search(rf'@echo "make {target} ', MAKEFILE)


@pytest.mark.parametrize("command", [c for c in of("python") if c[1] != "-m"], ids=ids)
def test_a_script_has_its_options(command: list[str]) -> None:
    script = (CHECKOUT / command[1]).read_text(encoding="utf-8")
    assert all(f'"{option}"' in script for option in command if option.startswith("--"))


def test_an_option_that_is_named_alone_exists() -> None:
    ours = {option for verb in VERBS.values() for parameter in verb.params for option in parameter.opts}
    theirs = set(re.findall(r"--[\w-]+", get_argument_parser().format_help()))
    alone = {text.split()[0] for document in DOCUMENTS for text in quoted(document) if text.startswith("--")}
    assert alone
    assert {option for option in alone if not option.startswith("--slurm-")} <= ours | theirs


def test_the_readme_has_every_verb() -> None:
    assert {row[0] for row in table(DOCUMENTS[0], "verb")} == {f"`{name}`" for name in VERBS}


def test_the_laboratorys_page_has_every_measurement() -> None:
    rows = table(CHECKOUT / "docs" / "laboratory.md", "measurement")
    assert [row[0] for row in rows] == [f"`{name}`" for name in CATALOGUE]


def test_the_numbers_of_the_simulation_are_those_that_it_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(CHECKOUT)
    call(monkeypatch, ["scaling", "--preset", "paper", "--results", str(tmp_path)])
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    (shown,) = [block.text for block in blocks("text") if block.text.startswith("cores ")]
    assert printed[-len(shown.splitlines()) :] == shown.splitlines(), "docs/running.md shows older numbers"


def edges(graph: str) -> set[tuple[str, str]]:
    """The rules that follow each other in a graph of Mermaid's; it may number and order them in any way."""
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", graph))
    return {(names[start], names[end]) for start, end in re.findall(r"(id\d+) --> (id\d+)", graph)}


def test_the_graph_of_the_rules_is_the_one_that_snakemake_draws() -> None:
    (command,) = [command for command in of("snakemake") if "--rulegraph" in command]
    program = [sys.executable, "-m", *command]
    run = subprocess.run(program, cwd=CHECKOUT, capture_output=True, check=True, text=True)
    (shown,) = blocks("mermaid")
    assert edges(shown.text) == edges(run.stdout), "docs/architecture.md shows older rules"
    assert len(edges(shown.text)) == 8
