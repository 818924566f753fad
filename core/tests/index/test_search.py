"""Searching: against a search that looks at every entry, and what is said when nothing is found."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papin._index import _search
from papin._index._file import Index
from papin._index._identity import first_bytes
from papin._index._installed import Installed
from papin._index._spelling import distance, tokens
from papin.errors import NameInvalid, NotFound
from papin.models import Variant
from papin.query import parse

from .shelf import HERE, entry, file, find, names, put

WORDS = ("lake", "lakeside", "sea", "seal", "öl", "coder")
ENTRIES = st.lists(
    st.builds(
        lambda number, title, facts, quantizations: (number, title, facts, quantizations),
        st.integers(0, 10**6),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
        st.fixed_dictionaries(
            {
                "architecture": st.sampled_from(["llama", "qwen2", "qwen3", ""]),
                "license": st.sampled_from(["mit", "apache-2.0", ""]),
                "capabilities": st.lists(st.sampled_from(["chat", "vision", "tools"]), unique=True).map(tuple),
                "parameters": st.sampled_from([None, 10**9, 8 * 10**9, 70 * 10**9]),
                "downloads": st.integers(0, 5),
                "context_length": st.sampled_from([None, 2048, 32768]),
            }
        ),
        st.lists(st.sampled_from(["Q4_K_M", "IQ4_XS", "Q8_0", "F16"]), unique=True),
    ),
    max_size=12,
    unique_by=lambda each: each[0],
)
QUERIES = st.builds(
    lambda words, filters: " ".join([*words, *filters]),
    st.lists(st.sampled_from([*WORDS, "la", "SEA", "Ol"]), max_size=2),
    st.lists(
        st.sampled_from(
            ["arch:llama", "arch:qwen", "license:mit", "can:vision", "can:chat,tools", "size:<=8b", "size:8b", "size:2b-9b",
             "quant:q4", "quant:8bit", "context:>=32k", "context:32k", "size:<1b", "format:gguf"]
        ),
        max_size=3,
    ),
)  # fmt: skip


def is_found(told, query):
    """Tell whether an entry is found, by looking at it."""
    number, title, facts, quantizations = told
    have = tokens([*title, f"m{number}", *facts["capabilities"], facts["architecture"]])
    if not all(
        any(word.startswith(each) if len(each) > 1 else word == each for word in have) for each in tokens(query.words)
    ):
        return False
    return all(_meets(each, facts, quantizations) for each in query.filters)


def _meets(each, facts, quantizations):
    value = each.values[0]
    match each.key:
        case "arch" | "license":
            return facts["architecture" if each.key == "arch" else "license"].startswith(value)
        case "can":
            return bool(set(each.values) & set(facts["capabilities"]))
        case "quant":
            wanted = {"q4": {"Q4_K_M", "IQ4_XS"}, "8bit": {"Q8_0"}}[value]
            return bool(wanted & set(quantizations))
        case "size" | "context":
            have = facts["parameters" if each.key == "size" else "context_length"]
            bound = {"b": 10**9, "k": 1000}[value[-1]] * int(value[:-1])
            if have is None:
                return False
            return {
                "<": have < bound,
                "<=": have <= bound,
                ">=": have >= bound,
                "=": abs(have - bound) <= bound / 10,
            }[each.relation]
    return True


@settings(max_examples=80, deadline=None)
@given(told=ENTRIES, text=QUERIES, common=st.booleans())
def test_it_finds_what_looking_at_each_entry_finds(tmp_path_factory, told, text, common):
    index = Index(tmp_path_factory.mktemp("index"))
    put(index, *(entry(f"m{n}", *q, title=f"{' '.join(t)} m{n}", **f) for n, t, f, q in told))
    query = parse(text)
    before = _search._MANY, _search._FEW, _search._HARDLY
    try:
        if common:  # few entries as if they were many
            _search._MANY, _search._FEW, _search._HARDLY = 2, 1, 1
        found = find(index, text)
        for failed, others in found.instead.items():
            assert failed in found.emptied_by
            assert all(find(index, found.query.replace(failed, each)).cards for each in others)
    finally:
        _search._MANY, _search._FEW, _search._HARDLY = before
    meant = parse(found.query)
    if meant.words == query.words and [f.values for f in meant.filters] == [f.values for f in query.filters]:
        expected = {f"m{each[0]}" for each in told if is_found(each, query)}
        assert {card.entry.name for card in found.cards} == expected
    index.close()


@pytest.fixture
def shelf(index):
    put(
        index,
        entry(
            "lake-8b",
            "Q4_K_M",
            "Q8_0",
            size=5 * 10**9,
            architecture="llama",
            license="apache-2.0",
            downloads=10,
            capabilities=("chat",),
        ),
        entry("lake-70b", "Q4_K_M", size=40 * 10**9, architecture="llama", license="llama3.1", downloads=90, likes=3),
        entry(
            "sea-vision-3b", "Q8_0", architecture="qwen3", license="mit", capabilities=("vision", "chat"), trending=5.0
        ),
        entry(
            "sea-1b", "safetensors", formats=("safetensors",), publisher="Acme", access="gated", context_length=131072
        ),
    )
    return index


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["lake-70b", "lake-8b", "sea-vision-3b", "sea-1b"]),
        ("lake", ["lake-8b", "lake-70b"]),
        ("lake sort:downloads", ["lake-70b", "lake-8b"]),
        ("lake-8b", ["lake-8b"]),
        ("LAKE 8B", ["lake-8b"]),
        ("arch:llama sort:size", ["lake-8b", "lake-70b"]),
        ("size:<=8b sort:name", ["lake-8b", "sea-1b", "sea-vision-3b"]),
        ("size:2b-9b sort:name", ["lake-8b", "sea-vision-3b"]),
        ("quant:q8", ["lake-8b", "sea-vision-3b"]),
        ("quant:q8_0,q4_k_m license:llama", ["lake-70b"]),
        ("can:vision", ["sea-vision-3b"]),
        ("can:vision can:chat", ["sea-vision-3b"]),
        ("fits:no", ["lake-70b"]),
        ("fits:yes sort:name", ["lake-8b", "sea-1b", "sea-vision-3b"]),
        ("provider:ollama sort:name", ["lake-70b", "lake-8b", "sea-vision-3b"]),
        ("provider:vllm", ["sea-1b"]),
        ("publisher:acme", ["sea-1b"]),
        ("access:gated", ["sea-1b"]),
        ("context:>=100k", ["sea-1b"]),
        ("disk:<10GB", ["lake-8b"]),
        ("format:safetensors", ["sea-1b"]),
        ("sort:likes", ["lake-70b", "lake-8b", "sea-vision-3b", "sea-1b"]),
        ("sort:trending", ["sea-vision-3b", "lake-8b", "lake-70b", "sea-1b"]),
        ("sea sort:name", ["sea-1b", "sea-vision-3b"]),
    ],
)
def test_filters_and_orders(shelf, text, expected):
    assert names(shelf, text) == expected


@pytest.mark.parametrize(
    ("typed", "meant", "expected"),
    [
        ("laek", "lake", "lake-8b"),
        ("visoin", "vision", "sea-vision-3b"),
        ("arch:lama", "arch:llama", "lake-70b"),
        ("arhc:llama", "arch:llama", "lake-70b"),
        ("licence:apahce-2.0", "license:apache-2.0", "lake-8b"),
        ("can:vison", "can:vision", "sea-vision-3b"),
        ("provider:olama", "provider:ollama", "lake-70b"),
    ],
)
def test_what_is_mistyped_means_the_nearest(shelf, typed, meant, expected):
    found = find(shelf, typed)
    assert (found.query, found.cards[0].entry.name) == (meant, expected)


def test_an_exact_name_comes_first_however_popular_the_others_are(index):
    put(index, entry("lake", "Q4_0"), *(entry(f"lake-{n}", "Q4_0", downloads=10**6) for n in range(30)))
    assert names(index, "lake", limit=1) == ["lake"]
    _search._FEW, before = 0, _search._FEW
    try:
        assert names(index, "lake", limit=1) == ["lake"]
    finally:
        _search._FEW = before


@pytest.mark.parametrize(("few", "here"), [(1000, 300), (0, 300), (0, 0)], ids=["sorted", "walked", "asked"])
def test_equal_matches_come_by_what_is_here_what_fits_and_popularity(index, monkeypatch, few, here):
    monkeypatch.setattr(_search, "_FEW", few)
    monkeypatch.setattr(_search, "_FEW_HERE", here)
    put(
        index,
        entry("told", summary="better than any lake", downloads=10**6),
        entry("lake-large", "Q8_0", size=70 * 10**9, downloads=9000),
        entry("lake-unknown", downloads=5000),
        entry("lake-popular", "Q4_0", size=10**9, downloads=300),
        entry("lake-small", "Q4_0", size=10**9, downloads=20),
        entry("lake-mine", "Q8_0", size=80 * 10**9, files=(file(1),)),
        entry("lake-pulled", "Q4_0", downloads=3),
    )
    here = Installed(
        by_ref={"shelf:lake-pulled:Q4_0": "pulled", "other:lake-small": "no"},
        by_digest={first_bytes(file(1).sha256): "mine"},
    )
    nobody = ["lake-popular", "lake-small", "lake-unknown", "lake-pulled", "lake-large", "lake-mine", "told"]
    assert names(index, "lake") == nobody
    mine = ["lake-pulled", "lake-mine", "lake-popular", "lake-small", "lake-unknown", "lake-large", "told"]
    assert names(index, "lake", installed=here) == mine
    assert names(index, "lake sort:downloads", installed=here, limit=2) == ["told", "lake-large"]


@pytest.mark.parametrize("typed", ["qwen2.5-coder", "Qwen2.5 Coder GGUF", "acme/Qwen2.5-Coder-GGUF"])
def test_an_exact_name_is_known_however_it_is_typed(index, typed):
    others = (entry(f"Qwen2.5-Coder-{n}b", "Q4_0", publisher="acme gguf", downloads=10**6) for n in range(1, 9))
    put(index, entry("acme/Qwen2.5-Coder-GGUF", size=90 * 10**9), *others)
    assert names(index, typed, limit=1) == ["acme/Qwen2.5-Coder-GGUF"]


def test_begins_of_many_words_that_many_have_are_found_by_popularity_or_name(index, monkeypatch):
    monkeypatch.setattr(_search, "_FEW", 3)
    put(index, *(entry(f"lake{n}", title=f"lake{n} sea{n}", downloads=n) for n in range(12)), entry("lakes"))
    popular = [f"lake{n}" for n in reversed(range(12))]
    assert names(index, "la se") == popular
    assert names(index, "lak") == [*popular, "lakes"]
    assert names(index, "la se format:gguf sort:name", limit=3) == ["lake0", "lake1", "lake10"]


@pytest.mark.parametrize("text", ["smol", "smollm2"])
def test_of_models_that_are_called_alike_one_of_known_size_comes_first(index, text):
    put(index, entry("smollm2", title="SmolLM2", catalog="library"), catalog="library")
    put(index, entry("smollm2", "Q4_1", title="SmolLM2 135M Instruct", size=98 * 10**6))
    assert [card.entry.ref for card in find(index, text).cards] == ["shelf:smollm2", "library:smollm2"]


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("lake can:vision", ("lake", "can:vision")),
        ("sea arch:qwen3 size:>10b", ("size:>10b",)),
        ("lake arch:llama quant:f16", ("quant:f16",)),
        ("lake license:mit quant:f16", ()),
        ("zzzzzz", ("zzzzzz",)),
        ("arch:llama fits:yes license:llama3.1", ("fits:yes", "license:llama3.1")),
    ],
)
def test_an_empty_list_says_which_filter_did_it(shelf, text, by):
    found = find(shelf, text)
    assert found.cards == ()
    assert found.emptied_by == by


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("sea arch:qwen3 size:>10b", {"size:>10b": ("size:>=3b",)}),
        ("sea arch:qwen3 size:<1b", {"size:<1b": ("size:<=3b",)}),
        ("lake arch:llama quant:f16", {"quant:f16": ("quant:q8_0", "quant:q4_k_m")}),
        (
            "arch:llama fits:yes license:llama3.1",
            {"fits:yes": ("fits:no",), "license:llama3.1": ("license:apache-2.0",)},
        ),
        ("sea context:32k", {"context:32k": ("context:131072",)}),
        ("lake disk:<1GB", {"disk:<1gb": ("disk:<=5gb",)}),
        ("lake publisher:nobody", {}),
        ("sea license:mit provider:vllm", {"provider:vllm": ("provider:ollama",)}),
        ("lake license:mit quant:f16", {}),
        ("zzzzzz", {}),
    ],
)
def test_an_empty_list_says_what_could_stand_there_instead(shelf, text, instead):
    found = find(shelf, text)
    assert (found.cards, found.instead) == ((), instead)


def test_of_several_members_of_a_set_those_that_nothing_has_together_are_named(index):
    put(index, entry("a", "Q4_0", capabilities=("chat", "code")), entry("b", "Q4_0", capabilities=("chat", "vision")))
    found = find(index, "can:chat quant:q4 can:code can:vision")
    assert (found.cards, found.emptied_by) == ((), ("can:code", "can:vision"))
    assert find(index, "can:chat,code can:vision can:tools").emptied_by == ("can:tools",)


def test_what_a_removed_catalog_told_empties_no_list_and_fills_none(index):
    put(index, entry("a", "Q4_0", license="mit"))
    put(index, entry("b", "Q4_0", license="gemma", catalog="old"), catalog="old")
    here = HERE._replace(catalogs=("shelf",))
    assert names(index, "license:gemma", here=here) == []
    assert find(index, "license:mit license:gemma", here=here).emptied_by == ("license:gemma",)


@pytest.mark.parametrize("word", ["한국어", "русский", "日本語", "größe", "Straße", "naïve", "Ελληνικά", "Việt", "й"])
def test_words_of_all_scripts_are_found(index, word):
    put(index, entry("m", "Q4_0", title=f"lake {word} 7b"), entry("other", "Q4_0"))
    assert names(index, word) == ["m"]
    assert names(index, word.upper() if word != "Straße" else word) == ["m"]


def test_there_is_more_than_was_asked_for(shelf):
    assert (find(shelf, "", limit=4).more, find(shelf, "", limit=3).more) == (False, True)


def test_a_provider_that_is_not_here(shelf):
    with pytest.raises(NotFound, match="no provider"):
        find(shelf, "provider:lightbulb")


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_can_be_searched_for(tmp_path_factory, text):
    index = Index(tmp_path_factory.getbasetemp() / "any")
    if not index.exists:
        put(index, entry("lake", "Q4_0"))
    with suppress(NameInvalid, NotFound):
        find(index, text)
    index.close()


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ("lake", "lake", 0),
        ("laek", "lake", 1),
        ("lke", "lake", 1),
        ("lakes", "lake", 1),
        ("luke", "lake", 1),
        ("elka", "lake", 3),
    ],
)
def test_distances(one, other, far):
    assert distance(one, other, 2) == distance(other, one, 2) == far


def test_a_word_that_hardly_any_entry_has_is_mended_where_it_finds_nothing_with_the_others(index):
    put(index, *(entry(f"llama-{n}b", title=f"Llama {n}b") for n in (1, 8, 70)), entry("old", summary="a lama of wool"))
    assert names(index, "lama") == ["old"], "it is a word"
    found = find(index, "lama 8b")
    assert ([card.entry.name for card in found.cards], found.query) == (["llama-8b"], "llama 8b")
    assert find(index, "lama zebra").emptied_by == ("zebra",)


def test_a_model_of_several_sizes_is_found_by_any_of_them(index):
    sizes = [
        Variant(ref=f"shelf:m:{each}b", catalog="shelf", name="m", variant=f"{each}b", parameters=each * 10**9)
        for each in (4, 8, 32)
    ]
    put(index, msgspec.structs.replace(entry("m"), variants=tuple(sizes)))
    assert names(index, "size:<=8b") == ["m"]
    assert names(index, "size:>=30b") == names(index, "size:8b") == names(index, "size:5b-40b") == ["m"]
    assert names(index, "size:<=3b") == names(index, "size:>32b") == []


def test_one_of_several_sizes_may_be_typed_after_the_name(index):
    sizes = [Variant(ref=f"shelf:m:{size}", catalog="shelf", name="m", variant=size) for size in ("0.6b", "4b")]
    put(index, msgspec.structs.replace(entry("m"), variants=tuple(sizes)))
    assert names(index, "m 4b") == names(index, "m 0.6b") == ["m"]
    assert names(index, "m 70b") == []


def test_a_card_says_when_its_fit_is_guessed(index):
    put(
        index,
        entry("told", "Q4_K_M", size=5 * 10**9),
        entry("guessed", "Q4_K_M", parameters=8 * 10**9),
        entry("unknown"),
    )
    cards = {card.entry.name: card for card in find(index, "").cards}
    assert {name: (card.memory is not None, card.guessed) for name, card in cards.items()} == {
        "told": (True, False),
        "guessed": (True, True),
        "unknown": (False, False),
    }
