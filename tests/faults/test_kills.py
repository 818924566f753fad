"""D10: killed before any call to the system; every state is resumed or swept, and no byte is left that is of nobody."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import aclosing, asynccontextmanager

import msgspec
import pytest

from papin.models import HttpSource, Variant, WantedFile
from papin.testing.fault_scripts import cut, refuse
from papin.testing.fault_server import fault_server

from .audit import audit, store_of
from .conftest import make_gguf, some, spare
from .laboratory import orphans

pytestmark = pytest.mark.faults


def sent_for(server, point):
    """Bytes that went to the lives in the home of that number."""
    return sum(each.sent for each in server.requests if each.target.endswith(f"?{point}"))


async def test_i3_d10_a_payload_that_came_before_the_kill_and_whose_digest_nobody_knew_is_found(lab, homes, body):
    home = homes / "home"
    async with fault_server(body) as server:
        steps = ["download", server.url, "m", None]
        # The payload has its name, and the model is not recorded yet.
        life = await lab.live(home, steps, root=str(store_of(home) / "models"), kinds=["name"], at=1)
        assert life.status == -9, life
        assert (store_of(home) / "blobs/sha256" / digest_path(body)).exists()
        audit(home, life, server=server)
        assert server.sent == len(body)
        after = await lab.live(home, steps, ["state"])
        assert after.status == 0, after
        assert after.state["passed"] == {"m": True}
        assert orphans(home, after.state["digests"]) == []
        assert server.sent == len(body)
        audit(home, life, after, server=server)


def digest_path(body):
    sha256 = hashlib.sha256(body).hexdigest()
    return f"{sha256[:2]}/{sha256}"


async def test_d10_kill_9_at_every_call_of_a_download(lab, homes, body):
    sha256 = hashlib.sha256(body).hexdigest()
    async with fault_server(body) as server:

        def steps(point):
            return ["download", f"{server.url}?{point}", "m", sha256]

        whole = await lab.live(homes / "0", steps(0), root=str(homes))
        assert whole.status == 0
        for point in some(range(1, whole.calls + 1), 20):
            home = homes / str(point)
            life = await lab.live(home, steps(point), root=str(home), at=point)
            assert life.status in (-9, 0), life
            audit(home, life, server=server)
            before = sent_for(server, point)
            after = await lab.live(home, steps(point), ["state"])
            assert after.status == 0, after
            assert after.state["passed"] == {"m": True}
            assert orphans(home, after.state["digests"]) == []
            assert sent_for(server, point) <= (len(body) if life.ended("download") else 2 * len(body))
            if life.ended("download"):
                assert sent_for(server, point) == before
            audit(home, life, after, server=server)
            spare(home)


@asynccontextmanager
async def killed(lab, homes, first, steps, count, settings=None):
    """Give the homes and lives of `steps` in copies of the home `first`: one that nobody ends, and others that are."""

    async def live(point, **arms):
        home = homes / str(point)
        shutil.copytree(first, home, symlinks=True)
        return home, await lab.live(home, steps, settings=settings, root=str(home), **arms)

    async def lives():
        home, whole = await live(0)
        assert whole.status == 0, whole
        yield home, whole
        for point in some(range(1, whole.calls + 1), count):
            home, life = await live(point, at=point)
            assert life.status in (-9, 0), life
            yield home, life
            spare(home)

    async with aclosing(lives()) as each:
        yield each


async def test_i3_d10_kill_9_at_every_call_of_a_resume(lab, homes, body):
    first, middle = homes / "first", 4_500_000
    async with fault_server(body, cut(middle), refuse(404)) as server:
        steps = ["download", server.url, "m", hashlib.sha256(body).hexdigest()]
        begun = await lab.live(first, steps)
        assert (begun.status, begun.error) == (1, "ERR_NOT_FOUND")
        before = server.sent
        async with killed(lab, homes, first, steps, 16) as lives:
            async for home, life in lives:
                audit(home, life, server=server)
                after = await lab.live(home, *([] if life.ended("download") else [steps]), ["state"])
                assert after.status == 0, after
                assert after.state["passed"] == {"m": True}
                assert orphans(home, after.state["digests"]) == []
                assert server.sent - before <= 2 * (len(body) - middle)
                before = server.sent
                audit(home, life, after, server=server)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_d10_kill_9_at_every_call_of_an_import(lab, homes, tmp_path, body, where):
    """From the file system of the store, where it may be linked, and from another one."""
    source = (homes if where == "here" else tmp_path) / "m.gguf"
    source.write_bytes(body)
    first = homes / "first"
    assert (await lab.live(first, ["state"])).status == 0
    steps = ["take", str(source), None]
    async with killed(lab, homes, first, steps, 10) as lives:
        async for home, life in lives:
            audit(home, life)
            after = await lab.live(home, *([] if life.ended("take") else [steps]), ["state"])
            assert after.status == 0, after
            assert after.state["passed"] == {"m": True}
            assert orphans(home, after.state["digests"]) == []
            assert source.read_bytes() == body
            audit(home, life, after)


async def test_d10_kill_9_at_every_call_of_a_removal(lab, homes):
    first = homes / "first"
    for seed, name in enumerate(("m", "other")):
        (homes / f"{name}.gguf").write_bytes(make_gguf(seed))
        assert (await lab.live(first, ["take", str(homes / f"{name}.gguf"), None])).status == 0
    async with killed(lab, homes, first, ["remove", "m"], 10) as lives:
        async for home, life in lives:
            seen = await lab.live(home, ["state"])
            assert seen.status == 0, seen
            assert seen.state["passed"] in ({"other": True}, {"other": True, "m": True})
            assert not (life.ended("remove") and "m" in seen.state["passed"])
            after = await lab.live(home, ["remove_if_there", "m"], ["state"])
            assert after.status == 0, after
            assert after.state["passed"] == {"other": True}
            assert orphans(home, after.state["digests"]) == []
            audit(home, seen, after)


def put(shelf, url, body):
    """Have the catalog of the laboratory offer `body`, at an address."""
    sha256 = hashlib.sha256(body).hexdigest()
    source = HttpSource(url=url, user_named=True)
    file = WantedFile(name="m.gguf", sources=(source,), size=len(body), sha256=sha256)
    variant = Variant(ref="shelf:m", catalog="shelf", name="m", variant="", files=(file,), revision=sha256[:40])
    shelf.write_bytes(msgspec.json.encode(variant))


async def test_d10_kill_9_at_every_call_of_an_update_that_reuses_weights(lab, homes, tmp_path):
    old = make_gguf(size=9 << 20)
    fresh = make_gguf(size=9 << 20, template="{{ messages }}" * 1000)
    shelf, first = tmp_path / "shelf.json", homes / "first"
    settings = {"PAPIN_CATALOGS__SHELF__FILE": str(shelf)}
    digests = [hashlib.sha256(each).hexdigest() for each in (old, fresh)]
    async with fault_server(old) as server:
        put(shelf, server.url, old)
        assert (await lab.live(first, ["install", "shelf:m"], settings=settings)).status == 0
    async with fault_server(fresh) as server:
        put(shelf, server.url, fresh)
        before = once = 0
        async with killed(lab, homes, first, ["update", "m"], 16, settings) as lives:
            async for home, life in lives:
                once = once or server.sent
                assert 0 < once < 1 << 20
                audit(home, life, server=server)
                after = await lab.live(home, ["update", "m"], ["state"], settings=settings)
                assert after.status == 0, after
                assert after.state["passed"] == {"m": True}
                assert after.state["digests"] == {"m": [digests[1]]}
                assert orphans(home, after.state["digests"] | {"before": digests[:1]}) == []
                assert server.sent - before <= 2 * once
                before = server.sent
                audit(home, life, after, server=server)


async def test_d7_d10_kill_9_at_every_call_of_a_repair(lab, homes):
    body = make_gguf(size=9 << 20)
    first = homes / "first"
    async with fault_server(body) as server:
        sha256 = hashlib.sha256(body).hexdigest()
        assert (await lab.live(first, ["download", server.url, "m", sha256])).status == 0
        blob = store_of(first) / "blobs/sha256" / digest_path(body)
        damaged = body[:5] + b"?" + body[6:]
        blob.write_bytes(damaged)
        before = server.sent
        async with killed(lab, homes, first, ["repair", "m"], 16) as lives:
            async for home, life in lives:
                kept = (store_of(home) / "blobs/sha256" / digest_path(body)).read_bytes()
                assert kept in (damaged, body), "it is there, as it was or as it should be"
                after = await lab.live(home, ["repair", "m"], ["state"])
                assert after.status == 0, after
                assert after.state["passed"] == {"m": True}
                assert orphans(home, after.state["digests"]) == []
                assert server.sent - before <= (4 << 20 if life.status == 0 else 8 << 20)
                before = server.sent
                audit(home, after, server=server)
