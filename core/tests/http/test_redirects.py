"""Redirects are followed by hand, and secrets stay where they belong (S23, S24)."""

from __future__ import annotations

import pytest

from papin.errors import AddressUnsafe, TransferFailed
from papin.http import Http
from papin.testing.fault_scripts import raw, redirect, refuse
from papin.testing.fault_server import fault_server

SECRETS = {"X-Api-Key": "canary", "Cookie": "canary", "Authorization": "Bearer canary"}


async def test_redirects_on_the_same_origin_keep_credentials():
    async with (
        fault_server(b"x", redirect("/b"), redirect("c")) as server,
        Http(environ={}).client(server.origin, token="canary") as client,
    ):
        answer = await client.request("GET", "/a", headers={"X-Api-Key": "canary"})
    assert answer.body == b"x"
    assert [each.target for each in server.requests] == ["/a", "/b", "/c"]
    assert all("canary" in each.headers["authorization"] for each in server.requests)
    assert all(each.headers["x-api-key"] == "canary" for each in server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_n14_s24_another_origin_sees_no_credentials(status):
    async with (
        fault_server(b"x") as there,
        fault_server(b"y", redirect(there.url, status)) as here,
        Http(environ={}).client(here.origin, token="canary") as client,
    ):
        answer = await client.request("GET", "/a", headers=SECRETS | {"Range": "bytes=0-"})
    assert answer.body == b"x"
    seen = there.requests[0].headers
    assert "canary" not in str(seen)
    assert seen["range"] == "bytes=0-"


async def test_s24_who_left_the_origin_does_not_come_back_with_credentials():
    async with fault_server(b"y") as here, fault_server(b"x", redirect(f"{here.origin}/delete")) as there:
        here.play(redirect(there.url))
        async with Http(environ={}).client(here.origin, token="canary") as client:
            await client.request("GET", "/a", headers=SECRETS)
    assert "canary" in str(here.requests[0].headers)
    assert "canary" not in str(here.requests[1].headers)


async def test_s23_a_token_is_for_the_origin_of_the_base_address_only():
    http = Http(environ={}, find_token=lambda origin: "canary" if origin == "https://hub.example" else "")
    async with (
        fault_server(b"x") as there,
        fault_server(b"y") as here,
        http.client(here.origin, token="canary") as client,
    ):
        await client.request("GET", there.url)
        await client.request("GET", "/")
    assert "authorization" not in there.requests[0].headers
    assert here.requests[0].headers["authorization"] == "Bearer canary"


async def test_s23_the_users_tokens_go_to_their_servers():
    async with fault_server(b"x") as there, fault_server(b"y") as here:
        http = Http(environ={}, find_token=lambda origin: "canary" if origin == there.origin else "")
        async with http.client(there.origin) as client:
            await client.request("GET", "/")
            await client.request("GET", here.url)
    assert there.requests[0].headers["authorization"] == "Bearer canary"
    assert "authorization" not in here.requests[0].headers


async def test_n13_a_loop_ends_after_ten_hops_and_is_not_tried_again():
    async with (
        fault_server(b"x", *[redirect("/again")] * 50) as server,
        Http(environ={}).client(server.origin) as client,
    ):
        with pytest.raises(TransferFailed, match="more than 10 times") as caught:
            await client.request("GET", "/")
    assert len(server.requests) == 11
    assert not caught.value.transient


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://a.example/",
        "http://user:canary@127.0.0.1/",
        "http://a.example\\@127.0.0.1/",
        "//user@127.0.0.1/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://[::1%25lo]/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/x",
        "http://[::ffff:10.0.0.1]/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "\\\\a.example\\share",
        "http://a.example:99999/",
    ],
)
async def test_s22_every_hop_is_judged(location):
    async with fault_server(b"x", redirect(location)) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(AddressUnsafe) as caught:
            await client.request("GET", "/")
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 1


async def test_n31_a_header_injected_into_a_redirect_is_not_believed():
    answer = b"HTTP/1.1 302 x\r\nLocation: http://a.example/\x0bX: 1\r\nContent-Length: 0\r\n\r\n"
    async with fault_server(b"x", raw(answer)) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(TransferFailed):
            await client.request("GET", "/")


async def test_a_redirect_that_goes_nowhere_is_an_answer():
    async with fault_server(b"x", refuse(302)) as server, Http(environ={}).client(server.origin) as client:
        assert (await client.request("GET", "/")).status == 302


async def test_what_changes_something_is_not_redirected():
    async with fault_server(b"x", redirect("/b", 307)) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(TransferFailed, match="POST"):
            await client.request("POST", "/", json={})
