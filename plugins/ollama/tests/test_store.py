"""Ollama's folder as it is read without asking it: whole, shared, damaged, and not ours."""

import json
import os

import pytest
import trio

from papin.errors import ProviderFailed, StorageFailed
from papin.http import Http
from papin.inventories import is_current
from papin.testing.users import as_somebody_else, public_folder
from papin_ollama._api import Api
from papin_ollama._models import Models
from papin_ollama._places import look, unwritable

from .gguf_file import gguf
from .registry import CONFIG, MANIFEST, PREFIX, layer, sha256


class Folder:
    """A folder of models, written by hand."""

    def __init__(self, root):
        self.root = root
        (root / "manifests").mkdir(parents=True)
        (root / "blobs").mkdir()

    def put(self, data):
        path = self.root / "blobs" / sha256(data).replace(":", "-")
        path.write_bytes(data)
        return path

    def add(self, name, weights=b"", *, host="registry.ollama.ai/library", extra=(), **facts):
        about = json.dumps(
            {"model_format": "gguf", "model_family": "llama", "model_type": "8.0B", "file_type": "Q4_K_M"} | facts
        )
        parts = [("model", weights), *extra] if weights else list(extra)
        for _, data in parts:
            self.put(data)
        self.put(about.encode())
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layer("config", about.encode()),
            "layers": [layer(*each) for each in parts],
        }
        return self.write(name, json.dumps(body), host=host)

    def write(self, name, text, *, host="registry.ollama.ai/library"):
        model, _, tag = name.partition(":")
        path = self.root / "manifests" / host / model / (tag or "latest")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "store")


@pytest.fixture
def listing(fake, folder):
    """Return what is listed of the folder; nobody answers."""

    async def read():
        async with fake.open(url="127.0.0.1:1", models=str(folder.root)) as session:
            return await session.models()

    return read


async def test_models_have_their_files_and_facts(folder, listing):
    weights, projector = gguf(filling=b"w"), gguf("clip", filling=b"p")
    folder.add(
        "qwen3:8b",
        weights,
        extra=[("projector", projector), ("template", b"t"), ("license", b"l")],
        context_length=40960,
    )
    (model,) = (await listing()).models
    assert (model.reference, model.state, model.format, model.architecture) == ("qwen3:8b", "ready", "gguf", "llama")
    assert (model.parameters, model.quantization, model.context_length) == (8_000_000_000, "Q4_K_M", 40960)
    assert model.capabilities == ("chat", "text", "vision")
    assert [(file.name, file.role) for file in model.files[:3]] == [
        ("qwen3-8b.gguf", "weights"), ("mmproj-qwen3-8b.gguf", "mmproj"), ("ollama.template", "sidecar"),
    ]  # fmt: skip
    first = model.files[0]
    assert (first.path, first.size) == (str(folder.put(weights)), len(weights))
    assert f"sha256:{first.sha256}" == sha256(weights)
    assert model.size == sum(file.size for file in model.files)
    assert model.modified_at.tzinfo


async def test_tags_that_share_their_weights_show_the_same_file(folder, listing):
    weights = gguf()
    folder.add("toy:a", weights)
    folder.add("toy:b", weights, extra=[("template", b"t")])
    first, second = (await listing()).models
    assert first.files[0].path == second.files[0].path
    assert first.digest != second.digest


async def test_names_from_everywhere(folder, listing):
    folder.add("toy:x", gguf(), host="hf.co/somebody")
    folder.add("toy:y", gguf(), host="127.0.0.1:5000/library")
    folder.add("toy:z", gguf(), host="registry.ollama.ai/me")
    found = sorted(each.reference for each in (await listing()).models)
    assert found == ["127.0.0.1:5000/library/toy:y", "hf.co/somebody/toy:x", "me/toy:z"]


async def test_a_cloud_model_has_no_bytes_here(folder, listing):
    folder.add("gpt-oss:120b-cloud", remote_host="https://ollama.com:443", remote_model="gpt-oss:120b")
    (model,) = (await listing()).models
    assert (model.state, model.size, model.files, model.problem) == ("remote", 0, (), "")


async def test_damage_is_told(folder, listing):
    good, cut, gone = gguf(filling=b"good"), gguf(filling=b"cut"), gguf(filling=b"gone")
    folder.add("good", good)
    folder.add("cut", cut)
    folder.put(cut).write_bytes(cut[:-1])
    folder.add("gone", gone)
    folder.put(gone).unlink()
    folder.write("text", "{")
    folder.write(
        "liar",
        json.dumps({"layers": [{"mediaType": f"{PREFIX}model", "digest": "sha256:../../etc/passwd", "size": 1}]}),
    )
    folder.write(
        "config", json.dumps({"config": {"mediaType": CONFIG, "digest": sha256(b"["), "size": 1}, "layers": []})
    )
    folder.put(b"[")
    found = {each.reference: (each.state, each.problem) for each in (await listing()).models}
    assert found == {
        "good:latest": ("ready", ""),
        "cut:latest": ("damaged", f"the file of its model has {len(cut) - 1} bytes instead of {len(cut)}"),
        "gone:latest": ("damaged", "the file of its model is missing"),
        "text:latest": ("damaged", "its manifest is damaged"),
        "liar:latest": ("damaged", "its manifest names something that is no digest for its model"),
        "config:latest": ("damaged", "its config is damaged"),
    }


