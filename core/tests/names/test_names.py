"""The grammar of names: what papin accepts, and the hostile list it refuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin import names
from papin.errors import NameInvalid, PapinError

CATALOGS = {"hf", "ollama", "starter"}
HOSTILE = [
    "", ".", "..", "a/../b", "a//b", "a\\b", "C:x:y:z", "\\\\srv\\x", "\\\\?\\C:\\x", "a\0b", "a\nb", "\x1b[31mred",
    "a\u202egpj", "a\u200bb", "\uff0e\uff0e\uff0fx", "e\u0301", "é", "m\u0430th", "CON", "aux", "NUL.gguf", "com1", "lpt9.txt", "x.", "x ",
    " x", "-rf", "--help", "~", "$(x)", "`x`", "%2e%2e%2f", "%252e", "a:b:c:d", "x" * 257, "x" * 4097, "x" * (1 << 20), "\ud800",
    "a;b", "a|b", "a&b", "a*b", "a?b", "a<b", 'a"b', "a'b", "a#b", "ftp://x/y", "file:///etc/passwd", "javascript://x", "gopher://x",
    "https://user:secret@host/x", "https://", "https:///x", "https://ho st/x", "https://host\\@evil/x", "http://h/\tx", "https://h/é",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_hostile_references_are_refused_with_a_next_step(text):
    with pytest.raises(NameInvalid) as caught:
        names.parse(text, catalogs=CATALOGS)
    assert caught.value.next_step
    assert len(caught.value.message) < 200
    assert caught.value.message.isascii()


def test_a_refused_address_does_not_repeat_its_password():
    with pytest.raises(NameInvalid) as caught:
        names.parse("https://user:secret@host/x")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smollm2", names.CatalogRef(name="smollm2")),
        ("starter:smollm2", names.CatalogRef(catalog="starter", name="smollm2")),
        ("starter:smollm2:Q4_1", names.CatalogRef(catalog="starter", name="smollm2", variant="Q4_1")),
        ("hf:org/repo:Q4_K_M", names.CatalogRef(catalog="hf", name="org/repo", variant="Q4_K_M")),
        ("hf:org/Repo-1.5_x", names.CatalogRef(catalog="hf", name="org/Repo-1.5_x")),
        ("ollama:qwen3:0.6b", names.CatalogRef(catalog="ollama", name="qwen3", variant="0.6b")),
        ("qwen3:0.6b", names.CatalogRef(name="qwen3", variant="0.6b")),
        ("ollama:hf.co/a/b:Q8_0", names.CatalogRef(catalog="ollama", name="hf.co/a/b", variant="Q8_0")),
        ("https://h/m.gguf?x=1", names.UrlRef(url="https://h/m.gguf?x=1")),
        ("http://127.0.0.1:8080/m.gguf", names.UrlRef(url="http://127.0.0.1:8080/m.gguf")),
        ("https://[::1]/m", names.UrlRef(url="https://[::1]/m")),
        ("./m.gguf", names.PathRef(path="./m.gguf")),
        ("../a b/m.gguf", names.PathRef(path="../a b/m.gguf")),
        ("/models/ü.gguf", names.PathRef(path="/models/ü.gguf")),
        ("~/m.gguf", names.PathRef(path="~/m.gguf")),
    ],
)
def test_references(text, expected):
    assert names.parse(text, catalogs=CATALOGS) == expected
    assert str(expected) == text


def test_an_unknown_catalog_is_named_with_the_known_ones():
    with pytest.raises(NameInvalid, match="no catalog olama") as caught:
        names.parse("olama:qwen3:0.6b", catalogs=CATALOGS)
    assert "ollama" in caught.value.next_step


def test_without_known_catalogs_any_prefix_is_believed():
    assert names.parse("acme:x:y") == names.CatalogRef(catalog="acme", name="x", variant="y")


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "0" * 63,
        "0" * 65,
        "A" * 64,
        "sha256:" + "0" * 64,
        "sha256-../../x",
        "0" * 63 + "\0",
        "\u0660" * 64,
        "g" * 64,
        "0" * 10240,
    ],
)
def test_bad_digests_are_refused(digest):
    with pytest.raises(NameInvalid):
        names.check(digest, "digest")


def test_place_stays_below_its_root():
    root = Path("/store")
    assert names.place(root, "blobs", "sha256", "ab", "a" * 64) == Path("/store/blobs/sha256/ab") / ("a" * 64)
    assert names.place(root, "Model (1) [x].gguf").name == "Model (1) [x].gguf"


@pytest.mark.parametrize(
    "part", ["", ".", "..", "a/b", "/etc", "a\\b", ".hidden", "-x", "a\0", "CON.json", "x.", "é", "a..b"]
)
def test_place_refuses_what_is_no_plain_name(part):
    with pytest.raises(NameInvalid):
        names.place(Path("/store"), "blobs", part)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=3))
def test_place_never_leaves_the_root(parts):
    try:
        path = names.place(Path("/store"), *parts)
    except PapinError:
        return
    assert path.resolve().is_relative_to("/store")
    assert len(path.parts) == 2 + len(parts)


@given(st.text(max_size=300))
def test_parse_returns_or_refuses(text):
    try:
        ref = names.parse(text, catalogs=CATALOGS)
    except NameInvalid:
        return
    assert isinstance(ref, names.CatalogRef | names.UrlRef | names.PathRef)


@pytest.mark.parametrize(
    ("name", "variant", "taken", "expected"),
    [
        ("smollm2", "Q4_1", (), "smollm2"),
        ("smollm2", "Q4_1", ("smollm2",), "smollm2-q4_1"),
        ("smollm2", "Q4_1", ("smollm2", "smollm2-q4_1"), "smollm2-2"),
        ("smollm2", "", ("smollm2", "smollm2-2"), "smollm2-3"),
        ("bartowski/Qwen2.5-7B-Instruct-GGUF", "Q4_K_M", (), "qwen2.5-7b-instruct"),
        ("My Model (final).gguf", "", (), "my-model-final"),
        ("Mein Mödel.gguf", "", (), "mein-model"),
        ("Mein Mo\N{COMBINING DIAERESIS}del.gguf", "", (), "mein-model"),
        ("../../etc/passwd", "", (), "passwd"),
        ("...", "", (), "model"),
        ("con", "", (), "con-model"),
        ("Ж" * 300, "", (), "model"),
        ("x" * 300, "", (), "x" * 60),
    ],
)
def test_ids_are_short_stable_and_free(name, variant, taken, expected):
    assert names.make_id(name, taken, variant=variant) == expected


@given(st.text(max_size=300), st.text(max_size=40))
def test_any_name_gives_a_valid_id_and_file_name(name, variant):
    first = names.make_id(name, (), variant=variant)
    assert names.check(first, "id") == first
    second = names.make_id(name, {first}, variant=variant)
    assert second != first
    assert names.check(names.make_file_name(name), "file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ein mödel (1).gguf", "ein model (1).gguf"),
        ("Ж.gguf", "_.gguf"),
        ("\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}x.gguf", "_x.gguf"),
    ],
)
def test_file_names_keep_what_can_be_kept(text, expected):
    assert names.make_file_name(text) == expected


def test_nearest_lists_what_contains_the_text_first():
    assert names.nearest("qwen", ["llama", "qwen3-8b", "qwen3"]) == ["qwen3", "qwen3-8b"]
    assert names.nearest("smolm2", ["smollm2", "llama"]) == ["smollm2"]
