"""A file of which only the beginning is new: bytes on the wire are counted."""

from __future__ import annotations

import os
from functools import partial

import pytest
import trio

from papin._transfers import Base, fetch, likely
from papin.errors import DigestMismatch, NotFound, TransferFailed
from papin.http import Http
from papin.testing import fault_scripts as faults
from papin.testing.fault_server import fault_server

from .conftest import MIB, Task, make_body

WEIGHTS = make_body(12 * MIB, "weights")
HEADER = 10_000  # bytes of the old file before its weights
PADDED = 12_288  # what is fetched at least where the old header had so many
SPOTS = 9 * (64 << 10)
OLD = make_body(HEADER, "old") + WEIGHTS


def changed(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


class Update(Task):
    """A new version of a file that is here; `told` counts how often it was said to be otherwise than it looked."""

    def __init__(self, storage, tmp_path, *, header=b"", weights=WEIGHTS, old=OLD):
        super().__init__(header + weights, storage)
        path = tmp_path / "old"
        path.write_bytes(old)
        self.old = old
        self.told = 0
        self.base = Base(path=path, size=len(old), header=HEADER, otherwise=self._otherwise)

    def _otherwise(self):
        self.told += 1

    async def bring_in(self, *servers, **promises):
        """Fetch it with the old version as its base; see that it is right, and the old one as it was."""
        wanted = self.wanted(*servers, **promises)
        http = Http(environ={})
        fetched = await fetch(wanted, self.storage, http, self.progress, base=self.base)
        assert fetched.path.read_bytes() == self.body
        assert self.progress[-1].done == self.progress[-1].total == len(self.body)
        assert self.base.path.read_bytes() == self.old
        assert not os.path.samestat(fetched.path.stat(), self.base.path.stat())
        return fetched

    async def likely(self, *servers, **promises):
        return await likely(self.wanted(*servers, **promises), self.base, Http(environ={}))


@pytest.fixture
def update(storage, tmp_path):
    return partial(Update, storage, tmp_path)


LONGER, SHORTER, AS_LONG = make_body(300_000, "longer"), make_body(96, "shorter"), make_body(HEADER, "as long")


@pytest.mark.parametrize("header", [LONGER, SHORTER, AS_LONG], ids=["longer", "shorter", "as long"])
@pytest.mark.parametrize("by", ["system", "hand"])
async def test_only_the_beginning_is_fetched(update, header, by, monkeypatch):
    if by == "hand":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    task = update(header=header)
    async with fault_server(task.body) as server:
        fetched = await task.bring_in(server)
    assert server.sent == len(header) + PADDED - HEADER + SPOTS
    assert (fetched.how, fetched.etag, fetched.blamed, task.told) == ("copy", "v1", (), 0)
    assert {each.phase for each in task.progress} == {"resolving", "downloading", "verifying", "committing"}


async def test_how_much_would_be_reused_costs_two_small_requests(update):
    task = update(header=LONGER)
    async with fault_server(task.body) as server:
        assert await task.likely(server) == len(OLD) - PADDED - SPOTS
        assert (server.sent, len(server.requests)) == (2 * (64 << 10), 2)


@pytest.mark.parametrize("script", [faults.no_range(), faults.refuse(404), faults.text(200, b"<html>")])
async def test_nothing_is_said_to_be_reused_where_that_cannot_be_seen(update, script):
    task = update(header=LONGER)
    async with fault_server(task.body, default=script) as server:
        assert await task.likely(server) == 0


async def test_a_server_that_says_nothing_is_not_waited_for(update, autojump_clock):
    task = update(header=LONGER)
    async with fault_server(task.body, default=faults.silent()) as server:
        assert await task.likely(server) == 0
    assert trio.current_time() < 10


@pytest.mark.parametrize(
    "promises", [{"pinned": False}, {"sized": False}], ids=["no digest was promised", "no size was promised"]
)
async def test_without_a_promise_nothing_is_reused(update, promises):
    task = update(header=LONGER)
    async with fault_server(task.body) as server:
        assert await task.likely(server, **promises) == 0
        await task.bring_in(server, **promises)
        assert server.sent == len(task.body)


@pytest.mark.parametrize(
    ("at", "told", "compared"),
    [(6 * MIB, 0, 1), (0, 1, 3), (4 * MIB, 1, 9)],
    ids=["in the middle", "at the beginning", "where nobody looks"],
)
async def test_other_weights_cost_no_more_than_was_compared_and_nobody_is_blamed(update, at, told, compared):
    task = update(header=AS_LONG, weights=changed(WEIGHTS, max(at, PADDED - HEADER)))
    async with fault_server(task.body) as server:
        fetched = await task.bring_in(server)
    head = PADDED if compared == 9 else 0
    assert server.sent == len(task.body) + head + compared * (64 << 10)
    assert (fetched.how, fetched.blamed, task.told) == ("download", (), told)


@pytest.mark.parametrize("size", [len(OLD) + (40 << 20), 1000, len(WEIGHTS) - MIB])
async def test_sizes_that_do_not_fit_are_not_even_asked_about(update, size):
    task = update(weights=make_body(size, "all new"))
    async with fault_server(task.body) as server:
        await task.bring_in(server)
        assert server.sent == len(task.body)


async def test_a_server_without_ranges_gives_everything(update):
    task = update(header=LONGER)
    async with fault_server(task.body, default=faults.no_range()) as server:
        fetched = await task.bring_in(server)
    assert (fetched.how, fetched.blamed, task.told) == ("download", (), 0)


async def test_a_base_that_is_damaged_or_gone_does_no_harm(update):
    task = update(header=LONGER)
    task.old = changed(OLD, 5 * MIB)
    task.base.path.write_bytes(task.old)
    async with fault_server(task.body) as server:
        assert (await task.bring_in(server)).how == "download"
    assert task.told == 1


@pytest.mark.parametrize("what", ["gone", "short"])
async def test_a_base_that_cannot_be_read_does_no_harm(update, storage, what):
    task = update(header=LONGER)
    if what == "gone":
        task.base.path.unlink()
    else:
        os.truncate(task.base.path, 7 * MIB)
    async with fault_server(task.body) as server:
        fetched = await fetch(task.wanted(server), storage, Http(environ={}), task.progress, base=task.base)
    assert (fetched.path.read_bytes(), fetched.how) == (task.body, "download")


async def test_a_header_that_is_damaged_on_its_way_is_fetched_again(update):
    task = update(header=LONGER)
    async with fault_server(task.body, *[faults.ok()] * 9, faults.flipped(100)) as server:
        fetched = await task.bring_in(server)
    assert (fetched.how, fetched.blamed, task.told) == ("download", (), 1)


async def test_a_source_whose_header_is_another_one_is_refused_as_ever(update):
    task = update(header=LONGER)
    async with fault_server(task.body, default=faults.flipped(100)) as server:
        with pytest.raises(DigestMismatch):
            await task.bring_in(server)
    assert task.staged == 0


async def test_faults_on_the_way_are_got_over(update):
    task = update(header=LONGER)
    ok = faults.ok()
    async with fault_server(
        task.body, faults.refuse(503), ok, faults.cut(at=len(task.body) - 1000), *[ok] * 8, faults.cut(at=150_000)
    ) as server:
        assert (await task.bring_in(server)).how == "copy"
        assert server.sent < MIB


async def test_a_mirror_that_is_gone_leaves_the_other(update):
    task = update(header=LONGER)
    async with fault_server(task.body, default=faults.refuse(404)) as gone, fault_server(task.body) as good:
        assert (await task.bring_in(gone, good)).how == "copy"
        assert good.sent < MIB


async def test_a_source_that_is_away_is_no_reason_to_fetch_everything(update, autojump_clock):
    task = update(header=LONGER)
    async with fault_server(task.body, default=faults.refuse(503)) as server:
        with pytest.raises(TransferFailed):
            await task.bring_in(server)
        asked = len(server.requests)
        server.play(*[faults.ok()] * 20)
        assert (await task.bring_in(server)).how == "copy"
    assert 1 < asked < 20


async def test_a_source_that_has_nothing_says_so(update):
    task = update(header=LONGER)
    async with fault_server(task.body, default=faults.refuse(404)) as server:
        with pytest.raises(NotFound):
            await task.bring_in(server)


@pytest.mark.parametrize(
    ("at", "weights", "how"),
    [
        (9 * MIB, WEIGHTS, "copy"),
        (9 * MIB, changed(WEIGHTS, 10_000), "download"),
        (9 * MIB, changed(WEIGHTS, 9 * MIB - 400_000), "download"),
        (len(LONGER + WEIGHTS) - 200_000, WEIGHTS, "download"),
    ],
    ids=["more is missing than is new", "what came is not here", "nor its last piece", "less is missing than is new"],
)
async def test_what_an_ordinary_download_left_is_gone_on_with_unless_less_is_fetched_so(update, at, weights, how):
    task = update(header=LONGER, weights=weights)
    async with fault_server(task.body) as server:
        server.play(faults.cut(at=at), faults.refuse(403))
        with pytest.raises(TransferFailed):
            await task.fetch(server)
        assert task.staged >= at - MIB
    async with fault_server(task.body) as server:
        task.progress.clear()
        assert (await task.bring_in(server)).how == how
        copied = len(LONGER) + PADDED - HEADER + SPOTS
        assert server.sent <= (copied if how == "copy" else len(task.body) - at + 64 * 1024)


async def test_what_is_cancelled_leaves_nothing_that_could_be_taken_for_a_part(update):
    task = update(header=LONGER)
    shown = []
    with trio.CancelScope() as scope:

        def cancel(progress):
            shown.append(progress.done)
            if progress.phase == "verifying" and progress.done > MIB:
                scope.cancel()

        async with fault_server(task.body) as server:
            await fetch(task.wanted(server), task.storage, Http(environ={}), cancel, base=task.base)
    assert scope.cancelled_caught
    assert task.staged == 0
    assert max(shown) < 9 * MIB, "it went on copying"
