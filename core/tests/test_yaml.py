"""YAML that somebody else wrote: decoded as it is, or refused before it does harm."""

import datetime as dt
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin import yaml
from papin.errors import FormatInvalid, PluginFailed

LARGEST = 4 << 20


def load(text, largest=LARGEST):
    return yaml.load(text, "it", largest=largest)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1\nb: [x, 2.5, true, ~]\n", {"a": 1, "b": ["x", 2.5, True, None]}),
        ("base: &b {x: 1, y: 2}\nmade: {<<: *b, y: 3}\n", {"base": {"x": 1, "y": 2}, "made": {"x": 1, "y": 3}}),
        ("base: &b {x: 1}\nmade:\n  !!merge <<: *b\n", {"base": {"x": 1}, "made": {"x": 1}}),
        ('a: !!str 1\nb: "0123456789012345678901234567890123456789x"', {"a": "1", "b": "0123456789" * 4 + "x"}),
        (f"a: {'c0ffee' * 10}", {"a": "c0ffee" * 10}),
        (b"\xef\xbb\xbfa: \xc3\xa9", {"a": "\u00e9"}),
        ("a: 2026-01-31", {"a": dt.date(2026, 1, 31)}),
    ],
)
def test_plain_values(text, value):
    assert load(text) == value


def levels(first, line):
    return first + "".join(line(level, ", ".join([f"*a{level - 1}"] * 10)) for level in range(1, 12))


# Each of them takes minutes, gigabytes or the process without the look that is taken first.
HARM = {
    "merges": levels("a0: &a0 {x: 1, y: 2}\n", lambda n, ten: f"a{n}: &a{n} {{<<: [{ten}], k{n}: 1}}\n"),
    "laughs": levels("a0: &a0 [1]\n", lambda n, ten: f"a{n}: &a{n} [{ten}]\n"),
    "repeats a long text": f"a: &a {'x' * 5000}\nb: [{'*a, ' * 5000}]",
    "holds itself": "a: &a [*a]",
    "deep": "[" * 100_000,
    "deep blocks": "- " * 100_000,
    "base 60": "a: " + "1:" * 500_000 + "1",
    "binary": "a: 0b" + "1" * 500_000,
    "one hash": "".join(f"{i * (2**61 - 1)}: 1\n" for i in range(9, 50_000)),
    "directives": "".join(f"%TAG !a{i}! x\n" for i in range(50_000)) + "--- 1",
}


@pytest.mark.parametrize("name", HARM)
def test_what_would_do_harm_is_refused(name):
    with pytest.raises(FormatInvalid):
        load(HARM[name])


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system ['true']", "!!bool x", "!!timestamp x", "!mine 1", "a: &a [*b]", "a: &a 1\nb: &a 2", b"\xff\xfe\xff",
     "a: 1".encode("utf-16"), "\ud800", "{: [", "2026-99-99", "? {a: 1}", "a: =", "a: 1\n---\nb: 2"],
)  # fmt: skip
def test_what_is_no_plain_yaml_is_refused(text):
    with pytest.raises(FormatInvalid, match="it is not the YAML"):
        load(text)


def test_what_is_larger_than_it_may_be_is_refused_and_not_cut():
    assert load("a: 123", largest=6) == {"a": 123}
    with pytest.raises(FormatInvalid, match="it is larger than 5 B"):
        load("a: 123", largest=5)


@given(st.text(st.sampled_from("ab01 :-[]{},&*!?|>'\"#%@`<=~.\n\t\\\u00e9\x85\ud800"), max_size=60))
def test_any_text_is_decoded_or_refused(text):
    with suppress(FormatInvalid):
        load(text)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(PluginFailed) as caught:
        load("a: 1")
    assert "papin[yaml]" in caught.value.next_step
