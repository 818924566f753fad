"""The rows N1-N36 that one connection can meet, each over real sockets; what is fetched twice is counted."""

from __future__ import annotations

import pytest
import trio

from papin.errors import (
    DigestMismatch,
    LoginRequired,
    NotFound,
    SourceChanged,
    TooManyRequests,
    TransferFailed,
    TransferTimeout,
)
from papin.testing.fault_scripts import (
    broken_range,
    chunked,
    compressed,
    cut,
    endless,
    flipped,
    header_flood,
    lying_length,
    multipart,
    no_length,
    no_range,
    ok,
    other,
    redirect,
    refuse,
    silent,
    stall,
    text,
    trickle,
    unsatisfiable,
    web_page,
    wrong_total,
)
from papin.testing.fault_server import fault_server

MIB = 1 << 20
HALF = 4 * MIB


async def test_n1_no_fault_is_one_request_and_every_byte_once(task):
    async with fault_server(task.body) as server:
        fetched = await task.fetch(task.wanted(server.url))
    assert (fetched.sha256, fetched.how) == (task.sha256, "download")
    assert len(server.requests) == 1
    assert server.sent == len(task.body)
    assert "range" not in server.requests[0].headers
    phases = list(dict.fromkeys(each.phase for each in task.progress))
    assert phases == ["resolving", "downloading", "verifying", "committing"]
    assert task.staged == 0


async def test_n1_nothing_promised_is_fetched_all_the_same(task):
    async with fault_server(task.body) as server:
        fetched = await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert fetched.sha256 == task.sha256
    assert task.storage.reserved == [len(task.body)]


@pytest.mark.parametrize("pinned", [True, False])
async def test_n2_a_reset_at_half_is_resumed(task, jumping_clock, pinned):
    async with fault_server(task.body, cut(HALF)) as server:
        fetched = await task.fetch(task.wanted(server.url, pinned=pinned, sized=pinned))
    assert fetched.sha256 == task.sha256
    assert server.sent <= 1.02 * len(task.body)
    second = server.requests[1].headers
    assert int(second["range"].removeprefix("bytes=").removesuffix("-")) <= HALF
    assert second.get("if-range") == (None if pinned else '"v1"')


async def test_n3_ten_resets(task, jumping_clock):
    cuts = [cut(at * len(task.body) // 11) for at in range(1, 11)]
    async with fault_server(task.body, *cuts) as server:
        await task.fetch(task.wanted(server.url))
    assert len(server.requests) == 11
    assert server.sent <= 1.1 * len(task.body)


async def test_n3_resets_that_bring_nothing_end_in_an_error(task, jumping_clock):
    async with fault_server(task.body, *[cut(0)] * 50) as server:
        with pytest.raises(TransferFailed) as caught:
            await task.fetch(task.wanted(server.url))
    assert len(server.requests) == 6
    assert "goes on where it stopped" in caught.value.next_step


async def test_n4_another_file_of_the_same_length_is_fetched_from_its_beginning(task, jumping_clock):
    new = bytes(len(task.body))
    async with fault_server(task.body, cut(HALF), other(new, etag='"v2"')) as server:
        fetched = await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert fetched.path.read_bytes() == new


async def test_n4_another_file_than_the_promised_one_is_refused(task, jumping_clock):
    new = bytes(len(task.body))
    async with fault_server(task.body, cut(HALF), *[other(new, etag='"v2"')] * 3) as server:
        with pytest.raises(DigestMismatch):
            await task.fetch(task.wanted(server.url))
    assert task.staged == 0


async def test_n5_a_longer_file(task, jumping_clock):
    new = bytes(len(task.body) + 1)
    async with fault_server(task.body, cut(HALF), other(new, etag='"v2"')) as server:
        fetched = await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert fetched.path.read_bytes() == new


async def test_n5_a_longer_file_than_the_promised_one_is_refused_untouched(task, jumping_clock):
    new = bytes(len(task.body) + 1)
    async with fault_server(task.body, cut(HALF), other(new, etag='"v2"')) as server:
        with pytest.raises(SourceChanged):
            await task.fetch(task.wanted(server.url))
    assert task.staged > 0


async def test_n6_a_server_that_ignores_the_range(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), no_range()) as server:
        await task.fetch(task.wanted(server.url))
    assert len(server.requests) == 2


@pytest.mark.parametrize("shift", [-1000, 1])
async def test_n7_a_part_that_begins_elsewhere(task, jumping_clock, shift):
    async with fault_server(task.body, cut(HALF), broken_range(shift)) as server:
        await task.fetch(task.wanted(server.url))
    assert "range" not in server.requests[2].headers


async def test_n8_a_part_that_does_not_say_which(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), text(206, b"x" * 100)) as server:
        await task.fetch(task.wanted(server.url))


