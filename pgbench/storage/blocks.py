"""What a block of replicas leaves on disk: four tables, policies, and the record that says they are whole.

A block is a directory with `replicas.parquet`, `episodes.parquet`, `metrics.parquet`, `evaluations.parquet`,
`policy.safetensors` and `run.json`. The record is written last and carries the number of rows of each table and
the SHA-256 of each file. A block without a record was never finished, and a block whose files do not match its
record is refused. Nothing in the other files depends on time or place, so a block that is trained twice has the
same bytes.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pandas as pd
from pydantic import AwareDatetime, Field, NonNegativeInt

from pgbench.base.refusals import Refusal
from pgbench.base.specification import Specification
from pgbench.methods.runs import Run
from pgbench.storage.compact import put_compact, read_compact
from pgbench.storage.files import TableRecord, check_file, force, put_bytes, read_record, replacing, sealed
from pgbench.storage.layout import RECORD
from pgbench.storage.policy_file import KeptPolicies, read_policies
from pgbench.storage.provenance import History
from pgbench.storage.table_format import TableFormat

KEPT = ".kept"
"""The folder in a block's directory with second names (hard links, which cost no space) of its finished files.

Snakemake deletes the outputs of a job whose end it has not seen, for example because the job outlived it. The block
then still exists under its second names: `keep` makes them, and `give_back` makes the first names from them.
"""
EPISODES = TableFormat(
    {
        "seed": "int64",
        "step": "int64",
        "episodic_return": "float64",
        "episodic_length": "int64",
        "terminated": "bool",
        "cut": "bool",
    }
)
METRICS = TableFormat({"seed": "int64", "iteration": "int64", "step": "int64"}, others="float64")
REPLICAS = TableFormat(
    {"seed": "int64", "step": "int64", "status": "str", "episodes": "int64"}, others="float64"
)
Status = Literal["finished", "diverged", "no episode"]
"""How a replica ended. `finished`: after its budget, in which an episode ended. `no episode`: after its budget, in
which none ended; episodes that were cut have no end. `diverged`: a parameter or a return is not a finite number."""
STATISTICS = ("mean", "minimum", "maximum", "first", "last")
"""What is kept of a metric over all updates in which it was measured, as columns such as `mean(kl)`."""
REMEDY = "delete the block's directory and run the workflow again"
STABLE: Any = {"kind": "stable", "ignore_index": True}


class BlockTables(NamedTuple):
    """The tables of a block.

    Attributes:
        replicas: one row a seed, in the format `REPLICAS`: the environment steps that it trained for, how it
            ended (`Status`), the number of its episodes that `ended_within` its budget, and each of `STATISTICS` of
            each metric over all updates that were measured, in which it is a finite number.
        episodes: one row a finished training episode, in the format `EPISODES`; `step` counts the environment
            steps of the replica when the episode ended. The return of an episode that was `cut`, because the
            budget was spent, is that of its steps so far.
        metrics: one row a seed and kept update, in the format `METRICS`, with a column for each metric.
        evaluations: one row an evaluation episode, in the format `EPISODES`; `step` counts the environment steps
            that the replica had trained when it was evaluated.
    """

    replicas: pd.DataFrame
    episodes: pd.DataFrame
    metrics: pd.DataFrame
    evaluations: pd.DataFrame


FILES = {name: f"{name}.parquet" for name in BlockTables._fields}
POLICY = "policy.safetensors"
FORMATS = {"replicas": REPLICAS, "episodes": EPISODES, "metrics": METRICS, "evaluations": EPISODES}
ORDERS = {
    "replicas": ["seed"],
    "episodes": ["seed", "step"],
    "metrics": ["seed", "iteration"],
    "evaluations": ["seed", "step"],
}
BEYOND = "step_beyond_lengths"
"""The column of stored episodes from which `_unpacked` makes their steps."""


class TableRecords(Specification):
    """What the tables of a block must look like."""

    replicas: TableRecord
    episodes: TableRecord
    metrics: TableRecord
    evaluations: TableRecord


class BlockRecord(History):
    """The commit record of a block, `run.json`."""

    name: str = Field(description="The run's name, which ends with the digest of its specification.")
    run: Run
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    finished: AwareDatetime
    tables: TableRecords
    policy: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        exclude_if=lambda value: value is None,
        description="SHA-256 of the file with the policies; none if the tables were not trained but simulated.",
    )
    policies_left_out: bool = Field(
        False,
        exclude_if=lambda value: not value,
        description="Whether the block was published without the file with the policies, most of its bytes.",
    )

    @property
    def has_policies(self) -> bool:
        """Whether the file with the policies belongs to the block."""
        return self.policy is not None and not self.policies_left_out


@dataclass(frozen=True)
class Block:
    """A block as read back.

    Attributes:
        replicas: see `BlockTables`.
        episodes: see `BlockTables`.
        metrics: see `BlockTables`.
        evaluations: see `BlockTables`.
        record: what was run, when, where and from which code.
    """

    replicas: pd.DataFrame
    episodes: pd.DataFrame
    metrics: pd.DataFrame
    evaluations: pd.DataFrame
    record: BlockRecord


def ordered(tables: BlockTables) -> BlockTables:
    """The tables in the order in which a block has them."""
    return BlockTables(
        **{name: table.sort_values(ORDERS[name], **STABLE) for name, table in tables._asdict().items()}
    )


def write_block(
    directory: Path, tables: BlockTables, record: dict[str, Any], policy: bytes | None = None
) -> None:
    """Write a block so that it exists whole or not at all; if that fails, an earlier block stays as it was.

    Args:
        directory: the block's directory; made if missing.
        tables: each is written in the order of `ORDERS`.
        record: the fields of `BlockRecord` without `tables` and `policy`.
        policy: the file of the policies, from `policy_file.to_bytes`; None: the tables are simulated.

    Raises:
        ValueError: if a table's columns are not those of the format, or the record's fields are not.
        OSError: if what was written cannot be read back equal.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, table in tables._asdict().items():
        FORMATS[name].check(table, name)
    # Files take their names in the opposite order, the record's last, once all of them are on the disk.
    with ExitStack() as stack:
        commit = stack.enter_context(replacing(directory / RECORD))
        files = {
            name: stack.enter_context(replacing(directory / file)) for name, file in reversed(FILES.items())
        }
        written = {name: put(name, files[name], table) for name, table in tables._asdict().items()}
        digest = None
        if policy is not None:
            files[POLICY] = stack.enter_context(replacing(directory / POLICY))
            digest = put_bytes(files[POLICY], policy)
        complete = BlockRecord.model_validate({**record, "tables": written, "policy": digest})
        commit.write_text(sealed(complete), encoding="utf-8")
        for file in (*files.values(), commit):
            force(file)
        (directory / RECORD).unlink(missing_ok=True)  # until it is back, there is no valid block


