"""Whom a client talks to: private targets, names that change, offline, proxies."""

from __future__ import annotations

import gc
import socket
from ipaddress import ip_address

import pytest
import trio

from papin._http import _network
from papin.errors import AddressUnsafe, ConfigInvalid, Offline, TransferFailed, TransferTimeout
from papin.http import Http
from papin.testing.fault_scripts import redirect, refuse
from papin.testing.fault_server import fault_server

PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:4700::1111"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/", "http://localhost/", "http://x.localhost/", "http://localhost./", "http://[::1]/",
        "http://0.0.0.0/", "http://[::]/", "http://10.1.2.3/", "http://169.254.169.254/", "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
async def test_s22_private_targets_are_refused_unless_somebody_named_them(url, resolver):
    async with Http(environ={}).client() as client:
        with pytest.raises(AddressUnsafe) as caught:
            await client.request("GET", url)
    assert caught.value.next_step
    assert resolver.asked == []


async def test_a_name_that_was_named_may_be_private(resolver):
    resolver.answers["nas.example"] = [["127.0.0.1"]]
    async with fault_server(b"x") as server, Http(environ={}).client(f"http://nas.example:{server.port}") as client:
        assert (await client.request("GET", "/")).body == b"x"


async def test_s22_a_public_name_with_a_private_address_is_refused(resolver):
    resolver.answers["evil.example"] = [["127.0.0.1", "::1"]]
    async with fault_server(b"x") as server, Http(environ={}).client() as client:
        with pytest.raises(AddressUnsafe):
            await client.request("GET", f"http://evil.example:{server.port}/")
    assert server.requests == []


async def test_s22_the_address_that_was_checked_is_the_one_that_is_connected_to(resolver, detours):
    resolver.answers["evil.example"] = [[PUBLIC], ["127.0.0.1"]]
    async with fault_server(b"public") as server, Http(environ={}).client() as client:
        detours.ports[PUBLIC] = server.port
        with detours.on():
            answer = await client.request("GET", "http://evil.example:80/")
    assert answer.body == b"public"
    assert detours.connected == [PUBLIC]
    assert resolver.asked == ["evil.example"]


async def test_s22_only_the_public_ones_of_several_addresses_are_connected_to(resolver, detours):
    resolver.answers["mixed.example"] = [["10.0.0.1", PUBLIC, "127.0.0.1"]]
    async with fault_server(b"public") as server, Http(environ={}).client() as client:
        detours.ports[PUBLIC] = server.port
        with detours.on():
            await client.request("GET", "http://mixed.example/")
    assert detours.connected == [PUBLIC]


async def test_s22_a_public_server_does_not_send_us_into_the_private_network(resolver, detours):
    resolver.answers["public.example"] = [[PUBLIC]]
    async with fault_server(b"x", redirect("http://169.254.169.254/")) as server, Http(environ={}).client() as client:
        detours.ports[PUBLIC] = server.port
        with detours.on(), pytest.raises(AddressUnsafe):
            await client.request("GET", "http://public.example/")
    assert detours.connected == [PUBLIC]


async def test_n33_an_ipv6_black_hole_costs_a_moment(resolver, detours, jumping_clock):
    resolver.answers["two.example"] = [[PUBLIC_6, PUBLIC]]
    detours.black_holes.add(PUBLIC_6)
    async with fault_server(b"x") as server, Http(environ={}).client() as client:
        detours.ports[PUBLIC] = server.port
        began = trio.current_time()
        with detours.on():
            assert (await client.request("GET", "http://two.example/")).body == b"x"
        assert trio.current_time() - began < 1
    assert detours.connected == [PUBLIC_6, PUBLIC]


async def test_n33_nothing_but_black_holes_is_bounded(resolver, detours, jumping_clock):
    resolver.answers["gone.example"] = [[PUBLIC_6, PUBLIC]]
    detours.black_holes.update([PUBLIC_6, PUBLIC])
    async with Http(environ={}).client() as client:
        began = trio.current_time()
        with detours.on(), pytest.raises(TransferTimeout, match="could not be reached within 15 s") as caught:
            await client.request("GET", "http://gone.example/")
        assert trio.current_time() - began < 20
    assert caught.value.transient


async def test_n33_an_address_that_refuses_costs_nothing(resolver):
    resolver.answers["two.example"] = [["127.0.0.9", "::1", "127.0.0.1"]]
    async with fault_server(b"x") as server, Http(environ={}).client(f"http://two.example:{server.port}") as client:
        assert (await client.request("GET", "/")).body == b"x"