@pytest.mark.parametrize("total", [None, 5, 8 * MIB])
async def test_n9_not_satisfiable_though_it_is(task, jumping_clock, total):
    async with fault_server(task.body, cut(HALF), unsatisfiable(total)) as server:
        await task.fetch(task.wanted(server.url))


@pytest.mark.parametrize("status", [503, 429])
async def test_n10_n11_a_busy_server_is_waited_for(task, jumping_clock, status):
    async with fault_server(task.body, *[refuse(status, retry_after="1")] * 2) as server:
        began = trio.current_time()
        await task.fetch(task.wanted(server.url))
        assert trio.current_time() - began >= 2
    assert len(server.requests) == 3


async def test_n12_a_server_that_wants_years_is_not_waited_for(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), refuse(503, retry_after="999999999")) as server:
        began = trio.current_time()
        with pytest.raises(TooManyRequests, match="come back in") as caught:
            await task.fetch(task.wanted(server.url))
        assert trio.current_time() - began < 60
    assert "goes on where it stopped" in caught.value.next_step
    assert task.staged > 0


async def test_n13_a_redirect_loop_is_not_tried_again(task, jumping_clock):
    async with fault_server(task.body, *[redirect("/x")] * 50) as server:
        with pytest.raises(TransferFailed, match="more than 10"):
            await task.fetch(task.wanted(server.url))
    assert len(server.requests) == 11


async def test_n14_a_redirect_to_another_server_is_followed(task):
    async with fault_server(task.body) as there, fault_server(b"", redirect(there.url)) as here:
        await task.fetch(task.wanted(here.url))


async def test_n15_a_coded_body_is_refused(task, jumping_clock):
    async with fault_server(task.body, compressed()) as server:
        with pytest.raises(TransferFailed, match="compressed"):
            await task.fetch(task.wanted(server.url))
    assert len(server.requests) == 1


async def test_n16_a_trickle_is_a_stall(task, jumping_clock):
    async with fault_server(task.body, trickle(HALF, rate=200)) as server:
        await task.fetch(task.wanted(server.url))
    assert server.sent <= 1.02 * len(task.body)


async def test_n17_silence_in_the_middle(task, jumping_clock):
    async with fault_server(task.body, stall(HALF)) as server:
        await task.fetch(task.wanted(server.url))
    assert server.sent == len(task.body)


async def test_n17_silence_for_ever_ends_in_an_error(task, jumping_clock):
    async with fault_server(task.body, *[stall(HALF)] * 50) as server:
        with pytest.raises(TransferTimeout):
            await task.fetch(task.wanted(server.url))
    assert task.staged == HALF
    assert server.sent == HALF


async def test_n18_no_answer_at_all(task, jumping_clock):
    async with fault_server(task.body, silent()) as server:
        await task.fetch(task.wanted(server.url))


