"""How training grows: the settings, the table with its errors, and the choice of a block."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.base.refusals import Refusal
from pgbench.costs import growth
from pgbench.costs.growth import DEFAULT, FACTORS, Growth, Setting, read_growth
from pgbench.methods.components import FixedHorizon, Networks
from pgbench.studies.configuration import Configuration

MEASURED = """\
# What this is.
# Measured some day on some machine;
# with torch 0.0.
replicas,width,environments,steps_per_second,mebibytes,rounds
64,64,1,9000,600,3
10,64,1,5000,400,3
1,64,1,1000,300,3
10,512,1,700,2500,3
10,64,4,6000,500,3
"""


def read(directory: Path, text: str = MEASURED) -> growth.GrowthTable:
    path = directory / "growth.csv"
    path.write_text(text, encoding="utf-8")
    return read_growth(path)


def row(replicas: int, steps_per_second: float, mebibytes: float) -> Growth:
    measured = {"steps_per_second": steps_per_second, "mebibytes": mebibytes, "rounds": 1}
    return Growth(replicas=replicas, width=64, environments=1, **measured)


def test_the_default_is_what_nobody_chose() -> None:
    block_size = Configuration.model_fields["block_size"].default
    assert Setting(block_size, Networks().hidden[0], FixedHorizon().environments) == DEFAULT
    assert len(set(Networks().hidden)) == 1


def test_one_factor_is_varied_at_a_time_and_the_default_measured_once() -> None:
    found = growth.settings()
    assert len(set(found)) == len(found) == sum(map(len, FACTORS.values())) - 2
    for setting in found:
        assert sum(a != b for a, b in zip(setting, DEFAULT, strict=True)) <= 1
    for factor, values in FACTORS.items():
        assert {getattr(setting, factor) for setting in found} == set(values)


def test_a_table_has_its_origin_and_a_curve_for_every_factor(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert table.origin == "Measured some day on some machine; with torch 0.0."
    assert [each.replicas for each in table.along("replicas")] == [1, 10, 64]
    assert [each.width for each in table.along("width")] == [64, 512]
    assert [each.environments for each in table.along("environments")] == [1, 4]
    assert [each.share for each in table.along("replicas")] == [1000.0, 500.0, 9000 / 64]


def test_the_fastest_block_fits_into_the_memory() -> None:
    rows = [row(1, 1000.0, 300.0), row(10, 5000.0, 400.0), row(64, 9000.0, 600.0)]
    assert growth.fastest(rows, 600.0) == rows[2]
    assert growth.fastest(rows, 599.0) == rows[1]
    assert growth.fastest(rows, 299.0) is None


@pytest.mark.parametrize(
    ("correct", "mistake", "message"),
    [
        ("64,64,1,9000", "64,64,1,-9000", "growth.csv: row 1: 'steps_per_second' is '-9000'"),
        ("10,64,1,5000,400,3", "10,64,1,5000,400", "growth.csv: row 2: 'rounds' is None"),
        ("10,64,1,5000,400,3", "10,64,1,5000,400,3,7", "growth.csv: row 2: "),
        ("mebibytes", "megabytes", "unknown key 'megabytes'; did you mean 'mebibytes'?"),
        ("10,64,1,", "12,64,1,", "the default (replicas 10, width 64, environments 1) was not measured"),
        ("1,64,1,1000", "64,64,1,1000", "replicas 64, width 64, environments 1 stands there 2 times"),
        ("1,64,1,1000", "1,128,1,1000", "replicas 1, width 128, environments 1 differs from the default"),
        ("# Measured", "# Found", "no comment says '# Measured …', when and on which machine"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, correct: str, mistake: str, message: str) -> None:
    lines = MEASURED.splitlines()
    changed = [mistake + line.removeprefix(correct) if line.startswith(correct) else line for line in lines]
    if changed == lines:
        changed = MEASURED.replace(correct, mistake).splitlines()
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, "\n".join(changed))
    assert message in str(refusal.value)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"cannot be read .*`python -m pgbench measure-growth` writes it"):
        read_growth(tmp_path / "growth.csv")
    (tmp_path / "growth.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(Refusal, match="is not a text file"):
        read_growth(tmp_path / "growth.csv")


def test_the_committed_table_has_all_settings() -> None:
    table = read_growth(CHECKOUT / "workflows/growth.csv")
    assert {each.setting for each in table.rows} == set(growth.settings())
    assert "torch" in table.origin
