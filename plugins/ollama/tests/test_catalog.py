"""Names of Ollama to files, from a registry over a real socket."""

import json

import pytest

import papin_ollama._registry
from papin.errors import DigestMismatch, FormatInvalid, LoginRequired, NameInvalid, NotFound, Offline, TransferFailed
from papin.http import Http
from papin.kernel import open_kernel
from papin.models import HttpSource
from papin.testing import CatalogSuite, make_context
from papin_ollama._library import LIBRARY
from papin_ollama._names import parse
from papin_ollama.plugin import papin_catalogs

from .gguf_file import gguf
from .registry import CONFIG, MANIFEST, PREFIX, Registry, layer, sha256

GOOD = "a" * 64
BAD_DIGESTS = [
    "", "sha256", "sha256:", GOOD[:-1], f"sha256:{GOOD[:-1]}", f"sha256:{GOOD}a", f"sha256:{GOOD.upper()}", f"SHA256:{GOOD}",
    f"sha256-{GOOD}", f"sha512:{GOOD}", f"sha256:{'g' * 64}", "sha256-../../x", "sha256:../../x", f"sha256:{'../' * 21}a",
    f"sha256:/{GOOD[1:]}", f"sha256:{'a' * 32}/{'a' * 31}", f"sha256:{'a' * 32}\\{'a' * 31}", f"sha256:{GOOD[1:]}\0",
    f"sha256:{GOOD}\n", f"sha256:{GOOD}\0", f" sha256:{GOOD}", f"sha256: {GOOD[1:]}", f"sha256:{GOOD[1:]}.", f"sha256:{'.' * 64}",
    f"sha256:-{GOOD[1:]}", f"sha256:~{GOOD[1:]}", f"sha256:%2e%2e%2f{'a' * 55}", f"sha256:{chr(0x661) * 64}",
    f"sha256:{chr(0xFF41) * 64}", f"sha256:{chr(0x202E)}{GOOD[1:]}", f"sha256:sha256:{GOOD}", f"sha256:{'a' * 10_240}",
    "/etc/passwd", "../../../../etc/passwd", "file:///etc/passwd", f"sha256:{GOOD}?x", f"sha256:{GOOD}#x", f"sha256:{GOOD}/..",
    f"sha256:{GOOD} ", f"md5:{'a' * 32}",
]  # fmt: skip


@pytest.fixture
def registry():
    made = Registry(elsewhere="127.0.0.1")
    yield made
    made.close()


def opened(registry, folder, **settings):
    (catalog,) = papin_catalogs()
    return catalog.open(make_context(catalog, folder, endpoint=registry.url, **settings))