@pytest.mark.parametrize("pinned", [True, False])
async def test_n19_chunks_that_are_cut_off(task, jumping_clock, pinned):
    async with fault_server(task.body, chunked(ends_at=HALF)) as server:
        await task.fetch(task.wanted(server.url, pinned=pinned, sized=False))
    assert server.sent <= 1.02 * len(task.body)


async def test_n20_an_end_that_comes_too_early(task, jumping_clock):
    async with fault_server(task.body, no_length(ends_at=HALF)) as server:
        await task.fetch(task.wanted(server.url))
    assert server.sent == len(task.body)


async def test_n20_an_end_that_only_the_digest_knows_to_be_early(task):
    async with fault_server(task.body, no_length(ends_at=HALF)) as server:
        with pytest.raises(DigestMismatch):
            await task.fetch(task.wanted(server.url, sized=False))


async def test_n20_no_length_at_all(task):
    async with fault_server(task.body, no_length()) as server:
        fetched = await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert fetched.sha256 == task.sha256


async def test_n21_a_length_that_is_too_low(task):
    async with fault_server(task.body, lying_length(1000), lying_length(1000)) as server:
        with pytest.raises(SourceChanged, match="1000 bytes"):
            await task.fetch(task.wanted(server.url))
        with pytest.raises(DigestMismatch):
            await task.fetch(task.wanted(server.url, sized=False))


async def test_n21_a_length_that_is_too_high(task, jumping_clock):
    async with fault_server(task.body, lying_length(len(task.body) + 1)) as server:
        with pytest.raises(SourceChanged):
            await task.fetch(task.wanted(server.url))


async def test_n22_one_flipped_bit_is_found_and_nothing_of_it_kept(task):
    async with fault_server(task.body, *[flipped(HALF)] * 20) as server:
        with pytest.raises(DigestMismatch) as caught:
            await task.fetch(task.wanted(server.url))
        assert task.sha256[:16] in caught.value.message
        assert task.staged == 0
        assert len(server.requests) <= 3
        server.scripts.clear()
        await task.fetch(task.wanted(server.url))


async def test_n22_a_bit_that_flipped_before_a_resume_costs_one_clean_fetch(task, jumping_clock):
    async def flipped_then_cut(exchange):
        exchange.server.body, good = bytes(len(task.body)), exchange.server.body
        try:
            await cut(HALF)(exchange)
        finally:
            exchange.server.body = good

    async with fault_server(task.body, flipped_then_cut) as server:
        await task.fetch(task.wanted(server.url))
    assert [each.headers.get("range") is None for each in server.requests] == [True, False, True]


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
async def test_n23_a_login_page_instead_of_the_file(task, kind):
    async with fault_server(task.body, web_page(kind=kind)) as server:
        with pytest.raises(LoginRequired, match="web page instead of the file"):
            await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert task.staged == 0


async def test_n23_a_captive_portal_does_not_cost_what_is_there(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), web_page()) as server:
        with pytest.raises(LoginRequired):
            await task.fetch(task.wanted(server.url, sized=False))
        kept = task.staged
        await task.fetch(task.wanted(server.url, sized=False))
    assert kept > MIB
    assert server.requests[-1].start == kept


async def test_n24_an_endless_body_is_ended(task):
    async with fault_server(task.body, endless()) as server:
        # Everything that was promised came, whatever else would have come after it.
        await task.fetch(task.wanted(server.url))
    assert server.sent < 2 * len(task.body)


async def test_n25_another_validator_for_the_same_file(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), other(etag='"cdn-2"')) as server:
        await task.fetch(task.wanted(server.url))
    assert server.sent <= 1.02 * len(task.body)


@pytest.mark.parametrize("etag", ['W/"v1"', None, "v1", '"'])
async def test_n26_a_weak_validator_proves_nothing(task, jumping_clock, etag):
    async with fault_server(task.body, cut(HALF), etag=etag) as server:
        await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert [each.headers.get("range") for each in server.requests] == [None, None]
    assert [each.headers.get("if-range") for each in server.requests] == [None, None]


