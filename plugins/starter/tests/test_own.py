"""Catalogs of one's own: folders with and without an index, and indexes at web addresses."""

import json
import os
from http.server import BaseHTTPRequestHandler

import pytest

from papin.errors import FormatInvalid, LoginRequired, NotFound, PapinError, StorageFailed
from papin.models import FileSource, HttpSource
from papin.testing import CatalogSuite, make_context
from papin.testing.model_server import ThreadServer
from papin_starter.plugin import papin_catalogs

HEX = "ef" * 32
INDEX = {
    "papin_index": 1,
    "models": [
        {
            "name": "house-chat",
            "summary": "Our own.",
            "license": "Apache-2.0",
            "capabilities": ["chat"],
            "variants": [
                {"files": [{"url": "chat/house-8B-Q4_K_M.gguf", "size": 100, "sha256": HEX}]},
                {
                    "variant": "best",
                    "files": [
                        {"url": "https://example.org/house-8B-F16.gguf"},
                        {"url": "mmproj-house.gguf", "name": "mmproj.gguf"},
                    ],
                },
            ],
        }
    ],
}


def template():
    return next(each for each in papin_catalogs() if each.template)


@pytest.fixture
def opened(tmp_path):
    return lambda address, **more: template().open(
        make_context(template(), tmp_path / "own", address=str(address), **more)
    )


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "models"
    made.mkdir()
    return made


