"""Several connections for one file: as many as help, nothing twice."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from papin._transfers import Pace, fetch
from papin._transfers._hosts import Hosts
from papin.errors import PapinError
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.testing import fault_scripts as faults
from papin.testing.fault_server import fault_server

from .conftest import MIB, RATE, Task

WASTE = 512 << 10  # what may be on its way on connections that are ended


@pytest.fixture
def task(storage, large):
    return Task(large, storage)


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
async def test_a_server_that_limits_each_connection_gets_several(task, fast_clock, pinned):
    counted = Counted(slow())
    async with fault_server(task.body, default=counted) as server:
        await task.fetch(server, pinned=pinned, sized=False)
    assert 4 <= counted.most <= 16
    assert server.sent <= len(task.body) * 1.02 + WASTE
    conditions = {request.headers.get("if-range") for request in server.requests[1:]}
    assert conditions == ({None} if pinned else {'"v1"'})


async def test_a_fast_server_gets_one(task, slow_clock):
    async with fault_server(task.body) as server:
        await task.fetch(server, sized=False)
    assert len(server.requests) == 1


@pytest.mark.parametrize("etag", ['W/"weak"', None])
async def test_n26_parts_that_could_not_be_joined_are_not_asked_for(task, fast_clock, etag):
    async with fault_server(task.body, etag=etag, default=slow(16 * MIB)) as server:
        await task.fetch(server, pinned=False, sized=False)
    assert len(server.requests) == 1


async def test_a_server_that_does_not_offer_parts_is_not_asked_for_them(task, fast_clock):
    async with fault_server(task.body, default=faults.limited(16 * MIB, ranges=False)) as server:
        await task.fetch(server, sized=False)
    assert len(server.requests) == 1


async def test_a_polite_number_holds_for_all_transfers_to_a_host(task, fast_clock):
    hosts = Hosts(most=3)
    found = []

    async def one(query, server):
        source = HttpSource(url=f"{server.url}?{query}", user_named=True)
        wanted = WantedFile(name=query, sources=(source,))
        fetched = await fetch(wanted, task.storage, Http(environ={}), lambda _: None, hosts=hosts)
        found.append(fetched.sha256)

    counted = Counted(slow(8 * MIB))
    async with fault_server(task.body, default=counted) as server, trio.open_nursery() as nursery:
        nursery.start_soon(one, "a", server)
        nursery.start_soon(one, "b", server)
    assert 2 <= counted.most <= 3
    assert found == [task.sha256] * 2


async def test_n3_connections_that_break_are_replaced(task, fast_clock):
    async with fault_server(task.body, default=slow()) as server:
        server.play(slow(), *[faults.cut(at * MIB, rate=RATE) for at in (14, 20, 24, 30)])
        await task.fetch(server, sized=False)
    assert server.sent <= len(task.body) * 1.02 + WASTE


async def test_n29_a_signed_address_expires_for_all_of_them(task, fast_clock):
    signed = []

    async def hub(exchange):
        signed.append(f"{cdn.url}?{len(signed) // 3}")
        await faults.redirect(signed[-1])(exchange)

    async def files(exchange):
        is_valid = signed[-1].endswith(exchange.request.target.rpartition("?")[2])
        await (slow() if is_valid else faults.refuse(403))(exchange)

    async with fault_server(b"", default=hub) as here, fault_server(task.body, default=files) as cdn:
        await task.fetch(here)
    assert cdn.sent <= len(task.body) * 1.02 + WASTE


async def test_n11_a_server_that_wants_fewer_gets_fewer(task, fast_clock):
    busy = faults.refuse(429, retry_after="1")

    async def two_only(exchange):
        await (slow() if len(counted.open) <= 2 else busy)(exchange)

    counted = Counted(two_only)
    async with fault_server(task.body, default=counted) as server:
        await task.fetch(server, sized=False)
    refused = [request for request in server.requests if request.sent == 2]
    assert 1 <= len(refused) <= 4


async def test_a_cancelled_swarm_goes_on_where_it_was(task, fast_clock):
    async with fault_server(task.body, default=slow()) as server:
        with trio.CancelScope() as scope:

            async def stop():
                while server.sent < len(task.body) // 2:  # noqa: ASYNC110  # on a clock that jumps: it counts bytes, not seconds
                    await trio.sleep(0.1)
                scope.cancel()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(stop)
                await task.fetch(server, sized=False)
        assert scope.cancelled_caught
        await task.fetch(server, sized=False)
    assert server.sent <= len(task.body) * 1.05  # what was on its way when it was cancelled


async def test_a_paced_transfer_needs_no_more_connections(task):
    async with fault_server(task.body) as server:
        # So slowly that a busy machine keeps up with it, also for as short as is looked at.
        await task.fetch(server, sized=False, pace=Pace(4 * MIB))
    assert len(server.requests) == 1


async def test_chunks_that_the_disk_lost_are_fetched_again(task):
    async with fault_server(task.body, faults.cut(30 * MIB), default=faults.refuse(404)) as server:
        with pytest.raises(PapinError):
            await task.fetch(server, sized=False)
        (data,) = (task.storage.root / "incoming").glob("*/data")
        with data.open("r+b") as file:
            file.seek(9 * MIB)
            file.write(b"rotten")
    async with fault_server(task.body) as server:
        await task.fetch(server, sized=False)
    assert server.sent <= len(task.body) - 30 * MIB + 4 * MIB + MIB
