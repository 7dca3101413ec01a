"""Provenance inside and outside a checkout."""

import subprocess
import sys

import pytest

from pgbench.storage import provenance
from pgbench.storage.provenance import Provenance


def git(directory, *arguments):
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid"]
    subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_it_is_complete_and_valid():
    record = Provenance.model_validate(provenance.provenance())
    assert set(record.versions) == {"python", *provenance.PACKAGES}
    assert record.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record.machine.cores >= 1


def test_a_clean_checkout_and_a_dirty_one(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "CHECKOUT", checkout)
    clean = provenance.provenance()
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (checkout / "code.py").write_text("x = 2\n")
    assert provenance.provenance() == {**clean, "dirty": True}


def test_a_hook_of_another_repository_is_not_asked(checkout, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(provenance, "CHECKOUT", checkout)
    commit = provenance.provenance()["commit"]
    monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("another")))
    assert provenance.provenance()["commit"] == commit is not None


def test_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "CHECKOUT", tmp_path)
    record = provenance.provenance()
    assert record["commit"] is None
    assert record["dirty"] is None


def test_a_surrounding_checkout_is_not_mistaken_for_this_one(checkout, monkeypatch):
    (checkout / "installed").mkdir()
    monkeypatch.setattr(provenance, "CHECKOUT", checkout / "installed")
    assert provenance.provenance()["commit"] is None


def test_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.provenance()["commit"] is None


def test_no_tensor_or_plotting_library_is_imported():
    code = """
import sys, pgbench.storage.blocks, pgbench.analysis.gathering, pgbench.storage.provenance
pgbench.storage.provenance.provenance()
assert not {"torch", "gymnasium", "mujoco", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