def write(path, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


class Server(ThreadServer):
    def __init__(self, index):
        super().__init__(Handler)
        self.index = index
        self.seen = []

    @property
    def url(self):
        return f"{super().url}/team/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Print nothing."""

    def do_GET(self):
        body = self.server.index if isinstance(self.server.index, bytes) else json.dumps(self.server.index).encode()
        etag = f'"{hash(body)}"'
        status = 304 if self.headers.get("if-none-match") == etag else 200
        status = status if self.path == "/team/papin-index.json" else 404
        if self.headers.get("authorization", "Bearer ok") != "Bearer ok":
            status = 401
        self.server.seen.append(status)
        body = body if status == 200 else b""
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class TestFolder(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        return template()

    @pytest.fixture
    def settings(self, folder):
        for quantization in ("Q4_K_M", "Q8_0"):
            write(folder / "tiny" / f"Tiny-8B-{quantization}.gguf")
        return {"address": str(folder)}


class TestWeb(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        return template()

    @pytest.fixture
    def settings(self):
        with Server(INDEX) as server:
            yield {"address": server.url}

    def check_file(self, file):
        # Files beside the index may be fetched from where the user said that the index is.
        super().check_file(file) if file.sources[0].url.startswith("https://") else None


# --- folders


async def test_a_folder_of_files_is_a_catalog(opened, folder):
    for quantization in ("Q4_K_M", "Q8_0"):
        write(folder / "tiny" / f"Tiny-8B-{quantization}.gguf", 7)
    for part in (1, 2):
        write(folder / f"big-F16-0000{part}-of-00002.gguf", 5)
    write(folder / "half-Q4_0-00001-of-00002.gguf")
    write(folder / "notes.md")
    async with opened(folder) as session:
        entries = {entry.name: entry for entry in (await session.refresh("")).entries}
        assert set(entries) == {"tiny-8b", "big"}
        assert [each.ref for each in entries["tiny-8b"].variants] == ["index:tiny-8b:Q4_K_M", "index:tiny-8b:Q8_0"]
        assert entries["big"].variants[0].size == 10
        found = await session.resolve("TINY-8B", "q8_0")
        assert found.files[0].sources == (FileSource(path=str(folder / "tiny" / "Tiny-8B-Q8_0.gguf")),)
        with pytest.raises(NotFound):
            await session.resolve("half", None)


async def test_a_file_that_is_replaced_by_one_of_its_size_is_another_revision(opened, folder):
    file = folder / "tiny-Q8_0.gguf"
    write(file)
    os.utime(file, ns=(0, 1_000_000_000_123_456_789))
    async with opened(folder) as session:
        assert (await session.resolve("tiny", None)).revision == "2001-09-09T01:46:40.123456789Z"
        known = (await session.refresh("")).state
        os.utime(file, ns=(0, 1_000_000_000_123_456_790))
        assert (await session.resolve("tiny", None)).revision == "2001-09-09T01:46:40.123456790Z"
        assert [entry.name for entry in (await session.refresh(known)).entries] == ["tiny"]
        os.utime(file, ns=(0, -(1 << 62)))
        assert (await session.resolve("tiny", None)).revision


async def test_links_are_not_entered_and_odd_names_left_out(opened, folder):
    (folder / "again").symlink_to(folder)
    write(folder / "-rf.gguf")
    write(folder / "fine-Q8_0.gguf")
    async with opened(folder) as session:
        assert [entry.name for entry in (await session.refresh("")).entries] == ["fine"]


async def test_a_folder_that_is_away_is_an_error_and_no_empty_catalog(opened, folder):
    async with opened(folder / "unmounted") as session:
        with pytest.raises(StorageFailed, match="cannot be read"):
            await session.refresh("")


async def test_an_index_in_a_folder_is_taken_at_its_word(opened, folder):
    (folder / "papin-index.json").write_text(json.dumps(INDEX))
    async with opened(folder) as session:
        found = await session.resolve("house-chat", None)
    assert found.files[0].sources == (FileSource(path=str(folder / "chat" / "house-8B-Q4_K_M.gguf")),)
    assert (found.variant, found.parameters, found.license) == ("Q4_K_M", 8_000_000_000, "apache-2.0")
    assert (found.files[0].size, found.files[0].sha256) == (100, HEX)


# --- the index


def changed(**changes):
    """Return the index with one thing changed in its first file, variant or model."""
    index = json.loads(json.dumps(INDEX))
    model = index["models"][0]
    places = {"file": model["variants"][0]["files"][0], "variant": model["variants"][0], "model": model, "index": index}
    for place, change in changes.items():
        places[place].update(change)
    return index


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        {"models": []},
        changed(index={"papin_index": 2}),
        changed(model={"name": "../x"}),
        changed(model={"variants": []}),
        changed(model={"capabilities": ["magic"]}),
        changed(model={"surprise": 1}),
        changed(variant={"variant": "best"}),
        changed(variant={"variant": "a b"}),
        changed(file={"url": "../../etc/shadow"}),
        changed(file={"url": "/etc/shadow"}),
        changed(file={"url": "file:///etc/shadow"}),
        changed(file={"url": "https://u:p@example.org/a.gguf"}),
        changed(file={"sha256": "../../x"}),
        changed(file={"size": -1}),
        changed(file={"name": "a/b"}),
        changed(file={"role": "sidecar"}),
    ],
    ids=range(19),
)
async def test_what_is_wrong_in_an_index_refuses_it_and_is_said(opened, folder, index):
    data = index if isinstance(index, bytes) else json.dumps(index).encode()
    (folder / "papin-index.json").write_bytes(data)
    async with opened(folder) as session:
        with pytest.raises(FormatInvalid) as caught:
            await session.refresh("")
    assert "papin-index.json" in caught.value.message


# --- web addresses


async def test_an_index_at_an_address_and_files_beside_it(opened):
    with Server(INDEX) as server:
        async with opened(server.url) as session:
            first = await session.resolve("house-chat", None)
            best = await session.resolve("house-chat", "best")
        assert first.files[0].sources == (HttpSource(url=f"{server.url}chat/house-8B-Q4_K_M.gguf", user_named=True),)
    assert [(file.name, file.role, file.sources[0].user_named) for file in best.files] == [
        ("house-8B-F16.gguf", "weights", False),
        ("mmproj.gguf", "mmproj", True),
    ]


async def test_a_refresh_without_change_is_one_conditional_request(opened):
    with Server(INDEX) as server:
        async with opened(server.url) as session:
            first = await session.refresh("")
        async with opened(server.url) as session:
            assert (await session.refresh(first.state)).entries == ()
            assert server.seen == [200, 304]
            server.index = changed(model={"summary": "New."})
            assert (await session.refresh(first.state)).entries[0].summary == "New."


async def test_refusals_of_a_server_say_what_to_do(opened):
    with Server(INDEX) as server:
        async with opened(f"{server.url}elsewhere") as session:
            with pytest.raises(NotFound, match="no index at"):
                await session.refresh("")
        async with opened(server.url, token="wrong") as session:
            with pytest.raises(LoginRequired):
                await session.refresh("")
    async with opened("http://127.0.0.1:9/") as session:
        with pytest.raises(PapinError):
            await session.refresh("")
