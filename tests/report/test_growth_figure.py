"""How training grows, on the index: the figure, its caption, the sentence, and a page without them."""

import re

import pytest
from matplotlib.figure import Figure

from pgbench.base.refusals import Refusal
from pgbench.costs.growth import DEFAULT, FACTORS, Growth, GrowthTable
from pgbench.report import growth as growing
from pgbench.report.index_page import write_index
from pgbench.report.study_page import write_study

HEADER = (
    "# Measured some day on <a machine>.\nreplicas,width,environments,steps_per_second,mebibytes,rounds\n"
)
ROWS = "1,64,1,1000,300,3\n10,64,1,5000,400,3\n16,64,1,8000,500,3\n64,64,1,9000,2500,3\n"
OTHERS = "10,512,1,700,800,3\n10,64,4,6000,450,3\n"


def rows_of(text):
    return tuple(
        Growth.model_validate(dict(zip(Growth.model_fields, line.split(","), strict=True)))
        for line in text.splitlines()
    )


TABLE = GrowthTable("Measured some day on <a machine>.", rows_of(ROWS + OTHERS))


@pytest.fixture
def drawn(monkeypatch):
    """The figure before it becomes files."""
    figures: list[Figure] = []
    monkeypatch.setattr(growing, "render", figures.append)
    growing.draw(TABLE)
    return figures[0]


def test_the_same_table_gives_the_same_bytes():
    assert growing.draw(TABLE) == growing.draw(TABLE)
    faster = GrowthTable(TABLE.origin, rows_of(ROWS.replace("9000", "8500") + OTHERS))
    assert growing.draw(faster).svg != growing.draw(TABLE).svg


def test_every_panel_shows_its_rows_and_marks_the_default(drawn):
    speeds, memories = drawn.axes[: len(FACTORS)], drawn.axes[len(FACTORS) :]
    for factor, speed, memory in zip(FACTORS, speeds, memories, strict=True):
        rows = TABLE.along(factor)
        values = [getattr(row, factor) for row in rows]
        together, share, mark = speed.lines
        assert list(together.get_xdata()) == list(share.get_xdata()) == values
        assert list(together.get_ydata()) == [row.steps_per_second for row in rows]
        assert list(share.get_ydata()) == [row.steps_per_second / row.replicas for row in rows]
        assert list(memory.lines[0].get_ydata()) == [row.mebibytes for row in rows]
        assert set(mark.get_xdata()) == {getattr(DEFAULT, factor)}
        assert (speed.get_xscale(), memory.get_xscale()) == ("log", "log")


def test_all_that_was_measured_lies_within_the_panels(drawn):
    for axis in drawn.axes:
        low, high = axis.get_ylim()
        assert low == 0.0
        assert all(value <= high for line in axis.lines[:1] for value in line.get_ydata())


def test_the_caption_says_where_it_was_measured():
    caption = growing.caption(TABLE)
    assert caption.endswith("Measured some day on <a machine>.")
    assert "Medians; rounds: 3." in caption


def test_the_sentence_names_the_best_block_that_fits_and_the_default():
    assert growing.block_size_sentence(TABLE, 10) == (
        "In the 1,907 MiB that a job has, a block of 16 replicas makes the most of a core: 8,000 steps a second in "
        "500 MiB; the default block of 10 (block_size in workflows/config.yaml) makes 5,000 in 400 MiB, "
        "62\N{NO-BREAK SPACE}% of that."
    )
    assert growing.block_size_sentence(TABLE, 7).endswith("config.yaml) was not measured.")
    large = GrowthTable("", rows_of("10,64,1,5000,4000,3\n"))
    assert growing.block_size_sentence(large, 10).startswith(
        "None of the blocks measured fits into the 1,907"
    )


def test_the_index_has_the_figure_only_with_a_table(smallest, tmp_path):
    table, pages = tmp_path / "growth.csv", (tmp_path / "index.html", tmp_path / "index.md")
    table.write_text(HEADER + ROWS + OTHERS, encoding="utf-8")
    write_study(smallest, tmp_path / "small.html", tmp_path / "small.md")
    write_index([smallest], *pages)
    assert not any("How training grows" in page.read_text(encoding="utf-8") for page in pages)
    assert not (tmp_path / "figures/index").exists()
    write_index([smallest], *pages, growth=table)
    html, markdown = (page.read_text(encoding="utf-8") for page in pages)
    for page in (html, markdown):
        assert "a block of 16 replicas makes the most of a core" in page
        assert "Measured some day on &lt;a machine&gt;." in page
    assert '<li><a href="#growth">' in html
    assert '<h2 id="growth">' in html
    figures = re.findall(r"!\[[^\]]*\]\((figures/index[^)]*)\)", markdown)
    assert [(tmp_path / figure).read_bytes()[:4] for figure in figures] == [b"\x89PNG"]


def test_a_bad_table_is_refused(smallest, tmp_path):
    write_study(smallest, tmp_path / "small.html", tmp_path / "small.md")
    with pytest.raises(Refusal, match="measure-growth` writes it"):
        write_index([smallest], tmp_path / "a.html", tmp_path / "a.md", growth=tmp_path / "growth.csv")
