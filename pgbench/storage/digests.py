"""Which code a result comes from: digests over the modules that decide what training and analysis compute."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pgbench.base.places import PACKAGE

TRAINING_CODE = (
    "base/compiled.py",
    "base/specification.py",
    "environments",
    "functional",
    "methods",
    "networks",
    "training",
)
ANALYSIS_CODE = ("analysis", "base", "costs", "figures", "methods", "report", "storage", "studies")


def training_code_digest() -> str:
    """The digest of the modules that decide what training computes.

    The workflow passes it to the rule that trains: edited mathematics retrains, an edited plot does not.
    """
    return code_digest(TRAINING_CODE)


def code_digest(files: Sequence[str]) -> str:
    """Eight hexadecimal digits over modules and subpackages of this package."""
    sources = sorted(
        source
        for name in files
        for source in ((PACKAGE / name).rglob("*.py") if "." not in name else [PACKAGE / name])
    )
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.relative_to(PACKAGE).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:8]
