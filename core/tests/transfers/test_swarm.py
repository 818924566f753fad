"""Several connections for one file: as many as help, nothing twice, and nothing mixed."""

import hashlib

import pytest
import trio
import trio.testing

from papin._transfers import Pace, fetch
from papin._transfers._hosts import Hosts
from papin.errors import DigestMismatch, PapinError
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.testing import fault_scripts as faults
from papin.testing.fault_server import fault_server

MIB = 1 << 20
SIZE = 48 * MIB + 4321
RATE = 2 * MIB
WASTE = 512 << 10  # what may be on its way on connections that are ended


@pytest.fixture(scope="module")
def body():
    return hashlib.shake_256(b"v1").digest(SIZE)


@pytest.fixture(scope="module")
def other():
    return hashlib.shake_256(b"v2").digest(SIZE)


@pytest.fixture
def fast_clock():
    """Seconds are short, so that servers that are slow on purpose do not make slow tests."""
    return trio.testing.MockClock(rate=8)


def cancel_at(done, scope):
    def report(progress):
        if progress.done >= done:
            scope.cancel()

    return report


def slow(rate=RATE):
    return faults.limited(rate)


class Counted:
    """Answers by `script`; knows the most connections that its clients had open at once."""

    def __init__(self, script):
        self._script = script
        self._exchanges = []
        self.most = 0

    @property
    def open(self):
        # A client says nothing after its request: what can be read is the end of the connection.
        return [each for each in self._exchanges if not each.stream.socket.is_readable()]

    async def __call__(self, exchange):
        self._exchanges.append(exchange)
        self.most = max(self.most, len(self.open))
        try:
            await self._script(exchange)
        finally:
            self._exchanges.remove(exchange)


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_server_that_limits_each_connection_gets_several(download, content, body, fast_clock, pinned):
    counted = Counted(slow())
    async with fault_server(body, default=counted) as server:
        fetched = await download(server, body=body if pinned else None)
    assert content(fetched) == body
    assert 4 <= counted.most <= 16
    assert server.sent <= SIZE * 1.02 + WASTE
    conditions = {request.headers.get("if-range") for request in server.requests[1:]}
    assert conditions == ({None} if pinned else {'"v1"'})


async def test_a_fast_server_gets_one(download, content, body):
    async with fault_server(body) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert len(server.requests) == 1


@pytest.mark.parametrize("etag", ['W/"weak"', None])
async def test_parts_that_could_not_be_joined_are_not_asked_for(download, content, body, fast_clock, etag):
    async with fault_server(body, etag=etag, default=slow(16 * MIB)) as server:
        fetched = await download(server)
    assert content(fetched) == body
    assert len(server.requests) == 1


async def test_a_server_that_does_not_offer_parts_is_not_asked_for_them(download, content, body, fast_clock):
    async with fault_server(body, default=faults.limited(16 * MIB, ranges=False)) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert len(server.requests) == 1


async def test_a_polite_number_holds_for_all_transfers_to_a_host(storage, body, fast_clock):
    hosts = Hosts(most=3)
    found = []

    async def one(query, server):
        source = HttpSource(url=f"{server.url}?{query}", user_named=True)
        wanted = WantedFile(name=query, sources=(source,))
        fetched = await fetch(wanted, storage, Http(environ={}), lambda _: None, hosts=hosts)
        found.append(fetched.sha256)

    counted = Counted(slow(8 * MIB))
    async with fault_server(body, default=counted) as server, trio.open_nursery() as nursery:
        nursery.start_soon(one, "a", server)
        nursery.start_soon(one, "b", server)
    assert 2 <= counted.most <= 3
    assert found == [hashlib.sha256(body).hexdigest()] * 2


async def test_connections_that_break_are_replaced(download, content, body, fast_clock):
    async with fault_server(body, default=slow()) as server:
        server.play(slow(), *[faults.cut(at * MIB, rate=RATE) for at in (14, 20, 24, 30)])
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE * 1.02 + WASTE


async def test_a_server_that_wants_fewer_gets_fewer(download, content, body, fast_clock):
    busy = faults.refuse(429, retry_after="1")

    async def two_only(exchange):
        await (slow() if len(counted.open) <= 2 else busy)(exchange)

    counted = Counted(two_only)
    async with fault_server(body, default=counted) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    refused = [request for request in server.requests if request.sent == 2]
    assert 1 <= len(refused) <= 4


