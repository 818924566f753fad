"""LM Studio through a strict stand-in: the suite, its folder beside its server, fetching and sharing."""

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing
from msgspec.structs import replace

from papin.errors import (
    ConfigInvalid,
    Conflict,
    EngineMissing,
    FormatInvalid,
    LoadFailed,
    LoginRequired,
    NotFound,
    OutOfMemory,
    ProviderFailed,
)
from papin.inventories import ProviderFile, ProviderModel
from papin.models import LoadSettings, Message, Model, Placement, StoredFile
from papin.testing import ProviderSuite, make_context
from papin_found._lmstudio.wire import ListedModel, ListedModels, key_of, listed_as, split_reference
from papin_found.plugin import papin_providers

from .layouts import put

HERE = Path(__file__).parent
ASK = (Message(role="user", content="Why?"),)
DESCRIPTOR = next(each for each in papin_providers() if each.name == "lmstudio")
KEPT = "p/Toy-1B-GGUF/toy-1B-Q4_0.gguf"


@contextmanager
def server(folder, *flags):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(HERE / "fake_lmstudio.py"), "--models", str(folder), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child.stdout.readline().strip()
        finally:
            child.terminate()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def url(folder):
    with server(folder) as address:
        yield address


def model_of(name, *paths, reference=None, **more):
    files = [StoredFile(name=path.name, sha256="a" * 64, size=path.stat().st_size) for path in paths]
    placements = (Placement(provider="lmstudio", reference=reference, how="in-place"),) if reference else ()
    more = {"format": "gguf", "installed_at": datetime.now(UTC), "placements": placements} | more
    return Model(id=name, ref="", files=tuple(files), **more)


def open_it(tmp_path, **settings):
    return DESCRIPTOR.open(make_context(DESCRIPTOR, tmp_path / "papin", **settings))


