"""The command line, called in this process."""

from __future__ import annotations

import sys

import pytest

from pgbench import __main__ as command_line


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Call the command line in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["pgbench", *arguments])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0)