async def test_n6_a_server_that_stops_giving_parts(download, content, body, fast_clock):
    async with fault_server(body, slow(), default=faults.no_range()) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body


async def test_n4_the_file_changes_between_chunks(download, content, body, other, fast_clock):
    async with fault_server(body, slow(), default=faults.other(other, etag='"v2"')) as server:
        assert content(await download(server)) == other


async def test_n4_the_file_changes_between_chunks_and_was_promised(download, body, other, fast_clock):
    async with fault_server(body, slow(), default=faults.other(other, etag='"v2"')) as server:
        with pytest.raises(DigestMismatch):
            await download(server, body=body)


async def test_n29_a_signed_address_expires_for_all_of_them(download, content, body, fast_clock):
    valid = {"0"}

    async def signed(exchange):
        signature = exchange.request.target.partition("=")[2]
        await (slow() if signature in valid else faults.refuse(403))(exchange)

    async def resolve(exchange):
        exchange.server.signed = getattr(exchange.server, "signed", -1) + 1
        valid.clear()
        valid.add(str(exchange.server.signed // 3 * 3))
        await faults.redirect(f"{cdn.url}?s={exchange.server.signed // 3 * 3}")(exchange)

    async with fault_server(body, default=signed) as cdn, fault_server(b"", default=resolve) as hub:
        fetched = await download(hub, body=body)
    assert content(fetched) == body
    assert cdn.sent <= SIZE * 1.02 + WASTE


async def test_n17_one_of_several_falls_silent(download, content, body, fast_clock):
    async with fault_server(body, slow(), faults.stall(16 * MIB), default=slow()) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE * 1.02 + WASTE


async def test_a_cancelled_swarm_goes_on_where_it_was(download, content, body, fast_clock):
    async with fault_server(body, default=slow()) as server:
        with trio.CancelScope() as scope:

            async def stop():
                while server.sent < SIZE // 2:  # noqa: ASYNC110  # on a clock that jumps: it counts bytes, not seconds
                    await trio.sleep(0.1)
                scope.cancel()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(stop)
                await download(server, body=body)
        assert scope.cancelled_caught
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE * 1.05  # what was on its way when it was cancelled


async def test_n34_mirrors_take_over_what_is_missing(download, content, body, fast_clock):
    async with (
        fault_server(body, faults.cut(10 * MIB), default=faults.refuse(404)) as first,
        fault_server(body, default=slow()) as second,
    ):
        fetched = await download(first, second, body=body)
    assert content(fetched) == body
    assert first.sent + second.sent <= SIZE * 1.02 + WASTE
    assert second.sent
    assert "404" in fetched.blamed[0]


async def test_n34_what_a_corrupt_mirror_gave_is_replaced(download, content, body):
    async with fault_server(body, default=faults.flipped(21 * MIB)) as first, fault_server(body) as second:
        fetched = await download(first, second, body=body)
    assert content(fetched) == body
    assert second.sent < 32 * MIB
    assert "is not what was promised" in fetched.blamed[0]


async def test_n34_a_mirror_of_another_size_is_dropped(download, content, body):
    async with fault_server(body[:-1]) as first, fault_server(body) as second:
        fetched = await download(first, second, body=body, size=SIZE)
    assert content(fetched) == body
    assert first.sent <= 4 * MIB
    assert "were promised" in fetched.blamed[0]


async def test_two_corrupt_mirrors_are_an_error(download, storage, body):
    async with (
        fault_server(body, default=faults.flipped(21 * MIB)) as first,
        fault_server(body, default=faults.flipped(2 * MIB)) as second,
    ):
        with pytest.raises(DigestMismatch):
            await download(first, second, body=body)
    assert storage.staged() == [b""]


async def test_a_paced_transfer_needs_no_more_connections(download, content, body, fast_clock):
    async with fault_server(body) as server:
        fetched = await download(server, body=body, pace=Pace(16 * MIB))
    assert content(fetched) == body
    assert len(server.requests) == 1


async def test_chunks_that_the_disk_lost_are_fetched_again(download, content, storage, body):
    async with fault_server(body, faults.cut(30 * MIB), default=faults.refuse(404)) as server:
        with pytest.raises(PapinError):
            await download(server, body=body)
        (data,) = (storage.root / "incoming").glob("*/data")
        with data.open("r+b") as file:
            file.seek(9 * MIB)
            file.write(b"rotten")
    async with fault_server(body) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE - 30 * MIB + 4 * MIB + MIB