NO_ADDRESSES = [
    [[]],  # an empty answer
    [socket.gaierror(socket.EAI_NONAME, "Name or service not known")],
    [socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")],  # SERVFAIL
    [socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution")],
]


@pytest.mark.parametrize("answers", NO_ADDRESSES, ids=["empty", "NXDOMAIN", "SERVFAIL", "failure"])
async def test_n33_a_name_that_leads_nowhere(resolver, answers):
    resolver.answers["nowhere.example"] = answers
    async with Http(environ={}).client() as client:
        with pytest.raises(TransferFailed, match=r"nowhere\.example could not be resolved") as caught:
            await client.request("GET", "https://nowhere.example/")
    assert caught.value.transient
    assert "Check the network" in caught.value.next_step


async def test_n33_a_name_server_that_takes_two_seconds_is_waited_for(resolver, jumping_clock):
    resolver.delay = 2
    resolver.answers["slow.example"] = [["127.0.0.1"]]
    async with fault_server(b"x") as server, Http(environ={}).client(f"http://slow.example:{server.port}") as client:
        began = trio.current_time()
        assert (await client.request("GET", "/")).body == b"x"
        assert 2 <= trio.current_time() - began < 4


async def test_n33_a_name_server_that_never_answers_is_not(resolver, jumping_clock):
    resolver.delay = 1e6
    resolver.answers["slow.example"] = [["127.0.0.1"]]
    async with Http(environ={}).client() as client:
        began = trio.current_time()
        with pytest.raises(TransferTimeout):
            await client.request("GET", "http://slow.example/")
        assert trio.current_time() - began < 20


async def test_offline_reaches_this_machine_and_asks_nobody_else(resolver):
    resolver.answers["hub.example"] = [[PUBLIC]]
    resolver.answers["sneaky.localhost"] = [[PUBLIC]]
    http = Http(environ={"HTTPS_PROXY": "http://proxy.example"}, offline=True)
    async with fault_server(b"x") as server, http.client(server.origin) as client:
        assert (await client.request("GET", "/")).body == b"x"
        for url in ("https://hub.example/", f"http://{PUBLIC}/", "http://10.0.0.1/"):
            with pytest.raises(Offline):
                await client.request("GET", url)
    assert resolver.asked == []
    async with http.client("http://sneaky.localhost") as client:
        with pytest.raises(Offline):
            await client.request("GET", "/")


async def test_a_proxy_gets_what_is_not_on_this_machine(resolver):
    resolver.answers["proxy.example"] = [["127.0.0.1"]]
    async with fault_server(b"by proxy") as proxy, fault_server(b"direct") as server:
        environ = {"http_proxy": f"http://me:canary@proxy.example:{proxy.port}", "NO_PROXY": "direct.example"}
        resolver.answers["direct.example"] = [["127.0.0.1"]]
        async with Http(environ=environ).client(f"http://direct.example:{server.port}") as client:
            assert (await client.request("GET", "http://far.example/x")).body == b"by proxy"
            assert (await client.request("GET", "/")).body == b"direct"
        async with Http(environ=environ).client(server.origin) as client:
            assert (await client.request("GET", "/")).body == b"direct"
        async with Http(environ=environ).client() as client:
            with pytest.raises(AddressUnsafe):
                await client.request("GET", "http://10.0.0.1/")
    assert proxy.requests[0].target == "http://far.example/x"
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")


async def test_n35_a_proxy_that_refuses(resolver):
    resolver.answers["proxy.example"] = [["127.0.0.1"]]
    async with fault_server(b"", refuse(407)) as proxy:
        environ = {"HTTPS_PROXY": f"http://me:canary@proxy.example:{proxy.port}"}
        async with Http(environ=environ).client() as client:
            with pytest.raises(TransferFailed, match="proxy refused") as caught:
                await client.request("GET", "https://far.example/")
    assert "HTTPS_PROXY" in caught.value.next_step
    assert "canary" not in str(caught.value)
    assert not caught.value.transient


async def test_n35_a_proxy_that_refuses_a_plain_request(resolver):
    resolver.answers["proxy.example"] = [["127.0.0.1"]]
    async with fault_server(b"", refuse(407)) as proxy:
        environ = {"HTTP_PROXY": f"http://me:canary@proxy.example:{proxy.port}"}
        async with Http(environ=environ).client() as client:
            answer = await client.request("GET", "http://far.example/")
    with pytest.raises(TransferFailed, match="proxy") as caught:
        answer.raise_for_status()
    assert "HTTPS_PROXY" in caught.value.next_step
    assert not caught.value.transient


@pytest.mark.parametrize("proxy", ["socks5://a:canary@b:1", "http://", "ftp://x", "http://a:b:c"])
async def test_a_proxy_that_cannot_be_used_is_said(proxy):
    async with Http(environ={"ALL_PROXY": proxy}).client() as client:
        with pytest.raises(ConfigInvalid) as caught:
            await client.request("GET", "https://far.example/")
    assert "canary" not in str(caught.value)


async def test_a_connection_that_is_cancelled_at_any_moment_leaves_no_socket():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]

    async def cancel_after(steps, scope):
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    gc.collect()
    gc.freeze()  # what other tests left is not to be looked through at each step
    try:
        for steps in range(250):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(cancel_after, steps % 12, scope)
                    await (await _network._race("here", [ip_address("127.0.0.1")], port)).aclose()
            gc.collect()  # which finds sockets that nobody closed, and warns
    finally:
        gc.unfreeze()
    for listener in listeners:
        await listener.aclose()
