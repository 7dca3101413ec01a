"""Finished blocks as Weights & Biases runs, one for each replica. The project never reads them back.

The history of a replica has a row for each row of its metrics, with the mean return and length of the training
episodes that ended since the row before. It uses CleanRL's names and `global_step`; the mean return of an
evaluation is `charts/evaluation_return`. The group in W&B is the run. `config.studies` says which variant the run
is in which study, so that runs can be grouped by study too.

The identifier of a replica follows from its run and seed, and the whole history is written each time. It replaces
an earlier one: this module deletes that on this machine, and W&B does on a server, because a run starts anew unless
it is told to resume.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pgbench.base.refusals import Refusal, nearest
from pgbench.storage.blocks import METRICS, Block, BlockRecord, read_block
from pgbench.storage.layout import PLAN, RECORD, Layout
from pgbench.studies import plans

PROJECT = "pgbench"
CLEANRL_NAMES = {
    "learning_rate": "charts/learning_rate",
    "approximate_kl": "losses/approx_kl",
    "clip_fraction": "losses/clipfrac",
}
"""Metrics that have another name in CleanRL; the others are `losses/<metric>`."""
LONGEST_TAG = 64
"""Characters of a tag that W&B takes."""
OF_ANOTHER_RUN = (
    *("WANDB_RESUME", "WANDB_RUN_ID", "WANDB_NAME", "WANDB_NOTES", "WANDB_JOB_TYPE", "WANDB_TAGS"),
    *("WANDB_RUN_GROUP", "WANDB_SWEEP_ID", "WANDB_CONFIG_PATHS", "WANDB_PROGRAM"),
)
"""Variables that describe the run of another program; where to record and who may is not among them."""
MODES = ("online", "offline", "disabled")
PATIENCE = {"init_timeout": 30.0, "finish_timeout": 600.0, "finish_timeout_raises": True}
"""Seconds to wait for a server before a replica counts as failed."""
LEAN: dict[str, Any] = {
    "console": "off",
    "silent": True,
    "disable_git": True,
    "disable_code": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}
"""Without these W&B describes the machine that uploads; the block's record has the machine that trained."""


class TrackingError(RuntimeError):
    """W&B could not record a block. The results on disk are not affected."""


@dataclass(frozen=True)
class Tracker:
    """Writes replicas to W&B.

    Attributes:
        mode: `online` uploads at once; `offline` leaves directories that `wandb sync` uploads.
        directory: where W&B makes its directory `wandb/`.
    """

    mode: Literal["online", "offline"]
    directory: Path

    def track(self, block: Block, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Write a run for each replica of a block; it replaces an earlier one.

        Args:
            block: as read from disk.
            labels: study → preset → the variant that is trained by the block's run.

        Raises:
            TrackingError: if W&B fails for any reason.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for seed in block.record.seeds:
                self._replace(block, seed, labels)
        # W&B's errors have no common base, and the network has others.
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TrackingError(
                f"warning: Weights & Biases did not record {block.record.name}: {reason}; the results are not "
                "affected, and `python -m pgbench track` tries again"
            ) from error

    def _replace(self, block: Block, seed: int, labels: Mapping[str, Mapping[str, str]]) -> None:
        import wandb  # noqa: PLC0415 (slow to import, and not needed to read this module)

        record, name = block.record, replica_id(block.record.name, seed)
        earlier = list(self.directory.glob(f"wandb/*run-*-{name}"))
        with wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=name,
            name=f"{record.name} seed {seed}",
            group=record.name,
            tags=sorted(tag(study, preset) for study, presets in labels.items() for preset in presets),
            config=configuration(record, seed, labels),
            dir=self.directory,
            mode=self.mode,
            settings=wandb.Settings(**LEAN, **PATIENCE),
        ) as run:
            run.define_metric("global_step")
            for charts in ("charts/*", "losses/*"):
                run.define_metric(charts, step_metric="global_step")
            for row in rows(history(block, seed)):
                run.log(row)
            if record.seconds:
                run.summary["charts/SPS"] = record.steps / record.seconds
            written = Path(run.dir).parent.name
        for directory in earlier:
            if directory.name != written:
                shutil.rmtree(directory)


def history(block: Block, seed: int) -> pd.DataFrame:
    """The history of a replica: a row for each row of its metrics, by ascending `global_step`.

    `charts/episodic_return` and `charts/episodic_length` are means over the training episodes that ended since the
    row before, or NaN if none did; one that was cut has not ended. Episodes after the last row of metrics share one
    more row. If there are evaluations, `charts/evaluation_return` is the mean return of each.
    """
    metrics = block.metrics[block.metrics["seed"] == seed].set_index("step")
    episodes = block.episodes[(block.episodes["seed"] == seed) & ~block.episodes["cut"]]
    last = int(episodes["step"].max()) if len(episodes) else 0
    ends = np.append(metrics.index.to_numpy(), max(last, int(metrics.index.max())))
    at = ends[np.searchsorted(ends, episodes["step"].to_numpy())]
    charts = episodes.groupby(at)[["episodic_return", "episodic_length"]].mean().add_prefix("charts/")
    evaluations = (
        block.evaluations[block.evaluations["seed"] == seed].groupby("step")["episodic_return"].mean()
    )
    if len(evaluations):
        charts = charts.join(evaluations.rename("charts/evaluation_return"), how="outer")
    losses = metrics.drop(columns=[key for key in METRICS.columns if key in metrics])
    losses = losses.rename(columns=lambda metric: CLEANRL_NAMES.get(metric, f"losses/{metric}"))
    return charts.join(losses, how="outer").rename_axis("global_step").reset_index()


