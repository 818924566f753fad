"""Connections: names are resolved, judged and pinned here, so that what was checked is what is connected to."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any

import httpcore
import trio

from papin._http._address import IpAddress, is_loopback, is_loopback_host, is_public, literal
from papin._http._failures import FOREIGN, translate
from papin._http._head import Head
from papin._http._patience import Patience, too_slow
from papin._http._tls import Secure
from papin.errors import AddressUnsafe, Offline, TransferFailed

_PROXY = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the network."
_STAGGER = 0.25  # seconds until the next address is tried beside the last one (RFC 8305 calls for 250 ms)
_PIECE = 256 << 10  # httpcore asks for 64 KiB at a time; what is large is read past it, see `StreamedResponse`


class Rules:
    """Whom a client may talk to: everybody public, and the hosts that the user or the caller named."""

    def __init__(self, *, offline: bool) -> None:
        self._offline = offline
        self._named: set[str] = set()

    def name(self, host: str) -> None:
        """Allow `host` to be this machine or in a private network."""
        self._named.add(host.rstrip("."))

    def is_named(self, host: str) -> bool:
        """Tell whether `host` was named."""
        return host.rstrip(".") in self._named

    def check_host(self, host: str) -> None:
        """Judge `host` as it is spelt, before anybody is asked about it.

        Raises:
            Offline: the network is switched off and this is not the machine itself.
            AddressUnsafe: it spells a private address that nobody named.
        """
        if self._offline and not is_loopback_host(host):
            raise Offline(
                f"{host} was not asked, because papin is offline",
                next_step="Leave out --offline, unset PAPIN_OFFLINE, or: papin config set offline false",
            )
        spelt = literal(host)
        if (spelt and not is_public(spelt)) or is_loopback_host(host):
            self._need_name(host)

    def allowed(self, host: str, addresses: Sequence[IpAddress]) -> list[IpAddress]:
        """Return those of the `addresses` of `host` that may be connected to; raises like `check_host` for none."""
        if self._offline:
            found = [each for each in addresses if is_loopback(each)]
            if not found:
                raise Offline(f"{host} is not this machine, and papin is offline")
            addresses = found
        public = [each for each in addresses if is_public(each)]
        if not public:
            self._need_name(host)
        return list(addresses) if self.is_named(host) else public

    def failed(self, error: TransferFailed) -> TransferFailed:
        """Return what to tell when nobody could be reached, because of `error`."""
        return error

    def _need_name(self, host: str) -> None:
        if not self.is_named(host):
            raise AddressUnsafe(
                f"{host} is this machine or in a private network, where papin goes only when you name it",
                next_step="If you trust it, type its whole address: papin models download http://HOST/FILE",
            )


class Anyone(Rules):
    """The rules for a proxy: the user's environment named it, wherever it is."""

    def check_host(self, host: str) -> None:
        """Allow `host`."""

    def allowed(self, host: str, addresses: Sequence[IpAddress]) -> list[IpAddress]:  # noqa: ARG002  # as in Rules
        """Allow all of them."""
        return list(addresses)

    def failed(self, error: TransferFailed) -> TransferFailed:
        """Tell that it is the proxy: whoever asked for something else does not know this host."""
        made = type(error)(f"the proxy does not answer: {error.message}", next_step=_PROXY)
        made.transient = error.transient
        return made


