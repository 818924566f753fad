"""Every exception of httpx, httpcore, h11, ssl, trio and the operating system as an error of papin."""

from __future__ import annotations

import os
import ssl

import h11
import httpcore
import httpx
import trio

from papin.errors import AddressUnsafe, TransferFailed, TransferTimeout

_Kind = type[TransferFailed]

_AGAIN = "Check the network, then run the same command again: it goes on where it stopped."
_REPORT = "The server does not speak HTTP as it should: try another source."

# What happened, the kind, and whether trying again may help. The nearest ancestor in this table counts.
_TABLE: dict[type[BaseException], tuple[str, _Kind, bool]] = {
    httpx.ConnectTimeout: ("{host} could not be reached in time", TransferTimeout, True),
    httpx.TimeoutException: ("{host} took too long", TransferTimeout, True),
    httpx.ConnectError: ("{host} could not be reached", TransferFailed, True),
    httpx.NetworkError: ("the connection to {host} broke", TransferFailed, True),
    httpx.ProxyError: ("the proxy refused to connect to {host}", TransferFailed, False),
    httpx.UnsupportedProtocol: ("{host} has an address of another scheme than http", AddressUnsafe, False),
    httpx.RemoteProtocolError: ("{host} broke the rules of HTTP", TransferFailed, False),
    httpx.LocalProtocolError: ("the request to {host} would break the rules of HTTP", TransferFailed, False),
    httpx.ProtocolError: ("{host} broke the rules of HTTP", TransferFailed, False),
    httpx.TransportError: ("the connection to {host} failed", TransferFailed, True),
    httpx.DecodingError: ("{host} sent a body that cannot be decoded", TransferFailed, False),
    httpx.TooManyRedirects: ("{host} redirects without end", TransferFailed, False),
    httpx.RequestError: ("the request to {host} failed", TransferFailed, True),
    httpx.HTTPStatusError: ("{host} refused the request", TransferFailed, False),
    httpx.HTTPError: ("the request to {host} failed", TransferFailed, True),
    httpx.InvalidURL: ("{host} answered with an address that cannot be understood", AddressUnsafe, False),
    httpx.CookieConflict: ("{host} sent contradictory cookies", TransferFailed, False),
    httpx.StreamError: ("the body from {host} was used twice", TransferFailed, False),
    httpcore.ConnectTimeout: ("{host} could not be reached in time", TransferTimeout, True),
    httpcore.TimeoutException: ("{host} took too long", TransferTimeout, True),
    httpcore.ConnectError: ("{host} could not be reached", TransferFailed, True),
    httpcore.NetworkError: ("the connection to {host} broke", TransferFailed, True),
    httpcore.ProxyError: ("the proxy refused to connect to {host}", TransferFailed, False),
    httpcore.UnsupportedProtocol: ("{host} has an address of another scheme than http", AddressUnsafe, False),
    httpcore.RemoteProtocolError: ("{host} broke the rules of HTTP", TransferFailed, False),
    httpcore.LocalProtocolError: ("the request to {host} would break the rules of HTTP", TransferFailed, False),
    httpcore.ProtocolError: ("{host} broke the rules of HTTP", TransferFailed, False),
    httpcore.ConnectionNotAvailable: ("the connection to {host} was closed", TransferFailed, True),
    h11.RemoteProtocolError: ("{host} broke the rules of HTTP", TransferFailed, False),
    h11.LocalProtocolError: ("the request to {host} would break the rules of HTTP", TransferFailed, False),
    h11.ProtocolError: ("{host} broke the rules of HTTP", TransferFailed, False),
    ssl.SSLCertVerificationError: ("the certificate of {host} is not trusted", TransferFailed, False),
    ssl.SSLError: ("no secure connection to {host} came about", TransferFailed, False),
    trio.BrokenResourceError: ("the connection to {host} broke", TransferFailed, True),
    trio.ClosedResourceError: ("the connection to {host} was closed", TransferFailed, True),
    OSError: ("{host} could not be reached", TransferFailed, True),
}

FOREIGN: tuple[type[BaseException], ...] = tuple(_TABLE)
"""What to catch; everything else is a bug."""

# h11 tells a body that was cut off and a message that is malformed by the same class; only the first may be retried.
_CUT = ("peer closed connection", "Server disconnected")
PROXY = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the user name and password in the proxy's address."
_REASONS: dict[type[BaseException], str] = {
    httpcore.ProxyError: PROXY,
    ssl.SSLCertVerificationError: "Check the clock and the address; for an authority of your own set SSL_CERT_FILE.",
    ssl.SSLError: "Check the address; a proxy or a firewall may be in between.",
}


def _entry(error: BaseException) -> tuple[str, _Kind, bool]:
    return next(_TABLE[kind] for kind in type(error).__mro__ if kind in _TABLE)


def is_known(kind: type[BaseException]) -> bool:
    """Tell whether exceptions of that kind are translated."""
    return any(each in _TABLE for each in kind.__mro__)


def _detail(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(getattr(error, "verify_message", ""))
    if isinstance(error, httpcore.ProxyError):
        return str(error)[:80]
    if isinstance(error, OSError) and error.strerror:
        # trio puts the address into this text.
        is_known = not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0
        return os.strerror(error.errno or 0) if is_known else error.strerror
    if isinstance(error, (h11.ProtocolError, httpcore.ProtocolError)):
        return str(error)[:80]
    return ""


def _root(error: BaseException) -> BaseException:
    # trio wraps what TLS and the sockets raised; the reason is more telling than the wrapper.
    inside = error.__cause__
    return inside if isinstance(error, trio.BrokenResourceError) and isinstance(inside, OSError) else error


def translate(error: BaseException, host: str) -> TransferFailed:
    """Return the error of papin for one of `FOREIGN` that happened while talking to `host` (shown, no secrets)."""
    error = _root(error)
    sentence, kind, transient = _entry(error)
    detail = _detail(error)
    cut = any(text in str(error) for text in _CUT)
    if cut:
        sentence, detail = "{host} closed the connection too early", ""
    reason = next((_REASONS[each] for each in type(error).__mro__ if each in _REASONS), "")
    made = kind(
        sentence.format(host=host) + (f": {detail}" if detail else ""),
        next_step=reason or (_AGAIN if transient or cut else _REPORT),
    )
    made.transient = transient or cut
    return made