def put(name: str, path: Path, table: pd.DataFrame) -> TableRecord:
    """Write one table of a block in its order, under a path that is temporary.

    Raises:
        OSError: if it cannot be written, or reads back differently.
    """
    ordered = table.sort_values(ORDERS[name], **STABLE)
    return put_compact(path, _packed(ordered) if name == "episodes" else ordered)


def _packed(episodes: pd.DataFrame) -> pd.DataFrame:
    """Episodes with their steps less the lengths of all episodes of the replica until then.

    With one environment a replica that is 0 everywhere, because one episode follows the other.
    """
    lengths = episodes.groupby("seed")["episodic_length"].cumsum()
    return episodes.assign(step=episodes["step"] - lengths).rename(columns={"step": BEYOND})


def _unpacked(stored: pd.DataFrame) -> pd.DataFrame:
    """The episodes that `_packed` packed; a table of other columns as it is."""
    if not {"seed", "episodic_length", BEYOND} <= set(stored):
        return stored
    lengths = stored.groupby("seed")["episodic_length"].cumsum()
    return stored.assign(**{BEYOND: stored[BEYOND] + lengths}).rename(columns={BEYOND: "step"})


def read_block(directory: Path, name: str | None = None) -> Block:
    """Read a block and check it against its record.

    Args:
        directory: the block's directory.
        name: the run that it must belong to; by default any.

    Raises:
        Refusal: if a file is missing, truncated, altered, or belongs to another run or format.
    """
    try:
        record = read_record(directory / RECORD, BlockRecord, REMEDY)
    except FileNotFoundError as error:
        raise Refusal(
            f"{directory / RECORD}: cannot be read ({error.strerror}), so this block was never finished; "
            "run the workflow again"
        ) from None
    if name not in (None, record.name):
        raise Refusal(f"{directory / RECORD}: belongs to the run '{record.name}', not to '{name}'; {REMEDY}")
    if record.has_policies:
        check_file(directory / POLICY, str(record.policy), REMEDY)
    block = Block(**{name: _read(directory, name, record) for name in FILES}, record=record)
    path, replicas = directory / FILES["replicas"], block.replicas.set_index("seed")
    if replicas.index.tolist() != sorted(record.seeds):
        raise Refusal(f"{path}: has other replicas than its record; {REMEDY}")
    counts = ended_within(block.episodes, record.run.steps)["seed"].value_counts()
    if not counts.reindex(replicas.index, fill_value=0).equals(replicas["episodes"].rename("count")):
        raise Refusal(f"{path}: counts other episodes than {FILES['episodes']} has; {REMEDY}")
    return block


