import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin import safe

HOSTILE = [
    "\x1b[2J\x1b[H",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31m",
    "a\rb",
    "a\nb",
    "a\tb",
    "a\x00b",
    "a\x7fb",
    "abc\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "\N{LEFT-TO-RIGHT ISOLATE}x",
    "zero\N{ZERO WIDTH SPACE}width",
    "\N{LINE SEPARATOR}next",
    "lone \ud800 surrogate",
    "tag \U000e0041",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("clean", [safe.name, safe.line, safe.prose, safe.answer])
def test_nothing_that_a_terminal_acts_upon_gets_through(text, clean):
    shown = clean(text)
    assert not any(
        unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in shown if letter not in "\n\t"
    )


@given(st.text())
def test_a_name_is_always_one_printable_line(text):
    assert safe.name(text).isprintable()
    assert len(safe.name(text)) == len(text)
    assert safe.line(text).isprintable()


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    for clean in (safe.name, safe.line, safe.prose, safe.answer):
        assert clean(clean(text)) == clean(text)


@given(st.text(), st.integers(min_value=0))
def test_an_answer_may_be_cut_anywhere(text, at):
    at %= len(text) + 1
    assert safe.answer(text[:at]) + safe.answer(text[at:]) == safe.answer(text)


@pytest.mark.parametrize("text", ["smollm2", "Größe", "模型", "\N{CHEQUERED FLAG}", "a b"])
def test_ordinary_text_stays_as_it_is(text):
    for clean in (safe.name, safe.line, safe.prose, safe.answer):
        assert clean(text) == text


def test_an_answer_keeps_its_lines_tabs_and_joined_emoji():
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}"
    assert safe.answer(f"a\r\n\tb {family}") == f"a\n\tb {family}"


def test_a_line_joins_several():
    assert safe.line("one\n  two\n") == "one two"


def test_prose_keeps_line_breaks():
    assert safe.prose("one\r\ntwo\x1b[0m") == "one\ntwo\N{REPLACEMENT CHARACTER}[0m"
