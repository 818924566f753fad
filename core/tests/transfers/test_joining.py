"""Rows N1-N9, N22, N25-N28, N34: bytes of several answers are joined only when they are proven to belong together."""

from __future__ import annotations

import pytest
import trio

from papin._transfers._ledger import CHUNK
from papin.errors import DigestMismatch, LoginRequired, NotFound, SourceChanged, TransferFailed
from papin.testing.fault_scripts import (
    broken_range,
    cut,
    flipped,
    limited,
    multipart,
    no_range,
    ok,
    other,
    refuse,
    text,
    unsatisfiable,
    wrong_total,
)
from papin.testing.fault_server import fault_server

from .conftest import MIB, Task, make_body

HALF = 4 * MIB


def ranges(server):
    return [request.headers.get("range") for request in server.requests]


def began_anew(server):
    """Tell whether everything was asked for again; on a machine that is too busy nobody may have asked for a part."""
    return None in ranges(server)[1:] or server.scripts


async def test_n1_no_fault_is_one_request_and_every_byte_once(task):
    async with fault_server(task.body) as server:
        assert (await task.fetch(server)).how == "download"
    assert ranges(server) == [None]
    assert server.sent == len(task.body)
    phases = list(dict.fromkeys(each.phase for each in task.progress))
    assert phases == ["resolving", "downloading", "verifying", "committing"]
    assert task.staged == 0


async def test_n1_nothing_promised_is_fetched_all_the_same(task):
    async with fault_server(task.body) as server:
        await task.fetch(server, pinned=False, sized=False)
    assert task.storage.reserved == [len(task.body)]


async def test_nothing_at_all_is_a_file_too(task):
    async with fault_server(b"") as server:
        await task.fetch(server, pinned=False, sized=False, expect=b"")


@pytest.mark.parametrize("pinned", [True, False])
async def test_n2_a_reset_at_half_is_resumed(task, jumping_clock, pinned):
    async with fault_server(task.body, cut(HALF)) as server:
        await task.fetch(server, pinned=pinned, sized=pinned)
    assert server.sent <= 1.02 * len(task.body)
    assert server.requests[1].start <= HALF
    assert server.requests[1].headers.get("if-range") == (None if pinned else '"v1"')


