"""A stand-in for a function that a verb calls."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest


class Recorder:
    """Stands for a function of another module, and keeps what it was called with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: str, function: str) -> None:
        self.calls: list[tuple[Any, ...]] = []
        stand_in = types.ModuleType(module)
        setattr(stand_in, function, lambda *arguments: self.calls.append(arguments))
        monkeypatch.setitem(sys.modules, module, stand_in)
        package, _, name = module.rpartition(".")
        __import__(package)
        monkeypatch.setattr(sys.modules[package], name, stand_in, raising=False)