async def test_n26_a_digest_does(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), etag='W/"v1"') as server:
        await task.fetch(task.wanted(server.url))
    assert "if-range" not in server.requests[1].headers
    assert server.sent <= 1.02 * len(task.body)


async def test_n27_another_total_in_a_part(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), wrong_total(len(task.body) + 9)) as server:
        await task.fetch(task.wanted(server.url, pinned=False, sized=False))
    assert "range" not in server.requests[2].headers


async def test_n28_several_parts_at_once(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), multipart()) as server:
        with pytest.raises(TransferFailed, match="several ranges"):
            await task.fetch(task.wanted(server.url))
    assert task.staged > 0


async def test_n29_a_signed_address_that_expires_is_asked_for_again(task, jumping_clock):
    first, second = redirect("/a?signature=canary1"), redirect("/b?signature=canary2")
    async with fault_server(task.body, first, cut(HALF), first, refuse(403), second, ok()) as server:
        await task.fetch(task.wanted(server.url))
    assert server.requests[-1].target.startswith("/b")
    assert server.sent <= 1.02 * len(task.body)


async def test_n29_a_refusal_without_that_is_final_and_says_nothing_of_the_signature(task):
    async with fault_server(task.body, redirect("/a?signature=canary"), refuse(403)) as server:
        with pytest.raises(LoginRequired) as caught:
            await task.fetch(task.wanted(server.url))
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 2


async def test_n31_a_flood_of_headers(task):
    async with fault_server(task.body, header_flood(1, MIB)) as server:
        with pytest.raises(TransferFailed):
            await task.fetch(task.wanted(server.url))
    assert len(server.requests) == 1


async def test_n34_a_good_mirror_behind_a_bad_one(task):
    async with fault_server(task.body, flipped(HALF)) as bad, fault_server(task.body) as good:
        await task.fetch(task.wanted(bad.url, good.url))
    assert (len(bad.requests), len(good.requests)) == (1, 1)


async def test_n34_a_mirror_with_another_size(task):
    async with fault_server(task.body[:-1]) as bad, fault_server(task.body) as good:
        await task.fetch(task.wanted(bad.url, good.url))


async def test_n34_what_one_mirror_gave_is_not_fetched_from_the_next(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), *[cut(0)] * 20) as dying, fault_server(task.body) as good:
        await task.fetch(task.wanted(dying.url, good.url))
    assert good.requests[0].start > MIB
    assert dying.sent + good.sent <= 1.02 * len(task.body)


async def test_all_sources_are_told_of_when_none_is_left(task):
    async with fault_server(task.body, refuse(404)) as first, fault_server(task.body, refuse(401)) as second:
        with pytest.raises(LoginRequired, match="before that: there is nothing at"):
            await task.fetch(task.wanted(first.url, second.url))
        first.play(refuse(404))
        with pytest.raises(NotFound):
            await task.fetch(task.wanted(first.url))


async def test_errors_hold_no_query(task, jumping_clock):
    scripts = [refuse(404), refuse(401), refuse(500), redirect("ftp://x/?canary"), cut(0), web_page(), compressed()]
    for script in scripts:
        async with fault_server(task.body, *[script] * 20) as server:
            with pytest.raises((TransferFailed, NotFound)) as caught:
                await task.fetch(task.wanted(f"{server.url}?signature=canary"))
            assert "canary" not in repr(caught.value.problem())


async def test_a_server_that_gives_the_file_in_parts(task):
    async def at_most_two(exchange):
        size = len(task.body)
        start, stop = exchange.request.start, min(size, exchange.request.start + 2 * MIB)
        headers = {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": stop - start}
        await exchange.head(206, headers)
        await exchange.send(task.body[start:stop])

    async with fault_server(task.body, *[at_most_two] * 4) as server:
        await task.fetch(task.wanted(server.url))
    assert server.sent == len(task.body)