async def test_n3_ten_resets(storage, large, jumping_clock):
    task = Task(large[: 32 * MIB], storage)
    async with fault_server(task.body, *[cut(at * len(task.body) // 11) for at in range(1, 11)]) as server:
        await task.fetch(server)
    assert len(server.requests) == 11
    assert server.sent <= 1.05 * len(task.body)


async def test_n4_another_file_of_the_same_length_is_fetched_from_its_beginning(case, clock):
    new = make_body(len(case.body), "v2")
    async with case.meets(default=other(new, etag='"v2"')) as server:
        await case.fetch(server, pinned=False, sized=False, expect=new)


async def test_n4_another_file_than_the_promised_one_is_refused(case, clock):
    new = make_body(len(case.body), "v2")
    async with case.meets(default=other(new, etag='"v2"')) as server:
        with pytest.raises(DigestMismatch):
            await case.fetch(server)
    assert case.staged == 0


async def test_n5_a_longer_file(case, clock):
    new = make_body(len(case.body) + 1, "v2")
    async with case.meets(default=other(new, etag='"v2"')) as server:
        await case.fetch(server, pinned=False, sized=False, expect=new)


async def test_n5_a_longer_file_than_the_promised_one_is_refused_untouched(case, clock):
    new = make_body(len(case.body) + 1, "v2")
    async with case.meets(default=other(new, etag='"v2"')) as server:
        with pytest.raises(SourceChanged):
            await case.fetch(server)
    assert case.staged > 0


async def test_n6_a_server_that_ignores_the_range(case, clock):
    async with case.meets(no_range()) as server:
        await case.fetch(server)
    assert server.sent <= 1.5 * len(case.body) + case.slack


@pytest.mark.parametrize("shift", [-1000, 1])
async def test_n7_a_part_that_begins_elsewhere(case, clock, shift):
    async with case.meets(broken_range(shift)) as server:
        await case.fetch(server)
    assert began_anew(server)


async def test_n8_a_part_that_does_not_say_which(case, clock):
    async with case.meets(text(206, b"x" * 100)) as server:
        await case.fetch(server)
    assert began_anew(server)


@pytest.mark.parametrize("total", [None, 5, "all"])
async def test_n9_not_satisfiable_though_it_is(case, clock, total):
    async with case.meets(unsatisfiable(len(case.body) if total == "all" else total)) as server:
        await case.fetch(server)


async def test_n22_a_flipped_bit_that_comes_every_time_is_never_kept(task, received):
    async with fault_server(task.body, default=flipped(HALF)) as server:
        with pytest.raises(DigestMismatch) as caught:
            await task.fetch(server)
    assert task.sha256[:16] in caught.value.message
    assert task.staged == 0
    # Once more, because it might have been the way and not the source.
    assert len(server.requests) == 2
    assert received[server.url] == 2 * len(task.body)


@pytest.mark.parametrize("number", [0, 1])
async def test_n22_only_what_a_flipped_bit_changed_is_taken_again(task, received, number):
    async with fault_server(task.body, flipped(number * CHUNK + MIB)) as server:
        fetched = await task.fetch(server)
    # Nobody but the server knows which chunk: it is read again up to that one, and no further.
    assert received[server.url] == len(task.body) + (number + 1) * CHUNK
    assert "is not what was promised" in fetched.blamed[0]


async def test_n22_a_bit_that_flipped_before_a_resume_costs_one_clean_fetch(task, jumping_clock, received):
    async def flipped_then_cut(exchange):
        exchange.server.body, good = bytes(len(task.body)), exchange.server.body
        try:
            await cut(HALF)(exchange)
        finally:
            exchange.server.body = good

    async with fault_server(task.body, flipped_then_cut) as server:
        await task.fetch(server)
    assert [each is None for each in ranges(server)] == [True, False, True]
    assert received[server.url] == len(task.body) + CHUNK


async def test_n25_another_validator_for_the_same_file(case, clock):
    async with case.meets(other(etag='"cdn-2"')) as server:
        await case.fetch(server)
    assert case.is_frugal(server)


@pytest.mark.parametrize("etag", ['W/"v1"', None, "v1", '"'])
async def test_n26_a_weak_validator_proves_nothing(task, jumping_clock, etag):
    async with fault_server(task.body, cut(HALF), etag=etag) as server:
        await task.fetch(server, pinned=False, sized=False)
    assert ranges(server) == [None, None]
    assert [each.headers.get("if-range") for each in server.requests] == [None, None]


@pytest.mark.parametrize(
    ("script", "etag", "pinned", "told"),
    [
        (ok(), '"v1"', False, True),
        (ok(), 'W/"v1"', False, False),
        (ok(), None, False, False),
        (ok(), None, True, True),
        (limited(64 * MIB, ranges=False), '"v1"', True, False),
    ],
)
async def test_n26_whether_it_can_be_resumed_is_told_while_it_comes(task, script, etag, pinned, told):
    async with fault_server(task.body, script, etag=etag) as server:
        await task.fetch(server, pinned=pinned, sized=False)
    assert {each.resumable for each in task.progress if each.phase == "downloading"} == {told}
    assert task.progress[-1].resumable


async def test_n26_a_digest_does(case, clock):
    async with case.meets(etag='W/"v1"') as server:
        await case.fetch(server)
    assert all("if-range" not in each.headers for each in server.requests)
    assert case.is_frugal(server)


async def test_n27_another_total_in_a_part(case, clock):
    async with case.meets(wrong_total(len(case.body) + 9)) as server:
        await case.fetch(server, pinned=False, sized=False)
    assert began_anew(server)


async def test_n28_several_parts_at_once(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), multipart()) as server:
        with pytest.raises(TransferFailed, match="several ranges"):
            await task.fetch(server)
    assert task.staged > 0


async def test_n34_a_good_mirror_behind_a_bad_one(task, received):
    async with fault_server(task.body, flipped(HALF)) as bad, fault_server(task.body) as good:
        await task.fetch(bad, good)
    assert (len(bad.requests), len(good.requests)) == (1, 1)
    assert (received[bad.url], received[good.url]) == (len(task.body), len(task.body))


async def test_n34_what_a_corrupt_mirror_gave_is_replaced(storage, large, received):
    task = Task(large, storage)
    async with fault_server(large, default=flipped(21 * MIB)) as bad, fault_server(large) as good:
        fetched = await task.fetch(bad, good)
    assert received[good.url] == 6 * CHUNK  # up to the wrong one, and no further
    assert "is not what was promised" in fetched.blamed[0]


async def test_n34_a_mirror_with_another_size(task, received):
    async with fault_server(task.body[:-1]) as bad, fault_server(task.body) as good:
        fetched = await task.fetch(bad, good)
    assert (received[bad.url], received[good.url]) == (0, len(task.body))
    assert "were promised" in fetched.blamed[0]


async def test_n34_what_one_mirror_gave_is_not_fetched_from_the_next(case, clock, received):
    async with case.meets(default=refuse(404)) as dying, fault_server(case.body, default=case.proper) as good:
        dying.scripts[0] = cut(len(case.body) // 4)
        fetched = await case.fetch(dying, good)
    assert good.requests[0].start > MIB
    assert received.total() == len(case.body)
    assert case.is_frugal(dying, good)
    assert "404" in fetched.blamed[0]


async def test_n34_n36_a_line_that_is_down_for_a_minute_is_no_fault_of_the_last_mirror(task, jumping_clock):
    async def back_in_a_minute(exchange):
        await (ok() if trio.current_time() > 60 else cut(HALF))(exchange)

    async with (
        fault_server(task.body, default=cut(HALF)) as first,
        fault_server(task.body, default=back_in_a_minute) as last,
    ):
        await task.fetch(first, last)
    assert last.sent == len(task.body) - HALF
    assert trio.current_time() > 60


@pytest.mark.parametrize(("one", "other"), [(5 * MIB, 21 * MIB), (21 * MIB, 5 * MIB), (35 * MIB, 1)])
async def test_n34_mirrors_that_are_wrong_in_different_chunks_are_right_together(storage, large, one, other):
    task = Task(large, storage)
    async with (
        fault_server(large, default=flipped(one)) as first,
        fault_server(large, default=flipped(other)) as second,
    ):
        fetched = await task.fetch(first, second)
    assert "is not what was promised" in fetched.blamed[0]
    # The second one is read no further than needed: what it has wrong behind that is not seen.
    assert len(fetched.blamed) == (2 if other < one else 1)


async def test_n34_two_mirrors_that_are_wrong_in_the_same_chunk_are_an_error(task):
    async with (
        fault_server(task.body, default=flipped(MIB)) as first,
        fault_server(task.body, default=flipped(MIB + 1)) as second,
    ):
        with pytest.raises(DigestMismatch):
            await task.fetch(first, second)
    assert task.staged == 0


async def test_all_sources_are_told_of_when_none_is_left(task):
    async with fault_server(task.body, refuse(404)) as first, fault_server(task.body, refuse(401)) as second:
        with pytest.raises(LoginRequired, match="before that: there is nothing at"):
            await task.fetch(first, second)
        first.play(refuse(404))
        with pytest.raises(NotFound):
            await task.fetch(first)
