"""From what people write to a usable study or run; all else is refused before any work starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pgbench import environments
from pgbench.base.refusals import Refusal, explain
from pgbench.base.yaml_files import parse_yaml, read_yaml
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.compatibility.of_actions import action_faults
from pgbench.methods.compatibility.of_references import faults_without_a_limit, reference_faults
from pgbench.methods.lookup import member, override
from pgbench.methods.runs import Evaluation, Reference, Run
from pgbench.studies.claim_checks import check_claims
from pgbench.studies.study import Study, resolve_variant


def load_study(path: Path) -> Study:
    """Read and validate one study.

    Raises:
        Refusal: if the file cannot be read, or a key, member, override, environment or claim in it is wrong.
    """
    try:
        study = Study.model_validate(read_yaml(path))
    except ValidationError as error:
        raise explain(error, str(path), Study) from None
    for environment in study.environments:
        check_environment(environment, f"{path}: environments")
    algorithms = {label: resolve_variant(study, label, str(path))[1] for label in study.variants}
    for label, algorithm in algorithms.items():
        for environment in study.environments:
            where = f"{path}: variants.{label}"
            check_together(algorithm, environment, study.evaluation, study.reference, where)
    check_claims(study, algorithms, str(path))
    return study


def check_environment(environment: str, where: str) -> None:
    """Refuse an environment that cannot be made on this machine.

    Raises:
        Refusal: naming the place and the nearest id.
    """
    try:
        environments.check(environment)
    except ValueError as error:
        raise Refusal(f"{where}: {error}") from None


def check_together(
    algorithm: Algorithm,
    environment: str,
    evaluation: Evaluation | None,
    reference: Reference | None,
    where: str,
) -> None:
    """Refuse a choice that has no meaning or no effect in an environment, in its evaluation or in its reference.

    Raises:
        Refusal: naming the place, the key and what to set.
    """
    for fault in action_faults(algorithm, environments.kind_of_actions(environment)):
        raise Refusal(f"{where}: {fault}")
    details, limit = algorithm.details, environments.time_limit(environment)
    if details.actions == "raw" and (reason := environments.never_outside(environment)):
        raise Refusal(
            f"{where}: details.actions 'raw' has no effect in {environment}, because {reason}: leave it out"
        )
    asked = {
        "details.time_limit": details.time_limit,
        "evaluation.time_limit": evaluation and evaluation.time_limit,
    }
    for key, steps in asked.items():
        if steps is not None and steps == limit:
            raise Refusal(f"{where}: {key} {steps} is the limit that {environment} has anyway: leave it out")
    if reference is not None:
        for fault in reference_faults(algorithm):
            raise Refusal(f"{where}: {fault}")
        if limit is None:
            for fault in faults_without_a_limit(algorithm):
                raise Refusal(f"{where}: {fault}")


def parse_overrides(texts: Iterable[str], where: str) -> dict[str, Any]:
    """Path → value, from texts such as `path=value`, with the values read as YAML.

    Raises:
        Refusal: naming the place and the text.
    """
    overrides: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals:
            raise Refusal(f"{where}: override '{text}' must look like advantage.lam=0.9")
        if path in overrides:
            raise Refusal(f"{where}: override '{path}' is given twice")
        overrides[path] = parse_yaml(value, f"{where}: override '{text}'")
    return overrides


def describe_run(
    start: str | Algorithm, overrides: Mapping[str, Any], values: Mapping[str, Any], where: str
) -> Run:
    """The run of an algorithm, with values at dotted paths replaced.

    Args:
        start: the name of a member of the lineage, or an algorithm.
        overrides: dotted path → value.
        values: the fields of `Run` without `algorithm`.
        where: what a refusal names.

    Raises:
        Refusal: naming the place, the fault and the nearest spelling.
    """
    named = member(start, f"{where}: algorithm").algorithm if isinstance(start, str) else start
    algorithm = override(named, overrides, f"{where}: override")
    check_environment(values["environment"], f"{where}: environment")
    try:
        run = Run.model_validate({"algorithm": algorithm, **values})
    except ValidationError as error:
        raise explain(error, where, Run) from None
    check_together(algorithm, run.environment, run.evaluation, run.reference, f"{where}: override")
    return run
