import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin_cli._table import Column, cut, render, width

COLUMNS = (
    Column(title="MODEL", least=6),
    Column(title="SIZE", right=True),
    Column(title="NOTE", rank=1, least=4),
    Column(title="MORE", rank=2),
)
ROWS = [("smollm2", "98 MB", "small", "x" * 10), ("llama3-70b", "40 GB", "", "y")]


def test_columns_are_as_wide_as_they_must_be():
    assert render(COLUMNS, ROWS) == (
        "MODEL        SIZE  NOTE   MORE\nsmollm2     98 MB  small  xxxxxxxxxx\nllama3-70b  40 GB         y\n"
    )


def test_the_least_important_columns_go_first():
    assert render(COLUMNS, ROWS, 30).splitlines()[0].split() == ["MODEL", "SIZE", "NOTE"]
    assert render(COLUMNS, ROWS, 20).splitlines()[0].split() == ["MODEL", "SIZE"]


def test_what_is_still_too_wide_is_cut():
    lines = render(COLUMNS, ROWS, 14).splitlines()
    assert lines[2] == "llama3…  40 GB"


def test_a_column_with_nothing_in_it_is_left_out():
    assert "NOTE" not in render(COLUMNS, [("a", "1", "", "b")])


def test_no_rows_still_say_the_titles():
    assert render(COLUMNS, []).split() == ["MODEL", "SIZE", "NOTE", "MORE"]


def test_wide_letters_take_two_cells():
    lines = render(COLUMNS[:2], [("模型", "1"), ("ab", "2")]).splitlines()
    assert [width(line) for line in lines] == [11, 11, 11]


@given(st.text(st.characters(categories=["L", "N", "Mn", "So"])), st.integers(1, 40))
def test_cut_fits(text, cells):
    assert width(cut(text, cells)) <= cells
    if width(text) <= cells:
        assert cut(text, cells) == text


@given(
    st.lists(st.tuples(*[st.text(st.characters(categories=["L", "N"]), max_size=30)] * 4), max_size=5),
    st.integers(40, 120),
)
def test_every_line_fits_the_terminal(rows, cells):
    assert all(width(line) <= cells for line in render(COLUMNS, rows, cells).splitlines())


@pytest.mark.parametrize("cells", [None, 80, 20])
def test_every_row_is_there(cells):
    rows = [(f"model-{number}", "1 GB", "", "") for number in range(1000)]
    assert len(render(COLUMNS, rows, cells).splitlines()) == 1001
