"""Fixtures that several of core's tests share."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import trio

_numbers = count()


class Site:
    """A folder on `sys.path` where plugins are installed as an installer leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def install(self, name, *, source="", distribution=None, version="1.0", value=None, module=None):
        """Install a distribution whose entry point `name` is a module with `source`; returns the module's name."""
        module = module or f"plugin_{next(_numbers)}"
        distribution = distribution or name
        info = Path(self.folder, f"{distribution.replace('-', '_')}-{version}.dist-info")
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(
            f"[console_scripts]\nother = other:main\n\n[papin]\n{name} = {value or module}\n"
        )
        Path(self.folder, f"{module}.py").write_text(source)
        return module


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


class Resolver(trio.abc.HostnameResolver):
    """Resolves names as told, after `delay` seconds; each name has a list of answers, the last of which stays.

    An answer is a list of addresses, or the error that the look-up fails with.
    """

    def __init__(self):
        self.delay = 0.0
        self.answers = {}
        self.asked = []

    async def getaddrinfo(self, host, port, *_):
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        if name not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.answers[name]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        await trio.sleep(self.delay)
        if isinstance(addresses, OSError):
            raise addresses
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
    """Makes sockets that reach a server of this machine when they connect to a public address.

    Of `black_holes` nothing ever comes back.
    """

    def __init__(self):
        self.ports = {}
        self.black_holes = set()
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
        if host in self._detours.black_holes:
            await trio.sleep_forever()
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