def rows(table: pd.DataFrame) -> Iterator[dict[str, float]]:
    """The rows of a history as W&B logs them, without values that are NaN."""
    for row in table.to_dict("records"):
        yield {str(name): value for name, value in row.items() if not np.isnan(value)}


def configuration(record: BlockRecord, seed: int, labels: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The resolved specification of a replica, the studies that it belongs to, and its origin."""
    origin = record.model_dump(mode="json", exclude={"run", "name", "seeds"})
    return {**record.run.model_dump(mode="json"), "seed": seed, "studies": dict(labels), "block": origin}


def replica_id(run: str, seed: int) -> str:
    """The identifier of a replica: 16 hexadecimal digits that follow from its run's name and its seed."""
    return hashlib.sha256(f"{run}/{seed}".encode()).hexdigest()[:16]


def tag(study: str, preset: str) -> str:
    """`<study>/<preset>`; where W&B finds that too long, its beginning, and a digest that tells it from others."""
    whole = f"{study}/{preset}"
    if len(whole) <= LONGEST_TAG:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: LONGEST_TAG - len(digest) - 1]}~{digest}"


def choose_mode() -> Literal["online", "offline"] | None:
    """The mode of recording: that of `WANDB_MODE`, but `online` only if W&B finds a key. None: record nothing.

    Without a key W&B would ask for one on a terminal; this function makes sure that it never does.

    Raises:
        Refusal: if `WANDB_MODE` is not a mode.
        TrackingError: if the configured key is not valid.
    """
    wanted = os.environ.get("WANDB_MODE", "online")
    if wanted not in MODES:
        raise Refusal(f"WANDB_MODE: '{wanted}' is not a mode; {nearest(wanted, MODES)}")
    if wanted == "disabled":
        return None
    return "online" if wanted == "online" and _has_key() else "offline"


def _has_key() -> bool:
    """Whether W&B finds a key in the environment, its settings or the netrc file."""
    import wandb  # noqa: PLC0415
    from wandb.sdk.lib import wbauth  # noqa: PLC0415

    try:
        host = wandb.setup().settings.base_url
        session = wbauth.authenticate_session(host=host, source=PROJECT, prompt=False, update_session=False)
    except Exception as error:
        raise TrackingError(f"warning: Weights & Biases: {' '.join(str(error).split())}") from error
    return session is not None


def find_blocks(path: Path, results: Path) -> list[Path]:
    """The directories of the blocks that a path stands for: a block, a run, or a study with its plan.

    Raises:
        Refusal: if the path is none of the three, or the study has blocks that were never finished.
    """
    if (path / RECORD).exists():
        return [path]
    if (path / PLAN).exists():
        blocks = [Layout(results).block(name) for name in plans.read_plan(path / PLAN).blocks()]
        missing = [block for block in blocks if not (block / RECORD).exists()]
        if missing:
            raise Refusal(
                f"{path}: {len(missing)} of {len(blocks)} blocks were never finished, the first is {missing[0]}; "
                "run the workflow again"
            )
        return blocks
    finished = sorted(record.parent for record in path.glob(f"*/{RECORD}"))
    if not finished:
        raise Refusal(
            f"{path}: is neither a block ({Layout().block('<run>/<seeds>')}), nor a run "
            f"({Layout().run('<run>')}), nor a study's results ({Layout().study('<preset>', '<study>')})"
        )
    return finished


def study_labels(results: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Run → study → preset → variant, from the plans among the results."""
    labels: dict[str, dict[str, dict[str, str]]] = {}
    for path in Layout(results).plans():
        try:
            plan = plans.read_plan(path)
        except Refusal:  # the plan of an older version, which nobody asked to track
            continue
        for planned in plan.runs:
            labels.setdefault(planned.name, {}).setdefault(plan.name, {})[plan.preset] = planned.variant
    return labels


def track(paths: Sequence[Path], results: Path) -> str:
    """Write the replicas of blocks, runs and studies to W&B; return a sentence on what was done.

    Args:
        paths: see `find_blocks`.
        results: the directory with `runs/` and `studies/`; W&B also writes there, unless `WANDB_DIR` is set.

    Raises:
        Refusal: if a path stands for no block, or a file of a block was altered.
        TrackingError: if W&B fails; the blocks before that one are recorded.
    """
    directories = list(dict.fromkeys(block for path in paths for block in find_blocks(path, results)))
    mode = choose_mode()
    if mode is None:
        return "nothing was recorded: WANDB_MODE is disabled"
    for variable in OF_ANOTHER_RUN:
        os.environ.pop(variable, None)
    tracker = Tracker(mode, Path(os.environ.get("WANDB_DIR", results)))
    labels, replicas = study_labels(results), 0
    for directory in directories:
        block = read_block(directory, directory.resolve().parent.name)
        tracker.track(block, labels.get(block.record.name, {}))
        replicas += len(block.record.seeds)
    where = (
        f"in {tracker.directory / 'wandb'}; `wandb sync {tracker.directory}/wandb/offline-run-*` uploads them"
    )
    done = f"{replicas} replicas of {len(directories)} blocks are recorded"
    return f"{done} by Weights & Biases" if mode == "online" else f"{done} offline {where}"
