"""What a user's shell and folders may bring, and what may change neither results nor pages."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from pgbench.base.places import PACKAGE


def settle() -> None:
    r"""Make this process, and those that it starts, independent of settings that are meant for other programs.

    * Matplotlib: of `MPLBACKEND` and of every `matplotlibrc`. Both can fail already when it is imported.
    * MuJoCo: of `MUJOCO_GL`, except for the verb that draws. A renderer that is not there fails every import.
    * Locale: texts have signs such as λ; where a terminal has no λ, it shows `\u03bb`.
    * Numba: it needs a folder for machine code. Where it can write to none, it gets one until the process ends.
    """
    os.environ.update(MPLBACKEND="Agg", MATPLOTLIBRC=os.devnull)
    if sys.argv[1:2] != ["watch"]:
        os.environ["MUJOCO_GL"] = "disabled"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if "NUMBA_CACHE_DIR" not in os.environ and not any(map(_writable, (PACKAGE, _cache()))):
        folder = tempfile.mkdtemp(prefix="pgbench-machine-code-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = folder


def _cache() -> Path:
    """The folder for caches of this user's programs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or the folder itself in the nearest one that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
