"""The command line's words about this installation: its version, and where its workflow is."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from pgbench.base.places import SNAKEFILE


def print_snakefile() -> None:
    """Print where the workflow is, for `snakemake --snakefile` in another folder."""
    print(SNAKEFILE)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"pgbench {metadata.version('pgbench')}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Replicates the policy-gradient literature, from REINFORCE to PPO."""
