"""The one parser of addresses, and which network addresses are public."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote

import httpx

from papin.errors import AddressUnsafe, NameInvalid

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, str, int]

LONGEST = 8192
_LAST_PORT = 65535
_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# What programs of other people may take for an IPv4 address: decimal, octal and hex numbers, short forms.
_NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # older Pythons take it for global
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SHOWN = 120


def _malformed(why: str) -> NameInvalid:
    return NameInvalid(f"this address {why}", next_step="Use an address like https://example.org/model.gguf.")


def parse_url(text: str) -> httpx.URL:
    """Return the checked address `text`, without its fragment; no message quotes it, for it may hold a secret.

    Raises:
        NameInvalid: it is malformed, ambiguous, longer than 8192 characters, or holds a user name or password.
        AddressUnsafe: its scheme is another one than http or https.
    """
    if len(text) > LONGEST:
        raise _malformed(f"is longer than {LONGEST} characters")
    if "\\" in text or any(not "!" <= letter <= "~" and not letter.isalnum() for letter in text):
        raise _malformed("holds a blank, a backslash or a character that cannot be seen")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise _malformed("cannot be understood") from None
    _check_scheme(url)
    _check_host(url, text)
    return url.copy_with(fragment=None)


def _check_scheme(url: httpx.URL) -> None:
    if url.scheme not in _PORTS:
        raise AddressUnsafe(
            f"papin opens only https and http addresses, not {url.scheme[:20] or 'one without a scheme'}",
            next_step="Download the file by other means, then: papin models import FILE",
        )


def _check_host(url: httpx.URL, text: str) -> None:
    host = host_of(url)
    if "@" in text.partition("//")[2].partition("/")[0].partition("?")[0]:
        raise _malformed("has a user name or password in it, which papin does not use")
    if url.port is not None and not 1 <= url.port <= _LAST_PORT:
        raise _malformed("has a port that does not exist")
    if ":" in host:
        if "%" in host:
            raise _malformed("names a network interface")
    elif not _NAME.fullmatch(host) or (_NUMERIC_END.fullmatch(host) and literal(host) is None):
        raise _malformed("has no proper host name")


def host_of(url: httpx.URL) -> str:
    """Return the host as it goes on the wire: ASCII, lower case, an IPv6 address without brackets."""
    return url.raw_host.decode("ascii").lower()


def origin_of(url: httpx.URL) -> Origin:
    """Return scheme, host and port: what a credential belongs to."""
    return url.scheme, host_of(url).rstrip("."), url.port or _PORTS[url.scheme]


def origin_text(origin: Origin) -> str:
    """Return an origin as people write it: `https://example.org`, with its port where that is not the usual one."""
    scheme, host, port = origin
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port == _PORTS[scheme] else f"{scheme}://{name}:{port}"


def shown(url: httpx.URL) -> str:
    """Return `url` for messages: without the query, which may be a signature."""
    port = f":{url.port}" if url.port else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    path = unquote(url.path)
    plain = path if path.isprintable() else url.raw_path.decode("ascii").partition("?")[0]
    return f"{url.scheme}://{host}{port}{plain if len(plain) <= _SHOWN else plain[:_SHOWN] + '...'}"


def literal(host: str) -> IpAddress | None:
    """Return the network address that `host` spells out, or None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback_host(host: str) -> bool:
    """Tell whether `host` names this machine, without asking anybody."""
    name = host.rstrip(".")
    address = literal(host)
    return is_loopback(address) if address else name == "localhost" or name.endswith(".localhost")


def is_loopback(address: IpAddress) -> bool:
    """Tell whether `address` is this machine, also when it is wrapped into IPv6."""
    return any(each.is_loopback for each in _wrapped(address))


def is_public(address: IpAddress) -> bool:
    """Tell whether `address`, and every address wrapped into it, belongs to the public internet."""
    return all(each.is_global and not each.is_multicast and each not in _LOCAL_NAT64 for each in _wrapped(address))


def _wrapped(address: IpAddress) -> list[IpAddress]:
    """Return `address`, or the IPv4 addresses that reaching it would really reach (RFC 4291, 6052, 3056, 4380)."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    instead = address.ipv4_mapped or address.sixtofour or (low if address in _NAT64 else None)
    if instead:
        return [instead]
    besides = address.teredo or ((low,) if address in _COMPATIBLE and int(address) > 1 else ())
    return [address, *besides]
