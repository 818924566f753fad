"""The network faults over one connection: what came is kept, and joined only with what is proven to belong to it."""

import hashlib

import pytest
import trio
import trio.testing

from papin.errors import (
    PapinError,
    SourceChanged,
)
from papin.testing import fault_scripts as faults
from papin.testing.fault_server import fault_server

MIB = 1 << 20
SIZE = 10 * MIB + 12345
SLACK = 64 << 10


@pytest.fixture(scope="module")
def body():
    return hashlib.shake_256(b"v1").digest(SIZE)


@pytest.fixture(scope="module")
def other():
    return hashlib.shake_256(b"v2").digest(SIZE)


def ranges(server):
    return [request.headers.get("range") for request in server.requests]


async def test_nothing_at_all_is_a_file_too(download, content):
    async with fault_server(b"") as server:
        fetched = await download(server)
    assert (content(fetched), fetched.size) == (b"", 0)


async def test_a_second_download_asks_for_nothing(download, body):
    async with fault_server(body) as server:
        await download(server, body=body)
        again = await download(server, body=body)
    assert again.how == "present"
    assert len(server.requests) == 1


async def test_n6_everything_instead_of_the_rest(download, content, body):
    async with fault_server(body, faults.cut(SIZE // 2), faults.no_range()) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE * 1.5 + SLACK


async def test_n22_a_flipped_bit_is_found_and_fetched_again(download, content, body):
    async with fault_server(body, faults.flipped(5 * MIB)) as server:
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE + 9 * MIB
    assert "is not what was promised" in fetched.blamed[0]


async def test_n24_an_endless_body(download, body):
    async with fault_server(body, faults.endless()) as server:
        with pytest.raises(SourceChanged, match="sends more"):
            await download(server, size=SIZE)
        assert server.sent <= SIZE + 4 * MIB


async def test_n32_a_million_tiny_pieces(download, content):
    small = hashlib.shake_256(b"tiny").digest(128 << 10)
    async with fault_server(small, faults.chunked(piece=16)) as server:
        fetched = await download(server, body=small)
    assert content(fetched) == small


async def test_what_came_before_a_failure_is_not_fetched_again(download, content, body, jumping_clock):
    async with fault_server(body, faults.cut(SIZE // 3), *[faults.refuse(500)] * 6) as server:
        with pytest.raises(PapinError):
            await download(server, body=body)
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent <= SIZE * 1.01 + SLACK


async def test_a_cancelled_download_goes_on_to_the_byte(download, content, body):
    async with fault_server(body, faults.stall(SIZE // 2)) as server:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def cancel_in_the_silence():
                    while server.sent < SIZE // 2:
                        await trio.testing.wait_all_tasks_blocked(0.01)
                    await trio.testing.wait_all_tasks_blocked(0.05)
                    scope.cancel()

                await download(server, body=body)
        fetched = await download(server, body=body)
    assert content(fetched) == body
    assert server.sent == SIZE