class _Described(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return DESCRIPTOR


class TestWithItsServer(_Described):
    @pytest.fixture
    def settings(self, folder, url):
        return {"folder": str(folder), "url": url}

    @pytest.fixture
    def model(self, folder):
        path = put(folder / KEPT)
        return model_of("toy", path, reference=KEPT), (path,)

    @pytest.fixture
    def stranger(self, tmp_path):
        path = put(tmp_path / "other-Q8_0.gguf")
        return model_of("other", path), (path,)


class TestItsFolderAlone(_Described):
    @pytest.fixture
    def settings(self, folder):
        put(folder / KEPT)
        return {"folder": str(folder), "url": "http://127.0.0.1:1"}


async def test_the_list_is_its_folder_whether_it_runs_or_not(tmp_path, folder, url):
    put(folder / KEPT)
    for address in (url, "http://127.0.0.1:1"):
        async with open_it(tmp_path, folder=str(folder), url=address) as session:
            listing = await session.models()
            assert [each.reference for each in listing.models] == [KEPT]
            assert listing.stamps
            engine = await session.engine()
            assert (engine.path, engine.address) == (str(folder), url if address == url else "")


async def test_without_its_folder_the_server_is_asked(tmp_path, folder, url):
    put(folder / KEPT)
    async with open_it(tmp_path, folder=str(tmp_path / "nowhere"), url=url) as session:
        (model,) = (await session.models()).models
        assert (model.reference, model.context_length, model.quantization) == ("toy-1b", 8192, "Q4_0")
        assert model.capabilities == ("chat", "tools")
        loaded = await session.load(model_of("toy", reference="toy-1b"), LoadSettings())
        assert (loaded.reference, loaded.model) == ("toy-1b", "toy")


async def test_nothing_there(tmp_path):
    async with open_it(tmp_path, folder=str(tmp_path / "nowhere"), url="http://127.0.0.1:1") as session:
        with pytest.raises(EngineMissing, match="no LM Studio answers"):
            await session.engine()
        assert (await session.models()).is_present is False
        assert await session.loaded() == []
        assert await session.unload("x") is False


async def test_a_load_keeps_to_one_instance_and_makes_it_anew_for_another_context(tmp_path, folder, url):
    model = model_of("toy", put(folder / KEPT), reference=KEPT)
    async with open_it(tmp_path, folder=str(folder), url=url) as session:
        loaded = await session.load(model, LoadSettings())
        assert (loaded.n_ctx, loaded.reference) == (4096, KEPT)
        assert (await session.load(model, LoadSettings(n_ctx=2048, flash_attn=True))).n_ctx == 2048
        assert [(each.reference, each.n_ctx) for each in await session.loaded()] == [(KEPT, 2048)]
    async with open_it(tmp_path, folder=str(folder), url=url) as another:
        (seen,) = await another.loaded()
        assert (seen.reference, seen.model) == (KEPT, "")
        async with another.chat(seen, ASK, {"n_predict": 2, "temperature": 0.1}) as replies:
            found = [each async for each in replies]
        assert "".join(each.text for each in found) == "Light is"
        assert (found[-1].finish_reason, found[-1].timings.prompt_n, found[-1].timings.predicted_n) == ("length", 3, 2)
        async with another.complete(seen, "Light", {}) as replies:
            assert "".join([each.text async for each in replies]) == "Light is scattered."
        assert (await another.embed(seen, ["ab", "c"])).vectors == ((2.0, 1.0), (1.0, 1.0))
        with pytest.raises(ConfigInvalid, match="has no option 'mirostat'"):
            async with another.chat(seen, ASK, {"mirostat": 2}):
                pass
        assert await another.unload(KEPT) is True
        assert await another.loaded() == []


@pytest.mark.parametrize(("text", "kind"), [(b"refuse", LoadFailed), (b"memory", OutOfMemory)])
async def test_a_model_that_cannot_be_loaded(tmp_path, folder, url, text, kind):
    model = model_of("toy", put(folder / KEPT, text), reference=KEPT)
    async with open_it(tmp_path, folder=str(folder), url=url) as session:
        with pytest.raises(kind, match="LM Studio"):
            await session.load(model, LoadSettings())
        with pytest.raises(NotFound, match="nothing that is clearly other"):
            await session.load(model_of("other"), LoadSettings())


async def test_a_key_is_wanted(tmp_path, folder):
    with server(folder, "--key", "t0ken") as url:
        async with open_it(tmp_path, folder=str(tmp_path / "nowhere"), url=url, key="wrong") as session:
            with pytest.raises(LoginRequired, match="token is required") as caught:
                await session.engine()
            assert "wrong" not in caught.value.message + caught.value.next_step
        async with open_it(tmp_path, folder=str(tmp_path / "nowhere"), url=url, key="t0ken") as session:
            assert (await session.engine()).address == url


async def test_a_model_is_fetched(tmp_path, folder, url):
    seen = []
    async with open_it(tmp_path, folder=str(folder), url=url) as session:
        await session.pull("some/repo@Q8_0", seen.append)
        assert [each.reference for each in (await session.models()).models] == ["some/repo/repo-Q8_0.gguf"]
        await session.pull("some/repo@Q8_0", seen.append)
        with pytest.raises(NotFound, match="finds no model nobody/repo"):
            await session.pull("nobody/repo", seen.append)
        with pytest.raises(ProviderFailed, match="could not fetch broken/repo"):
            await session.pull("broken/repo", seen.append)
    assert [(each.done, each.total) for each in seen[:3]] == [(0, 300), (100, 300), (200, 300)]
    assert seen[1].speed == 50


async def test_waiting_for_a_fetch_can_be_cancelled(tmp_path, folder, url):
    async with open_it(tmp_path, folder=str(folder), url=url) as session:
        with trio.CancelScope() as scope:
            await session.pull("slow/repo", lambda _: scope.cancel())
        assert scope.cancelled_caught


async def test_shared_and_taken_back(tmp_path, folder, url):
    payload, mmproj = put(tmp_path / "store/m-Q4_0.gguf", b"12345"), put(tmp_path / "store/mmproj-F16.gguf", b"12")
    model = model_of("mine", payload, mmproj)
    model = replace(model, files=(model.files[0], replace(model.files[1], role="mmproj")))
    async with open_it(tmp_path, folder=str(folder), url=url) as session:
        placement = await session.share(model, [payload, mmproj], name="", copy=False)
        assert placement.reference == "papin/mine/m-Q4_0.gguf"
        assert placement.how in {"reflink", "hardlink", "symlink"}
        assert await session.share(model, [payload, mmproj], name="", copy=False) == placement
        (listed,) = (await session.models()).models
        assert [file.role for file in listed.files] == ["weights", "mmproj"]
        loaded = await session.load(replace(model, placements=(placement,)), LoadSettings())
        assert loaded.reference == placement.reference
        await session.unload(placement.reference)
        await session.unshare(placement.reference)
        await session.unshare(placement.reference)
        await session.unshare("somebody/else/m.gguf")
    assert list(folder.iterdir()) == []
    assert payload.read_bytes() == b"12345"


async def test_what_cannot_be_shared(tmp_path, folder):
    payload = put(tmp_path / "store/m.gguf")
    model = model_of("mine", payload)
    async with open_it(tmp_path, folder=str(folder), url="http://127.0.0.1:1") as session:
        with pytest.raises(EngineMissing, match="no folder"):
            await session.share(model, [payload], name="", copy=False)
        put(folder / "papin/taken/m.gguf", b"theirs")
        with pytest.raises(Conflict):
            await session.share(model, [payload], name="taken", copy=False)
        with pytest.raises(FormatInvalid, match="does not run onnx"):
            await session.share(replace(model, format="onnx"), [payload], name="", copy=False)
        half = put(tmp_path / "store/m-00001-of-00002.gguf")
        with pytest.raises(FormatInvalid, match="would not take these files"):
            await session.share(model_of("half", half), [half], name="", copy=False)
    assert [path.name for path in folder.rglob("*.gguf")] == ["m.gguf"]


def entry(key, size=None, quantization=None, publisher=None, **more):
    said = {"key": key, "size_bytes": size, "publisher": publisher, "quantization": {"name": quantization}, **more}
    return msgspec.convert(said, ListedModel)


def kept(reference, size=100, quantization="Q4_K_M"):
    file = ProviderFile(name=reference.rpartition("/")[2], size=size)
    return ProviderModel(reference=reference, files=(file,), size=size, quantization=quantization)


QWEN = kept("lmstudio-community/Qwen3-4B-Instruct-2507-GGUF/Qwen3-4B-Instruct-2507-Q4_K_M.gguf")


@pytest.mark.parametrize(
    ("model", "listed", "key"),
    [
        (QWEN, [entry("qwen3-4b-instruct-2507", 100, "Q4_K_M", "lmstudio-community")], "qwen3-4b-instruct-2507"),
        (QWEN, [entry("qwen/qwen3-4b-instruct-2507", 99, "Q4_K_M")], "qwen/qwen3-4b-instruct-2507"),
        (QWEN, [entry("qwen3-4b-instruct-2507@q4_k_m", 100), entry("qwen3-4b-instruct-2507@q8_0", 200)],
         "qwen3-4b-instruct-2507@q4_k_m"),
        (QWEN, [entry("else", 100, "Q4_K_M", "lmstudio-community")], "else"),
        (QWEN, [entry("else", 100, "Q8_0")], None),
        (QWEN, [entry("a", 100, "Q4_K_M"), entry("b", 100, "Q4_K_M")], None),
        (QWEN, [entry("qwen3-4b-instruct-2507", 100, "Q4_K_M", "somebody-else")], None),
        (QWEN, [], None),
    ],
)  # fmt: skip
def test_which_key_is_which_file(model, listed, key):
    found = key_of(model, listed)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("a/b", ("a/b", "")),
        ("a/b@Q4_K_M", ("a/b", "Q4_K_M")),
        ("a/b:Q4_K_M", ("a/b", "Q4_K_M")),
        ("https://huggingface.co/a/b@Q4_K_M", ("https://huggingface.co/a/b", "Q4_K_M")),
    ],
)
def test_what_to_fetch(reference, parts):
    assert split_reference(reference) == parts


def test_what_the_server_lists_is_shown_as_far_as_it_can_be():
    said = {
        "models": [{"key": "a", "capabilities": {"vision": True, "reasoning": {"x": 1}}}, {"key": "\x1b"}, {"key": ""}]
    }
    (model,) = msgspec.json.decode(msgspec.json.encode(said), type=ListedModels).shown
    assert listed_as(model).capabilities == ("chat", "vision", "reasoning")
