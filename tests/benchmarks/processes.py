"""Running a program and saying what it took."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """Wall and CPU seconds of a process with all that it started, and the most memory of any of them, in bytes."""

    wall: float
    cpu: float
    memory: int


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a program, whose output is shown only if it fails.

    Args:
        command: the program and its arguments.
        environment: variables besides those of this process.
    """
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | dict(environment or {})
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            output.seek(0)
            raise SystemExit(
                f"{' '.join(command)}: ended with {child.returncode}\n{output.read().decode()[-4000:]}"
            )
    return Cost(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