def ended_within(episodes: pd.DataFrame, budget: int) -> pd.DataFrame:
    """The training episodes that have an end, within the budget, so that all replicas are judged at equal cost."""
    return episodes[(episodes["step"] <= budget) & ~episodes["cut"]]


def policies_of(directory: Path, record: BlockRecord) -> KeptPolicies:
    """The policies of a block that `read_block` has read.

    Raises:
        Refusal: if it has none, or the file holds anything else.
    """
    if record.policy is None:
        raise Refusal(f"{directory}: has no policies: its tables were not trained but simulated")
    if record.policies_left_out:
        raise Refusal(
            f"{directory}: was published without its policies; delete this directory and train the block again"
        )
    return read_policies(directory / POLICY, REMEDY)


def _read(directory: Path, name: str, record: BlockRecord) -> pd.DataFrame:
    """One table of a block."""
    path = directory / FILES[name]
    stored = read_compact(path, getattr(record.tables, name), REMEDY)
    table = _unpacked(stored) if name == "episodes" else stored
    try:
        FORMATS[name].check(table, str(path))
    except ValueError as error:
        raise Refusal(f"{error}; {REMEDY}") from None
    if not set(table["seed"].unique()) <= set(record.seeds):
        raise Refusal(f"{path}: holds seeds that its record does not name; {REMEDY}")
    return table


def keep(directory: Path) -> None:
    """Give the files of a finished block their second names, where the file system can; see `KEPT`."""
    (directory / KEPT).mkdir(exist_ok=True)
    for file in _present(directory):
        with suppress(OSError), replacing(directory / KEPT / file) as link:
            link.hardlink_to(directory / file)


def give_back(directory: Path) -> None:
    """Give a block's files their first names again; see `KEPT`.

    Raises:
        OSError: if that cannot be done.
    """
    for file in _present(directory / KEPT):
        with replacing(directory / file) as link:
            link.hardlink_to(directory / KEPT / file)


def _present(directory: Path) -> list[str]:
    """The names of a block's files, the record's last, as far as they are in a directory."""
    return [file for file in (*FILES.values(), POLICY, RECORD) if (directory / file).exists()]
