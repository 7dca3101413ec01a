import pytest

from helpers.invented_study import gathered, plan, results, smallest
from pgbench.laboratory import measuring
from pgbench.report.index_page import write_index
from pgbench.report.laboratory_page import write_page
from pgbench.report.study_page import write_study

__all__ = ["gathered", "plan", "results", "smallest"]


@pytest.fixture(scope="session")
def reports(gathered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    write_study(gathered, folder / "invented.html", folder / "invented.md")
    measured = tmp_path_factory.mktemp("measured") / "divergence"
    measuring.write("divergence", "smoke", 0, measured, code="00000000")
    write_page([measured], folder / "laboratory.html", folder / "laboratory.md")
    write_index([gathered], folder / "index.html", folder / "index.md")
    return folder