async def test_what_is_no_manifest_is_not_listed(folder, listing, tmp_path):
    folder.add("toy", gguf())
    root = folder.root / "manifests" / "registry.ollama.ai"
    (root / "deeper" / "a" / "b" / "c").mkdir(parents=True)
    (root / "library" / "shallow").write_text("{}")
    (root / "library" / "toy" / ".hidden").write_text("{}")
    (root / "library" / "toy" / "-rf").write_text("{}")
    (root / "name.space" / "toy").mkdir(parents=True)
    (root / "name.space" / "toy" / "latest").write_text("{}")
    assert [each.reference for each in (await listing()).models] == ["toy:latest"]


async def test_special_files_are_not_opened(folder, listing):
    path = folder.write("pipe", "")
    path.unlink()
    os.mkfifo(path)
    folder.write("device", "").unlink()
    (path.parent.parent / "device" / "latest").symlink_to("/dev/zero")
    folder.write("huge", "x" * (5 << 20))
    assert {each.problem for each in (await listing()).models} == {"its manifest cannot be read: it is no small file"}


async def test_what_no_model_uses_is_told(folder, listing):
    folder.add("toy", gguf())
    orphan = folder.put(b"orphan")
    partial = folder.root / "blobs" / f"sha256-{'a' * 64}-partial"
    partial.write_bytes(b"12345")
    found = (await listing()).unused
    assert {(each.path, each.size) for each in found} == {(str(orphan), 6), (str(partial), 5)}


@pytest.mark.parametrize("change", ["add", "remove", "overwrite", "blob", "tag", "host"])
async def test_every_change_is_noticed_by_the_time_stamps(folder, listing, change):
    weights = gguf()
    path = folder.add("toy", weights)
    later(folder.root)
    before = await listing()
    assert is_current(before.stamps)
    if change == "add":
        folder.add("other", gguf(filling=b"o"))
    elif change == "remove":
        path.unlink()
    elif change == "overwrite":
        path.write_text(path.read_text() + " ")
    elif change == "blob":
        folder.put(weights).unlink()
    elif change == "tag":
        folder.add("toy:second", weights)
    else:
        folder.add("toy", weights, host="hf.co/me")
    assert not is_current(before.stamps)


def later(root):
    """Make everything a minute older than it is, so that a change of now is told from what is there."""
    for path in [root, *root.rglob("*")]:
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 60_000_000_000))


async def test_an_ollama_that_is_not_here_would_appear_in_its_folder(fake, tmp_path):
    async with fake.open(url="127.0.0.1:1", models=str(tmp_path / "later")) as session:
        listing = await session.models()
        assert (listing.is_present, listing.models) == (False, ())
        Folder(tmp_path / "later")
        assert not is_current(listing.stamps)
        assert (await session.models()).is_present


async def test_an_ollama_that_has_nothing_yet_is_here(fake, folder, listing):
    """It removes the folder of manifests with the last of them."""
    (folder.root / "manifests").rmdir()
    before = await listing()
    assert (before.is_present, before.models) == (True, ())
    folder.add("toy", gguf())
    assert not is_current(before.stamps)
    (folder.root / "blobs").rename(folder.root / "elsewhere")
    (model,) = (await listing()).models
    assert model.problem == "the file of its model is missing"


async def test_of_two_folders_the_one_that_ollama_has_is_read(fake, tmp_path, monkeypatch):
    other = Folder(tmp_path / "home" / ".ollama" / "models")
    other.add("old", gguf(filling=b"old"))
    fake.ollama.add(fake.file.read_bytes(), "toy")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr("papin_ollama._environment.SERVICES", (str(fake.ollama.models),))
    async with fake.open(models="") as session:
        (model,) = (await session.models()).models
        assert (model.reference, model.files[0].path.startswith(str(fake.ollama.models))) == ("toy:latest", True)
        assert (await session.share(fake.model(), [fake.file], name="shared", copy=False)).reference == "shared:latest"
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    async with fake.open(models="", url="") as session:
        assert [each.reference for each in (await session.models()).models] == ["old:latest"]


