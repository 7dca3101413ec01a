"""The workflow on Slurm, with a job cancelled on the way. Installs Debian's Slurm and starts it on this host.

It is not among the ordinary tests: `make test-slurm`. `test_workflow.py` has the same path without Slurm.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import slurm

from helpers.places import CHECKOUT, DATA
from pgbench.analysis import verification

pytestmark = pytest.mark.slurm

STUDY = (
    "question: Is it lost?\nparent: reinforce\nenvironments: {CartPole-v1: 20000}\nvariants: {REINFORCE: }\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The small study of the tests and a longer one, whose checkpoints are frequent."""
    shutil.copytree(DATA, tmp_path / "work")
    (tmp_path / "work" / "studies" / "longer.yaml").write_text(STUDY)
    configuration = tmp_path / "work" / "smoke.yaml"
    configuration.write_text(
        configuration.read_text().replace("[studies/tiny.yaml]", "[studies/tiny.yaml, studies/longer.yaml]")
    )
    return tmp_path / "work"


def jobs() -> list[str]:
    """The running Slurm jobs that train, by number."""
    command = ["squeue", "--noheader", "--states=RUNNING", "--format=%i %k"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split()[0] for line in lines if "train" in line]


def test_the_workflow_runs_on_slurm_and_survives_a_cancelled_job(project: Path) -> None:
    # A cluster with a database needs neither of the last two lines, and this one has none.
    command = [sys.executable, "-m", "snakemake", "--snakefile", CHECKOUT / "Snakefile"]
    command += ["--workflow-profile", CHECKOUT / "workflows/profiles/slurm", "--configfile", "smoke.yaml"]
    command += ["--slurm-no-account", "--slurm-status-command", "squeue"]
    command += ["--slurm-init-seconds-before-status-checks", "5"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    }
    with slurm(project.parent / "slurm"), (project / "output.log").open("wb") as output:
        snakemake = subprocess.Popen(
            command, cwd=project, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        while not jobs() and snakemake.poll() is None:
            time.sleep(0.5)
        cancelled = jobs()[0]
        subprocess.run(["scancel", cancelled], check=True)
        code = snakemake.wait()
    text = (project / "output.log").read_text()
    assert code == 0, text
    assert f"SLURM jobid '{cancelled}'" in text or cancelled in text
    assert "Trying to restart" in text
    findings = verification.verify(project / "results")
    assert [finding.state for finding in findings] == ["valid"] * 8
    assert (project / "reports" / "tiny" / "index.html").stat().st_size > 0
