"""Rows N13-N15, N19-N21, N23, N24, N31, N32, N35: answers that lie about themselves, or are something else than the file."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager

import pytest

from papin.errors import DigestMismatch, LoginRequired, NotFound, SourceChanged, TransferFailed
from papin.testing.fault_scripts import (
    chunked,
    compressed,
    cut,
    endless,
    header_flood,
    lying_length,
    no_length,
    other,
    redirect,
    refuse,
    segments,
    web_page,
)
from papin.testing.fault_server import fault_server

from .conftest import MIB

HALF = 4 * MIB


@pytest.fixture
def proxied(task, resolver):
    """Have everything go through a proxy, which always does what the script says."""

    @asynccontextmanager
    async def proxied(script):
        resolver.answers["proxy.example"] = [["127.0.0.1"]]
        async with fault_server(task.body, default=script) as proxy:
            task.environ = {"HTTP_PROXY": f"http://proxy.example:{proxy.port}"}
            yield proxy

    return proxied


async def test_n13_a_redirect_loop_is_not_tried_again(task, jumping_clock):
    async with fault_server(task.body, default=redirect("/x")) as server:
        with pytest.raises(TransferFailed, match="more than 10"):
            await task.fetch(server)
    assert len(server.requests) == 11


async def test_n14_a_redirect_to_another_server_is_followed(task):
    async with fault_server(task.body) as there, fault_server(b"", redirect(there.url)) as here:
        await task.fetch(here)


async def test_n15_a_coded_body_is_refused(task, jumping_clock):
    async with fault_server(task.body, compressed()) as server:
        with pytest.raises(TransferFailed, match="compressed"):
            await task.fetch(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("pinned", [True, False])
async def test_n19_chunks_that_are_cut_off(task, jumping_clock, pinned):
    async with fault_server(task.body, chunked(ends_at=HALF)) as server:
        await task.fetch(server, pinned=pinned, sized=False)
    assert server.sent <= 1.02 * len(task.body)


async def test_n20_an_end_that_comes_too_early(task, jumping_clock):
    async with fault_server(task.body, no_length(ends_at=HALF)) as server:
        await task.fetch(server)
    assert server.sent == len(task.body)


async def test_n20_an_end_that_only_the_digest_knows_to_be_early(task):
    async with fault_server(task.body, no_length(ends_at=HALF)) as server:
        with pytest.raises(DigestMismatch):
            await task.fetch(server, sized=False)


async def test_n20_no_length_at_all(task):
    async with fault_server(task.body, no_length()) as server:
        await task.fetch(server, pinned=False, sized=False)


async def test_n21_a_length_that_is_too_low(task):
    async with fault_server(task.body, lying_length(1000), lying_length(1000)) as server:
        with pytest.raises(SourceChanged, match="1000 bytes"):
            await task.fetch(server)
        with pytest.raises(DigestMismatch):
            await task.fetch(server, sized=False)


async def test_n21_a_length_that_is_too_high(task, jumping_clock):
    async with fault_server(task.body, lying_length(len(task.body) + 1)) as server:
        with pytest.raises(SourceChanged):
            await task.fetch(server)


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
async def test_n23_a_login_page_instead_of_the_file(task, kind):
    async with fault_server(task.body, web_page(kind=kind)) as server:
        with pytest.raises(LoginRequired, match="web page instead of the file"):
            await task.fetch(server, pinned=False, sized=False)
    assert task.staged == 0


async def test_n23_a_captive_portal_does_not_cost_what_is_there(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), web_page()) as server:
        with pytest.raises(LoginRequired):
            await task.fetch(server, sized=False)
        kept = task.staged
        await task.fetch(server, sized=False)
    assert kept > MIB
    assert server.requests[-1].start == kept


async def test_n24_an_endless_body_is_ended(task):
    async with fault_server(task.body, endless()) as server:
        # Everything that was promised came, whatever else would have come after it.
        await task.fetch(server)
    assert server.sent <= len(task.body) + 4 * MIB  # what fits into the buffers of the sockets


async def test_n24_an_endless_body_that_nothing_but_a_size_was_promised_of(task):
    async with fault_server(task.body, endless()) as server:
        with pytest.raises(SourceChanged, match="sends more"):
            await task.fetch(server, pinned=False)
    assert server.sent <= len(task.body) + 4 * MIB


async def test_n32_segments_of_one_byte(task):
    async with fault_server(task.body[:10_000], segments()) as server:
        await task.fetch(server, pinned=False, sized=False, expect=server.body)


async def test_n32_tiny_chunks(task):
    """A million of them with PAPIN_TEST_FAULTS=all, for which the server takes a while."""
    count = 1_000_000 if os.environ.get("PAPIN_TEST_FAULTS") == "all" else 50_000
    async with fault_server(task.body[: 7 * count], chunked(piece=7)) as server:
        await task.fetch(server, pinned=False, sized=False, expect=server.body)
    assert len(server.requests) == 1


async def test_n31_a_flood_of_headers(task):
    async with fault_server(task.body, header_flood(1, MIB)) as server:
        with pytest.raises(TransferFailed):
            await task.fetch(server)
    assert len(server.requests) == 1


async def test_n35_a_proxy_that_refuses_is_said_and_not_tried_again(task, proxied):
    async with proxied(refuse(407)) as proxy:
        with pytest.raises(TransferFailed, match="proxy") as caught:
            await task.fetch("http://far.example/m.gguf")
    assert "HTTPS_PROXY" in caught.value.next_step
    assert len(proxy.requests) == 1


async def test_n35_a_proxy_that_is_not_there_is_said(task, resolver, jumping_clock):
    resolver.answers["proxy.example"] = [["127.0.0.1"]]
    async with fault_server(b"") as gone:
        task.environ = {"HTTP_PROXY": f"http://me:canary@proxy.example:{gone.port}"}
    with pytest.raises(
        TransferFailed, match=r"the proxy does not answer: proxy\.example .*: Connection refused$"
    ) as caught:
        await task.fetch("http://far.example/m.gguf")
    assert caught.value.transient
    assert "HTTP_PROXY" in caught.value.next_step
    assert "canary" not in repr(caught.value.message)


@pytest.mark.parametrize("injected", [web_page(), web_page(kind="application/octet-stream")])
async def test_n35_a_page_that_a_proxy_injects_is_not_the_file(task, proxied, injected):
    async with proxied(injected):
        with pytest.raises(LoginRequired, match="web page instead of the file") as caught:
            await task.fetch("http://far.example/m.gguf", sized=False)
    assert "welcome page" in caught.value.next_step
    assert task.staged == 0


async def test_n35_bytes_that_a_proxy_injects_are_found(task, proxied):
    async with proxied(other(b"<script>" + task.body[8:], etag='"v1"')):
        with pytest.raises(DigestMismatch):
            await task.fetch("http://far.example/m.gguf")
    assert task.staged == 0


async def test_errors_hold_no_query(task, jumping_clock):
    scripts = [refuse(404), refuse(401), refuse(500), redirect("ftp://x/?canary"), cut(0), web_page(), compressed()]
    for script in scripts:
        async with fault_server(task.body, default=script) as server:
            with pytest.raises((TransferFailed, NotFound)) as caught:
                await task.fetch(f"{server.url}?signature=canary")
            assert "canary" not in repr(caught.value.problem())


async def test_a_server_that_gives_the_file_in_parts(task):
    async def at_most_two(exchange):
        size = len(task.body)
        start, stop = exchange.request.start, min(size, exchange.request.start + 2 * MIB)
        headers = {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": stop - start}
        await exchange.head(206, headers)
        await exchange.send(task.body[start:stop])

    async with fault_server(task.body, default=at_most_two) as server:
        await task.fetch(server)
    assert server.sent == len(task.body)
