"""The gallery: what its index says in papin's words, and how often it is asked."""

from pathlib import Path

import pytest

from papin import yaml
from papin.errors import FormatInvalid, NotFound, PapinError
from papin.testing import make_context
from papin_localai._entries import entries_of, source_of
from papin_localai.plugin import papin_catalogs

from .gallery import HEX, INDEX, Gallery

HUB = "https://huggingface.co/acme"
REAL = Path(__file__).parents[4] / "shared" / "data" / "localai-gallery-index.yaml"


@pytest.fixture
def opened(tmp_path):
    (catalog,) = papin_catalogs()
    return lambda url: catalog.open(make_context(catalog, tmp_path, address=url))


def test_an_entry_in_papins_words():
    entry = entries_of(yaml.load(INDEX, "it", largest=1 << 23), "localai")["tiny-8b"]
    assert entry.summary == "Tiny is small and friendly."
    assert (entry.license, entry.base_model, entry.formats) == ("apache-2.0", "acme/Tiny-8B", ("gguf",))
    assert entry.capabilities == ("chat", "reasoning", "text")
    assert (entry.parameters, entry.context_length) == (8_000_000_000, 4096)
    first, second = entry.variants
    assert (first.ref, second.ref) == ("localai:tiny-8b:Q4_K_M", "localai:tiny-8b:Q8_0")
    assert [source.url for source in first.files[0].sources] == [f"{HUB}/Tiny-8B-GGUF/resolve/main/Tiny-8B-Q4_K_M.gguf"]
    assert first.files[0].sha256 == second.files[0].sha256 == HEX


def test_a_projector_is_no_weights():
    (variant,) = entries_of(yaml.load(INDEX, "it", largest=1 << 23), "localai")["sees"].variants
    assert [(file.name, file.role) for file in variant.files] == [
        ("sees.gguf", "weights"),
        ("mmproj-sees-F16.gguf", "mmproj"),
    ]
    assert variant.files[1].sources[0].url == f"{HUB}/sees/resolve/v1/mmproj-sees-F16.gguf"


@pytest.mark.parametrize(
    "item",
    [
        None,
        "text",
        {},
        {"name": "../x", "files": [{"filename": "a.gguf", "uri": "https://e.org/a.gguf"}]},
        {"name": "a"},
        {"name": "a", "files": "no list"},
        {"name": "a", "files": [{"filename": "a.gguf", "uri": "file:///etc/passwd"}]},
        {"name": "a", "files": [{"filename": "a.gguf", "uri": "http://e.org/a.gguf"}]},
        {"name": "a", "files": [{"filename": "a.gguf", "uri": "https://u:p@e.org/a.gguf"}]},
        {"name": "a", "files": [{"filename": f"{n}/a.gguf", "uri": "https://e.org/a"} for n in "12"]},
        {"name": "a", "files": [{"filename": "a.txt", "uri": "https://e.org/a.txt"}]},
        {"name": "a", "files": [{"filename": "a.gguf", "uri": "https://e.org/a"}] * 1000},
    ],
)
def test_what_cannot_be_had_or_named_is_left_out(item):
    assert entries_of([item], "localai") == {}


def test_a_hostile_file_name_is_made_a_plain_one():
    item = {"name": "a", "files": [{"filename": "../../a\u202e;rm.gguf", "uri": "https://e.org/a", "sha256": "zz"}]}
    (file,) = entries_of([item], "localai")["a"].variants[0].files
    assert (file.name, file.sha256) == ("a_rm.gguf", None)


@pytest.mark.parametrize("uri", ["", "oci://x", "huggingface://a/b", "hf://../../x", "https://", "javascript:alert(1)"])
def test_other_addresses_are_none(uri):
    assert source_of(uri) is None


@pytest.mark.skipif(not REAL.is_file(), reason="the real index is not here")
def test_the_real_index():
    entries = entries_of(yaml.load(REAL.read_bytes(), "the index", largest=1 << 23), "localai")
    assert len(entries) > 1500
    digests = {file.sha256 for each in entries.values() for build in each.variants for file in build.files}
    assert len(digests) > 2000
    assert sum(1 for each in entries.values() if "chat" in each.capabilities) > 500


async def test_a_refresh_without_change_is_one_conditional_request(opened):
    with Gallery(INDEX) as gallery:
        async with opened(gallery.url) as session:
            first = await session.refresh("")
        async with opened(gallery.url) as session:
            second = await session.refresh(first.state)
            assert (second.entries, second.whole) == ((), False)
            assert gallery.answers == [200, 304]
            assert (await session.refresh("")).entries == first.entries  # for who has lost the entries
            gallery.index = INDEX.replace(b"Apache-2.0", b"MIT")
            assert (await session.refresh(first.state)).entries[0].license == "mit"


async def test_it_resolves_without_the_network_once_it_was_there(opened):
    with Gallery(INDEX) as gallery:
        async with opened(gallery.url) as session:
            await session.resolve("tiny-8b", None)
        url = gallery.url
    async with opened(url) as session:
        assert (await session.resolve("TINY-8b", "q8_0")).ref == "localai:tiny-8b:Q8_0"
        with pytest.raises(NotFound, match="no variant"):
            await session.resolve("tiny-8b", "Q1_0")
        with pytest.raises(NotFound) as caught:
            await session.resolve("tiny", None)
        assert "localai:tiny-8b" in caught.value.next_step


@pytest.mark.parametrize("index", [b"<html>", b"", b"[]", b"a: b", b"{: ["])
async def test_what_is_no_index_is_refused_and_the_old_one_stays(opened, index):
    with Gallery(INDEX) as gallery:
        async with opened(gallery.url) as session:
            await session.refresh("")
            gallery.index = index
            with pytest.raises(FormatInvalid):
                await session.refresh("")
            assert (await session.resolve("sees", None)).name == "sees"


async def test_an_index_that_cannot_be_had_is_an_error(opened):
    async with opened("http://127.0.0.1:9/index.yaml") as session:
        with pytest.raises(PapinError):
            await session.resolve("tiny-8b", None)