class TestSuite(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        (catalog,) = papin_catalogs()
        return catalog

    @pytest.fixture
    def settings(self):
        registry = Registry(any_name=True, elsewhere="127.0.0.1")
        yield {"endpoint": registry.url}
        registry.close()

    @pytest.fixture
    def known(self):
        return ("somebody/model",)


async def test_a_name_is_its_files(registry, tmp_path):
    weights, projector = gguf(filling=b"w"), gguf("clip", filling=b"p")
    manifest = registry.add("library/qwen3", "0.6b", weights, extra=[("projector", projector), ("license", b"another")])
    async with opened(registry, tmp_path) as session:
        variant = await session.resolve("qwen3", "0.6b")
    assert (variant.ref, variant.name, variant.variant) == ("ollama:qwen3:0.6b", "qwen3", "0.6b")
    assert (variant.architecture, variant.quantization, variant.parameters) == ("llama", "Q4_1", 134_520_000)
    assert variant.revision == sha256(manifest).removeprefix("sha256:")
    assert variant.license == "apache-2.0"
    assert [(file.name, file.role) for file in variant.files] == [
        ("qwen3-0.6b.gguf", "weights"),
        ("mmproj-qwen3-0.6b.gguf", "mmproj"),
        ("ollama.template", "sidecar"),
        ("ollama.params.json", "sidecar"),
        ("ollama.license", "sidecar"),
        ("ollama.license-2", "sidecar"),
        ("ollama.config.json", "sidecar"),
    ]
    first = variant.files[0]
    assert (first.size, f"sha256:{first.sha256}") == (len(weights), sha256(weights))
    assert first.sources == (
        HttpSource(url=f"{registry.url}/v2/library/qwen3/blobs/{sha256(weights)}", user_named=True),
    )


async def test_the_tag_is_latest_and_the_namespace_library(registry, tmp_path):
    registry.add("library/toy", "latest", gguf())
    registry.add("me/toy", "latest", gguf())
    async with opened(registry, tmp_path) as session:
        assert (await session.resolve("toy", None)).ref == "ollama:toy:latest"
        assert (await session.resolve("library/toy", None)).ref == "ollama:toy:latest"
        assert (await session.resolve("me/toy", None)).ref == "ollama:me/toy:latest"
        with pytest.raises(NotFound, match="has no model toy:missing"):
            await session.resolve("toy", "missing")


async def test_what_is_not_there_is_answered_with_what_is_known(registry, tmp_path):
    registry.add("library/qwen3", "8b", gguf())
    async with opened(registry, tmp_path) as session:
        with pytest.raises(NotFound) as caught:
            await session.resolve("qwen3", "99b")
        assert "ollama:qwen3:8b" in caught.value.next_step
        with pytest.raises(NotFound) as caught:
            await session.entry("qwen33")
        assert "ollama:qwen3" in caught.value.next_step
        with pytest.raises(NotFound) as caught:
            await session.entry("no-such-thing-at-all")
        assert caught.value.next_step == "Check the name."


async def test_a_model_has_the_tags_that_are_there_with_their_sizes(registry, tmp_path):
    small, large = gguf(filling=b"s"), gguf(filling=b"l" * 100)
    for tag, weights in {"latest": large, "8b": large, "0.6b": small}.items():
        registry.add("library/qwen3", tag, weights)
    async with opened(registry, tmp_path) as session:
        entry = await session.entry("qwen3")
    assert (entry.title, entry.publisher, entry.license) == ("Qwen3", "Qwen", "apache-2.0")
    assert [variant.variant for variant in entry.variants] == ["latest", "0.6b"]
    assert entry.variants[0].size - entry.variants[1].size == len(large) - len(small)


async def test_a_name_with_a_host_goes_to_that_host_by_tls_and_never_to_a_private_one(registry, tmp_path):
    async with opened(registry, tmp_path) as session:
        with pytest.raises(TransferFailed):
            await session.resolve("127.0.0.1/me/toy", None)
        with pytest.raises(TransferFailed):  # papin is offline here, and hf.co another machine
            await session.resolve("hf.co/me/toy", "Q4_K_M")
    assert registry.asked == []
    hub = papin_ollama._registry.Registry(Http(offline=True), registry.url)
    assert hub.base(parse("hf.co/me/toy:Q8_0")) == "https://hf.co/v2/me/toy"


@pytest.mark.parametrize("digest", BAD_DIGESTS, ids=range(len(BAD_DIGESTS)))
@pytest.mark.parametrize("where", ["weights", "template", "config"])
async def test_a_digest_that_is_none_is_refused(registry, tmp_path, digest, where):
    manifest = json.loads(registry.add("library/toy", "latest", gguf()))
    target = {"weights": manifest["layers"][0], "template": manifest["layers"][1], "config": manifest["config"]}[where]
    target["digest"] = digest
    registry.manifests["library/toy", "latest"] = json.dumps(manifest).encode()
    async with opened(registry, tmp_path) as session:
        if where == "config" and not digest:
            assert await session.resolve("toy", None)  # Ollama has models without a config, and so has papin
            return
        with pytest.raises(TransferFailed, match="has no digest") as caught:
            await session.resolve("toy", None)
    assert len(caught.value.message) < 500
    assert len(registry.asked) == 1


@pytest.mark.parametrize("size", [-1, 0, 1 << 45, 1 << 63])
async def test_a_size_that_is_none_is_refused(registry, tmp_path, size):
    manifest = json.loads(registry.add("library/toy", "latest", gguf()))
    manifest["layers"][0]["size"] = size
    registry.manifests["library/toy", "latest"] = json.dumps(manifest).encode()
    async with opened(registry, tmp_path) as session:
        with pytest.raises(TransferFailed):
            await session.resolve("toy", None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"layers": null}', b'{"layers": 7}', b'{"layers": [null]}', b'{"config": "x"}',
        b'{"layers": [{"digest": 7}]}', b'{"layers": [{"size": "1"}]}', b'{"layers": [{"mediaType": {}}]}', b"[" * 1_000_000,
        b'{"layers": [' + b"[" * 500_000, b"\xff\xfe{}", b'{"layers": [' + b"{}," * 300 + b"{}]}", b"x" * (2 << 20),
    ],
    ids=range(16),
)  # fmt: skip
async def test_a_manifest_that_is_none_is_refused(registry, tmp_path, body):
    registry.manifests["library/toy", "latest"] = body or b" "
    async with opened(registry, tmp_path) as session:
        with pytest.raises((TransferFailed, FormatInvalid)) as caught:
            await session.resolve("toy", None)
    assert len(caught.value.message) < 500


