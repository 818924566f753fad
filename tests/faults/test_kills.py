"""D10: killed before any call to the system; every state is resumed or swept, and no byte is left that is of nobody."""

from __future__ import annotations

import hashlib
import shutil

import msgspec
import pytest

from papin.models import HttpSource, Variant, WantedFile
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
        shutil.copytree(first, homes / "0", symlinks=True)
        whole = await lab.live(homes / "0", ["update", "m"], settings=settings, root=str(homes))
        assert whole.status == 0
        once = server.sent
        assert once < 1 << 20
        for point in some(range(1, whole.calls + 1), 16):
            home, before = homes / str(point), server.sent
            shutil.copytree(first, home, symlinks=True)
            life = await lab.live(home, ["update", "m"], settings=settings, root=str(home), at=point)
            assert life.status in (-9, 0), life
            audit(home, life, server=server)
            after = await lab.live(home, ["update", "m"], ["state"], settings=settings)
            assert after.status == 0, after
            assert after.state["passed"] == {"m": True}
            assert after.state["digests"] == {"m": [digests[1]]}
            assert orphans(home, after.state["digests"] | {"before": digests[:1]}) == []
            assert server.sent - before <= 2 * once
            audit(home, life, after, server=server)
            spare(home)


async def test_d7_d10_kill_9_at_every_call_of_a_repair(lab, homes):
    body = make_gguf(size=9 << 20)
    first = homes / "first"
    async with fault_server(body) as server:
        sha256 = hashlib.sha256(body).hexdigest()
        assert (await lab.live(first, ["download", server.url, "m", sha256])).status == 0
        blob = store_of(first) / "blobs/sha256" / digest_path(body)
        damaged = body[:5] + b"?" + body[6:]
        blob.write_bytes(damaged)
        shutil.copytree(first, homes / "0", symlinks=True)
        server.requests.clear()
        whole = await lab.live(homes / "0", ["repair", "m"], root=str(homes))
        assert (whole.status, server.sent) == (0, 4 << 20)
        for point in some(range(1, whole.calls + 1), 16):
            home, before = homes / str(point), server.sent
            shutil.copytree(first, home, symlinks=True)
            life = await lab.live(home, ["repair", "m"], root=str(home), at=point)
            assert life.status in (-9, 0), life
            kept = (store_of(home) / "blobs/sha256" / digest_path(body)).read_bytes()
            assert kept in (damaged, body), "it is there, as it was or as it should be"
            after = await lab.live(home, ["repair", "m"], ["state"])
            assert after.status == 0, after
            assert after.state["passed"] == {"m": True}
            assert orphans(home, after.state["digests"]) == []
            assert server.sent - before <= 8 << 20
            audit(home, after, server=server)
            spare(home)