async def test_the_folder_of_this_machine_is_not_that_of_an_ollama_behind_a_tunnel(fake, tmp_path, monkeypatch):
    """It answers on this machine, and is not the one that has the folder here."""
    mine = Folder(tmp_path / "home" / ".ollama" / "models")
    mine.add("mine", gguf(filling=b"mine"))
    fake.ollama.add(fake.file.read_bytes(), "toy")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    async with fake.open(models="") as session:
        (model,) = (await session.models()).models
        assert (model.reference, model.files) == ("toy:latest", ())
        with pytest.raises(StorageFailed, match="in a folder that papin knows"):
            await session.share(fake.model(), [fake.file], name="", copy=False)
    assert sorted(path.name for path in (mine.root / "manifests").rglob("*") if path.is_file()) == ["latest"]


async def test_where_the_folder_is_unknown_ollama_is_asked(fake, tmp_path):
    digest = fake.ollama.add(fake.file.read_bytes(), "toy")
    async with fake.open() as session:
        (read,) = (await session.models()).models
    async with fake.open(models=str(tmp_path / "none")) as session:
        listing = await session.models()
    (told,) = listing.models
    assert listing.stamps == ()
    same = ("reference", "digest", "size", "architecture", "quantization", "parameters", "format")
    assert [getattr(told, name) for name in same] == [getattr(read, name) for name in same]
    assert (told.files, read.files[0].sha256) == ((), digest)


@pytest.mark.parametrize("how", ["nonsense", "down", "endless"])
async def test_an_ollama_that_lies_is_a_problem_and_not_an_empty_list(fake, tmp_path, how):
    fake.ollama.behave(tags=how)
    async with fake.open(models=str(tmp_path / "none")) as session:
        with pytest.raises(ProviderFailed):
            await session.models()


async def test_the_folder_and_ollama_tell_the_same(world):
    world.ollama.add(world.file.read_bytes(), "toy")
    world.ollama.add(world.file.read_bytes(), "me/other:small", system="Be brief.")
    async with world.open() as session:
        listing = await session.models()
    told = world.ollama.get("/api/tags")["models"]
    assert {(each.reference, each.digest, each.size) for each in listing.models} == {
        (each["name"], each["digest"], each["size"]) for each in told
    }
    assert {each.quantization for each in listing.models} == {each["details"]["quantization_level"] for each in told}


@pytest.fixture
def public():
    """A folder of models in a place that everybody reaches."""
    with public_folder() as root:
        yield Folder(root / "store")


@pytest.mark.parametrize(("mode", "state"), [(0o000, "closed"), (0o555, "read"), (0o777, "write")])
def test_the_folder_of_another_user(public, mode, state):
    for path in (public.root / "manifests", public.root / "blobs", public.root):
        path.chmod(mode)
    found = as_somebody_else(lambda: [each.state for each in look([public.root])])
    for path in (public.root, public.root / "manifests", public.root / "blobs"):
        path.chmod(0o755)
    assert found == [state]


@pytest.mark.parametrize(("mode", "may"), [(0o000, "read"), (0o555, "write")])
def test_a_folder_of_another_user_is_said_to_be_one(fake, public, mode, may):
    models = Models(Api(Http(offline=True), "http://127.0.0.1:1", ""), str(public.root))

    async def problem():
        try:
            await models.list()
            place = await models.place()
            raise unwritable(place)
        except (ProviderFailed, StorageFailed) as error:
            return error.message

    trio.run(problem)  # which imports everything, as somebody else may not be able to
    (public.root / "blobs").chmod(mode)
    try:
        said = as_somebody_else(lambda: trio.run(problem))
    finally:
        (public.root / "blobs").chmod(0o755)
    assert said.startswith(f"The models of Ollama lie in {public.root}, which belongs to ")
    assert said.endswith(f"you may not {may}")


def test_what_a_folder_of_another_user_holds_is_told_by_ollama_and_is_here(fake, public):
    fake.ollama.add(fake.file)
    models = Models(Api(Http(), fake.ollama.url, ""), str(public.root))

    async def look():
        listing = await models.list()
        return [[each.reference for each in listing.models], listing.unreadable]

    trio.run(look)  # which imports everything, as somebody else may not be able to
    (public.root / "blobs").chmod(0o000)
    try:
        assert as_somebody_else(lambda: trio.run(look)) == [["toy:latest"], str(public.root)]
    finally:
        (public.root / "blobs").chmod(0o755)


async def test_nothing_is_shared_where_nothing_can_be_written(fake, public):
    (public.root / "blobs").rmdir()
    (public.root / "blobs").symlink_to("/proc/self")
    async with fake.open(url="127.0.0.1:1", models=str(public.root)) as session:
        with pytest.raises((StorageFailed, ProviderFailed)):
            await session.share(fake.model(), [fake.file], name="", copy=False)
    assert [path.name for path in (public.root / "manifests").iterdir()] == []