class Backend(httpcore.AsyncNetworkBackend):
    """Connects for httpcore: resolves once, judges every address, connects to exactly those, in a race."""

    def __init__(self, rules: Rules, patience: Patience) -> None:
        self._rules = rules
        self._patience = patience

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  # the interface is httpcore's
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to `host`."""
        try:
            return Wire(await self._connect(host, port), host, self._patience)
        except TransferFailed as error:
            raise self._rules.failed(error) from error

    async def _connect(self, host: str, port: int) -> trio.SocketStream:
        with trio.move_on_after(self._patience.connect):
            addresses = self._rules.allowed(host, await _resolve(host, port))
            return await _race(host, _interleave(addresses), port)
        raise too_slow(f"{host} could not be reached within {self._patience.connect:.0f} s")


class Wire(httpcore.AsyncNetworkStream):
    """A connection, as httpcore wants it. One that was abandoned reads nothing more.

    `has_more` tells whether at the last read so much was waiting that whoever reads must be slower than the network.
    """

    def __init__(self, stream: trio.abc.Stream, host: str, patience: Patience) -> None:
        self._stream = stream
        self._host = host
        self._patience = patience
        self._abandoned = False
        self._head = Head()
        self._rest = memoryview(b"")  # what came behind the head of an answer, until somebody asks
        self.has_more = False

    @property
    def is_at_body(self) -> bool:
        """Tell whether what comes next, whichever way, is the first byte behind the head of an answer."""
        return self._head.has_ended

    def abandon(self) -> None:
        """Make the next read fail, so that a body can be ended from outside."""
        self._abandoned = True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        """Return what came, or nothing at the end."""
        if self._abandoned:
            raise httpcore.ReadError("abandoned")
        data = self._rest
        if not data:
            size = max(max_bytes, _PIECE)
            data = memoryview(await self._stream.receive_some(size))
            self._see_more(is_full=len(data) == size)
        count = self._head.measure(data)
        self._rest = data[count:]
        return bytes(data[:count])

    async def receive_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with what came past httpcore; return the bytes, 0 at the end."""
        if self._rest:
            count = min(len(buffer), len(self._rest))
            buffer[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            return count
        stream = self._stream
        if isinstance(stream, Secure):
            count = await stream.receive_into(buffer)
        elif isinstance(stream, trio.SocketStream):
            count = await stream.socket.recv_into(buffer)
        else:
            piece = await stream.receive_some(len(buffer))
            count = len(piece)
            buffer[:count] = piece
        self._see_more(is_full=count == len(buffer))
        return count

    def _see_more(self, *, is_full: bool) -> None:
        if isinstance(self._stream, Secure):
            self.has_more = self._stream.has_more
        elif isinstance(self._stream, trio.SocketStream):
            # A burst may have filled the buffer to its very end, and no more.
            self.has_more = is_full and self._stream.socket.is_readable()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Send `buffer`."""
        self._head = Head()
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # httpcore goes on to read the answer of a server that had enough of the request.
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close it at once; TLS does not wait for the other side to agree."""
        await trio.aclose_forcefully(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Return the connection with TLS on top, its certificate verified for `server_hostname`."""
        secure = Secure(self._stream, ssl_context, server_hostname)
        host = server_hostname or self._host
        try:
            with trio.move_on_after(self._patience.connect) as scope:
                await secure.do_handshake()
        except FOREIGN as error:
            await self.aclose()
            raise translate(error, host) from error
        if scope.cancelled_caught:
            await self.aclose()
            raise too_slow(f"{host} did not agree on a secure connection within {self._patience.connect:.0f} s")
        return Wire(secure, host, self._patience)

    def get_extra_info(self, info: str) -> Any:
        """Tell whether something waits to be read, which for an idle connection means that it ended."""
        if info != "is_readable":
            return None
        if self._rest:
            return True
        stream = self._stream
        while isinstance(stream, Secure):
            stream = stream.transport
        return not isinstance(stream, trio.SocketStream) or stream.socket.is_readable()


async def _resolve(host: str, port: int) -> list[IpAddress]:
    spelt = literal(host)
    if spelt:
        return [spelt]
    try:
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unresolved(host) from error
    if not found:
        raise _unresolved(host)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _unresolved(host: str) -> TransferFailed:
    failed = TransferFailed(
        f"the name {host} could not be resolved",
        next_step="Check the network and the name, then run the same command again.",
    )
    failed.transient = True
    return failed


def _interleave(addresses: Sequence[IpAddress]) -> list[IpAddress]:
    """Return them with the families by turns, the first one's first: one broken family costs one stagger."""
    first = [each for each in addresses if each.version == addresses[0].version]
    rest = [each for each in addresses if each.version != addresses[0].version]
    return [each for each in chain.from_iterable(zip_longest(first, rest)) if each is not None]


async def _close_all(streams: Sequence[trio.SocketStream]) -> None:
    for stream in streams:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)


async def _race(host: str, addresses: Sequence[IpAddress], port: int) -> trio.SocketStream:
    """Return the first connection that comes about, giving each address a head start over the next (RFC 8305)."""
    winners: list[trio.SocketStream] = []
    errors: list[OSError] = []

    async def attempt(address: IpAddress, failed: trio.Event) -> None:
        try:
            stream = await trio.open_tcp_stream(str(address), port)
        except OSError as error:
            errors.append(error)
            failed.set()
            return
        winners.append(stream)
        nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(_STAGGER):
                    await failed.wait()
    except BaseException:  # trio may wrap a Cancelled in a group
        await _close_all(winners)
        raise
    await _close_all(winners[1:])
    if winners:
        return winners[0]
    raise translate(_innermost(errors[-1]), host) from errors[-1]


def _innermost(error: OSError) -> OSError:
    """Return the system's own error from inside those that trio puts around it."""
    inside = error.__cause__
    while isinstance(inside, BaseExceptionGroup):
        inside = inside.exceptions[0]
    return inside if isinstance(inside, OSError) else error
