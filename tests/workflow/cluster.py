"""A Slurm cluster of one node: this host. Debian's packages, and daemons that end with their context."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CONFIGURATION = Path(
    "/etc/slurm/slurm.conf"
)  # nowhere else: the jobs forget any other place that they were told
PACKAGES = ["slurmctld", "slurmd", "slurm-client", "munge"]
COMMENT = "# a cluster of one node, for a test of pgbench\n"


def install() -> None:
    """Install Slurm if it is missing; needs root."""
    if shutil.which("slurmctld") and shutil.which("munged"):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", "--quiet", *command], check=True, env=environment)


@contextmanager
def daemon(*command: str, user: str | None = None) -> Iterator[None]:
    """A program that runs in the foreground until the context ends."""
    process = subprocess.Popen(command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def configuration(directory: Path) -> str:
    """A node of as many cores and as much memory as this host has, and all state in a directory."""
    host = platform.node()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return f"""{COMMENT}
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=3600
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def slurm(directory: Path) -> Iterator[None]:
    """A running cluster; its daemons end, and its configuration goes, with the context.

    Raises:
        RuntimeError: if this host belongs to another cluster, or does not get ready.
    """
    install()
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(COMMENT):
        raise RuntimeError(f"{CONFIGURATION} is of a cluster that is not ours; nothing was touched")
    for name in ("state", "spool"):
        (directory / name).mkdir(parents=True)
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.write_text(configuration(directory))
    with ExitStack() as running:
        running.callback(CONFIGURATION.unlink)
        running.enter_context(daemon("munged", "--foreground", user="munge"))
        wait_for("munge", "--no-input")
        running.enter_context(daemon("slurmctld", "-D"))
        running.enter_context(daemon("slurmd", "-D"))
        wait_for("srun", "--ntasks=1", "true")
        yield


def wait_for(*command: str) -> None:
    """Until a command succeeds."""
    for _ in range(60):
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return
        time.sleep(1.0)
    raise RuntimeError(f"the cluster did not get ready: {' '.join(command)} fails")
