"""Fixtures of the tests of papin.http: a clock that jumps, and names that resolve as told."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest
import trio
import trio.testing


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: threads and sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.02)


class Resolver(trio.abc.HostnameResolver):
    """Resolves names as told; each name has a list of answers, the last of which stays."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    async def getaddrinfo(self, host, port, *_):
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        if name not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.answers[name]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in addresses
        ]

    async def getnameinfo(self, sockaddr, flags):
        raise NotImplementedError


@pytest.fixture
async def resolver():
    made = Resolver()
    trio.socket.set_custom_hostname_resolver(made)
    yield made
    trio.socket.set_custom_hostname_resolver(None)


class Detours(trio.abc.SocketFactory):
    """Makes sockets that reach a server of this machine when they connect to a public address."""

    def __init__(self):
        self.ports = {}
        self.connected = []

    def socket(self, *_):
        real = trio.socket.from_stdlib_socket(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        return _Detour(real, self)


class _Detour(trio.socket.SocketType):
    def __init__(self, real, detours):
        self._real = real
        self._detours = detours

    def __getattribute__(self, name):
        if name in {"_real", "_detours", "connect"}:
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_real"), name)

    async def connect(self, address):
        host, port = address[:2]
        self._detours.connected.append(host)
        await self._real.connect(("127.0.0.1", self._detours.ports.get(host, port)))


@pytest.fixture
def detours():
    made = Detours()

    @contextmanager
    def on():
        trio.socket.set_custom_socket_factory(made)
        try:
            yield made
        finally:
            trio.socket.set_custom_socket_factory(None)

    made.on = on
    return made