async def test_what_is_no_gguf_of_one_file_is_left_to_ollama(registry, tmp_path):
    tensors = [{"mediaType": f"{PREFIX}tensor", "digest": sha256(b"x"), "size": 1}] * 2
    registry.publish("library/mlx", "latest", tensors, [b"x"], b"{}")
    registry.add("library/cloud", "latest", gguf(), config={"remote_host": "https://ollama.com:443"})
    registry.add("library/other", "latest", gguf(), config={"model_format": "safetensors"})
    registry.publish("library/none", "latest", [], [], b"{}")
    async with opened(registry, tmp_path) as session:
        for name, words in {
            "mlx": "of 2 layers",
            "cloud": "cloud model",
            "other": "safetensors",
            "none": "of 0 layers",
        }.items():
            with pytest.raises(FormatInvalid, match=words):
                await session.resolve(name, None)


async def test_a_config_that_was_changed_is_refused(registry, tmp_path):
    registry.add("library/toy", "latest", gguf())
    about = json.loads(registry.manifests["library/toy", "latest"])["config"]["digest"]
    registry.blobs[about] += b" "
    async with opened(registry, tmp_path) as session:
        with pytest.raises(DigestMismatch):
            await session.resolve("toy", None)


async def test_nobody_gets_a_token_who_only_asks_for_one(registry, tmp_path):
    """A registry that names another host as the place to log in is not followed there."""
    other = Registry()
    challenge = f'Bearer realm="{other.url}/token",service="x",scope="repository:library/toy:pull"'
    registry.answers["manifests"] = (401, b"{}", {"WWW_Authenticate": challenge})
    async with opened(registry, tmp_path) as session:
        with pytest.raises(LoginRequired):
            await session.resolve("toy", None)
    assert other.asked == []
    other.close()


@pytest.mark.parametrize("name", ["a/b/c/d", "-rf", "../x", "a b", "name.with.dots/x/y/z", "n\u0430me", "x" * 300, ""])
async def test_names_that_ollama_would_not_take(registry, tmp_path, name):
    async with opened(registry, tmp_path) as session:
        with pytest.raises(NameInvalid) as caught:
            await session.resolve(name, None)
    assert len(caught.value.message) < 500
    assert registry.asked == []


def test_the_library_is_well_formed():
    names = [entry.name for entry in LIBRARY]
    assert len(names) == len(set(names)) > 30
    for entry in LIBRARY:
        assert entry.variants
        assert entry.summary.endswith(".")
        assert all(variant.parameters or variant.variant.startswith("v") for variant in entry.variants)


async def test_the_library_is_there_without_a_network(tmp_path):
    (catalog,) = papin_catalogs()
    async with catalog.open(make_context(catalog, tmp_path)) as session:
        page = await session.refresh("")
        assert page.entries == LIBRARY
        assert (await session.refresh(page.state)).entries == ()
        for call in (session.resolve("qwen3", "0.6b"), session.entry("qwen3")):
            with pytest.raises(Offline):
                await call


def test_the_fake_registry_keeps_to_the_protocol(registry):
    manifest = json.loads(registry.add("library/toy", "latest", gguf()))
    assert manifest["mediaType"] == MANIFEST
    assert manifest["config"]["mediaType"] == CONFIG
    assert manifest["layers"][0] == layer("model", gguf())


async def test_the_library_is_searched_before_any_network_is_used(tmp_path):
    async with open_kernel(environ={"PAPIN_HOME": str(tmp_path)}, offline=True) as kernel:
        found = await kernel.discovery.search("qwen coder catalog:ollama")
        assert [card.entry.ref for card in found.cards] == ["ollama:qwen2.5-coder"]
        card = (await kernel.discovery.search("catalog:ollama llama3.2-vision")).cards[0]
        assert card.memory == pytest.approx(11e9 * 4.89 / 8 * 1.2), "by its parameters: nobody tells its size yet"
        page = await kernel.discovery.show("ollama:qwen3")
        assert page.problem.code == "ERR_OFFLINE"
        assert [each.variant.size for each in page.variants] == [None] * 8
        assert [each.note for each in page.variants if each.is_default] == ["best size for this machine"]
