"""The search language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin.errors import NameInvalid
from papin.query import KEYS, SORTS, Filter, amount, complete, nearest_values, parse


def filters(text):
    return [(each.key, each.relation, *each.values) for each in parse(text).filters]


def test_words_filters_and_order():
    query = parse("Coder arch:Qwen3 size:<=8b quant:q4,q5 sort:downloads")
    assert query.words == ("Coder",)
    assert query.sort == "downloads"
    assert query.filters == (
        Filter(key="arch", values=("qwen3",)),
        Filter(key="size", values=("8b",), relation="<="),
        Filter(key="quant", values=("q4", "q5")),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("architecture:llama", [("arch", "=", "llama")]),
        ("licence:mit", [("license", "=", "mit")]),
        ("lisence:mit", [("license", "=", "mit")]),
        ("task:chat by:acme", [("can", "=", "chat"), ("publisher", "=", "acme")]),
        ("size:3b-8b", [("size", ">=", "3b"), ("size", "<=", "8b")]),
        ("size:1.5b..7B", [("size", ">=", "1.5b"), ("size", "<=", "7b")]),
        ("size:..8b", [("size", "<=", "8b")]),
        ("size:3b..", [("size", ">=", "3b")]),
        ("disk:-5GB", [("disk", "<=", "5gb")]),
        ("context:>32k", [("context", ">", "32k")]),
        ('license:"cc by 4.0"', [("license", "=", "cc by 4.0")]),
        ("fits:y", [("fits", "=", "yes")]),
        ("fits:ye", [("fits", "=", "yes")]),
        ("fits:likely", [("fits", "=", "yes")]),
        ("fits:unlikely", [("fits", "=", "no")]),
        ("size:7", [("size", "=", "7b")]),
        ("size:1.5-13", [("size", ">=", "1.5b"), ("size", "<=", "13b")]),
        ("size:7000000000 size:500m", [("size", "=", "7000000000"), ("size", "=", "500m")]),
        ("context:>=32 context:512", [("context", ">=", "32k"), ("context", "=", "512")]),
        ("disk:<5", [("disk", "<", "5gb")]),
        ("can:function-calling,Coding", [("can", "=", "tools", "code")]),
    ],
)
def test_filters(text, expected):
    assert filters(text) == expected


@pytest.mark.parametrize(("typed", "order"), [("popular", "downloads"), ("latest", "new"), ("donwloads", "downloads")])
def test_orders_have_other_names(typed, order):
    assert parse(f"lake sort:{typed}").sort == order


def test_a_reference_is_looked_for_in_its_catalog():
    catalogs = {"hf": "huggingface", "ollama": "ollama"}
    query = parse("hf:acme/Lake-8B:Q4_K_M fits:yes", catalogs)
    assert (query.words, str(query)) == (("acme", "Lake-8B"), "acme Lake-8B catalog:huggingface fits:yes")
    assert parse("ollama:qwen3:0.6b", catalogs).words == ("qwen3",)
    assert parse("catalog:hf,ollama", catalogs) == parse("catalog:huggingface,ollama")
    assert parse("http://x.example", catalogs).filters == ()


@pytest.mark.parametrize("text", ["hf:acme/lake", "http://x.example/a", "a:b", "arch:", ":x", "foo:bar"])
def test_what_has_no_known_key_is_words(text):
    assert parse(text).filters == ()


@pytest.mark.parametrize(
    "text",
    [
        "size:big",
        "context:<x",
        "disk:",
        "size:<=",
        "size:..",
        "size:-",
        "size:1.2.3b",
        "sort:zzzzz",
        "fits:maybe",
        "x" * 2000,
    ],
)
def test_what_means_nothing_says_so(text):
    if text == "disk:":
        assert parse(text).words == ("disk",)
        return
    with pytest.raises(NameInvalid):
        parse(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("8b", 8e9), ("0.5B", 5e8), ("135m", 1.35e8), ("32k", 32000), ("5GB", 5e9), ("1T", 1e12), ("7", 7)],
)
def test_amounts(text, number):
    assert amount(text) == number


@given(st.text(max_size=200))
def test_any_text_is_a_query_or_says_why_not(text):
    try:
        query = parse(text)
    except NameInvalid:
        return
    assert parse(str(query)) == query
    assert all(each.key in KEYS for each in query.filters)
    assert query.sort in ("", *SORTS)


PARTS = st.sampled_from(
    ["lake", "coder 8b", "arch:llama", "size:<=8b", "can:chat,vision", 'license:"a b"', "fits:no", "sort:new"]
)


@given(st.lists(PARTS, max_size=6))
def test_a_query_is_typed_as_it_is_shown(parts):
    query = parse(" ".join(parts))
    assert parse(str(query)) == query


def values(key):
    return {"arch": ["llama", "llama4", "qwen3"], "quant": ["Q4_K_M", "Q8_0"], "license": ["apache-2.0", "cc by"]}.get(
        key, []
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ar", ["arch:"]),
        ("lake s", ["size:", "sort:"]),
        ("lake ", [f"{key}:" for key in KEYS]),
        ("quant:q4", ["quant:q4_k_m"]),
        ("arch:ll", ["arch:llama", "arch:llama4"]),
        ("lake architecture:q", ["arch:qwen3"]),
        ("arch:llama,q", ["arch:llama,qwen3"]),
        ("license:c", ['license:"cc by"']),
        ("sort:d", ["sort:downloads"]),
        ("fits:", ["fits:yes", "fits:no"]),
        ("foo:b", []),
    ],
)
def test_completion(text, expected):
    assert complete(text, values) == expected


def test_the_nearest_values():
    known = ["llama", "llama4", "qwen3"]
    assert nearest_values("llama", known) == ["llama"]
    assert nearest_values("lla", known) == ["llama", "llama4"]
    assert nearest_values("qwne3", known) == ["qwen3"]
    assert nearest_values("zzz", known) == []
