"""What the workflow itself costs: to build the plan of 5,000 training jobs, and to schedule a job.

`python tests/benchmarks/workflow.py` writes ten studies of 10 variants on 5 environments with 100 seeds, in
blocks of 10, and asks Snakemake for a dry run. Then it runs some of the jobs of one study with a `python` that does
nothing but touch their outputs: what a job takes then is Snakemake's own time, and the start of a shell. The time
of a single job is taken off, for it is the start of Snakemake.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from processes import Cost, run

from pgbench.studies.configuration import parse_configuration
from pgbench.studies.plans import plan_studies

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENTS = ("CartPole-v1", "Acrobot-v1", "HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
VARIANTS, SEEDS, BLOCK = 10, 100, 10
STUB = """
# Stands for `python -m pgbench train … --into DIRECTORY`: the last argument is where the block belongs.
python() {
    touch "${@: -1}"/{episodes,metrics,evaluations}.parquet "${@: -1}/run.json"
}
"""


def write_studies(folder: Path, count: int) -> list[str]:
    """Studies whose runs no other has, each a file of its own."""
    files = []
    for number in range(count):
        variants = {
            f"λ = {lam}": {"advantage.lam": lam, "gamma": round(0.9 + number / 1000, 3)}
            for lam in np.linspace(0.5, 0.95, VARIANTS).round(3).tolist()
        }
        study = {
            "question": "How long does it take to plan so many jobs?",
            "parent": "ppo",
            "seeds": SEEDS,
            "environments": dict.fromkeys(ENVIRONMENTS, 1_000_000),
            "variants": variants,
        }
        file = folder / f"planned-{number}.yaml"
        file.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
        files.append(str(file))
    return files


def snakemake(*arguments: str, stub: Path | None = None) -> Cost:
    """Run the workflow; Bash reads the stub, if there is one, before each job."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), *arguments]
    return run(command, {"BASH_ENV": str(stub)} if stub else {})


def configured(files: Sequence[str]) -> list[str]:
    """The options that replicate these studies, at the papers' budgets."""
    return ["--config", "preset=paper", f"block_size={BLOCK}", f"studies={json.dumps(files)}"]


def records(file: str) -> list[str]:
    """The records of a study's blocks, as the workflow names them."""
    values = {"preset": "all", "studies": [file], "block_size": BLOCK, "presets": {"all": {}}}
    plans = plan_studies(parse_configuration(values, "benchmark"), {Path(file).stem: Path(file)})
    return [f"results/runs/{block}/run.json" for each in plans.values() for block in each.blocks()]


def measure(folder: Path, studies: int, jobs: int, cores: int) -> dict[str, Cost]:
    """The plan of all studies, one training job of the first, and so many of them."""
    files = write_studies(folder, studies)
    (folder / "stub").write_text(STUB, encoding="utf-8")
    common = ["--directory", str(folder), "--cores", str(cores), "--quiet", "all"]
    first, *others = records(files[0])[: jobs + 1]
    return {
        "plan": snakemake(*common, "--dry-run", *configured(files)),
        "one job": snakemake(first, *common, *configured(files[:1]), stub=folder / "stub"),
        f"{len(others)} jobs": snakemake(*others, *common, *configured(files[:1]), stub=folder / "stub"),
    }


def main() -> None:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10, help="of 500 training jobs each")
    parser.add_argument("--jobs", type=int, default=300, help="that are scheduled; at most 499")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/workflow.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(Path(temporary), options.studies, options.jobs, options.cores)
    for name, cost in found.items():
        print(f"{name:10s} {cost.wall:8.1f} s wall {cost.cpu:8.1f} s CPU {cost.memory / 2**20:8,.0f} MiB")
    _, one, several = found.values()
    each = 1000 / (options.jobs - 1)
    print(
        f"each job   {each * (several.wall - one.wall):8.1f} ms wall {each * (several.cpu - one.cpu):7.1f} ms CPU"
    )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"load": os.getloadavg()[0]} | {name: cost._asdict() for name, cost in found.items()}
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
