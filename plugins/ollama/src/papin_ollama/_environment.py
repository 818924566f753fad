"""Where Ollama answers and where it keeps its models, by its own environment variables."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PORT", "SERVICES", "address", "folders"]

PORT = "11434"

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MOST = 65535
# Where packages and distributions let Ollama run as a user of its own.
SERVICES = ("/usr/share/ollama/.ollama/models", "/var/lib/ollama/.ollama/models", "/var/lib/ollama/models")


def address(host: str) -> str:
    """Return the address to connect to for a value of `OLLAMA_HOST`; empty stands for this machine.

    It may be `host`, `host:port`, `:port`, an IPv6 address with or without brackets, and any of them behind
    `http://` or `https://` and before a path. An address that means "every one of mine" becomes this machine's, a
    port that is none the default one.
    """
    text = host.strip().strip("\"'")
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", text)
    place, _, path = rest.partition("/")
    name, port = _split(place)
    default = _DEFAULT_PORTS.get(scheme, PORT) if separator else PORT
    port = port if port.isdigit() and int(port) <= _MOST else default
    tail = f"/{path.strip('/')}" if path.strip("/") else ""
    return f"{scheme}://{_connectable(name)}:{port}{tail}"


def _split(place: str) -> tuple[str, str]:
    if place.startswith("["):
        name, _, port = place[1:].partition("]")
        return name, port.removeprefix(":")
    if place.count(":") > 1:
        return place, ""  # an IPv6 address without brackets
    name, _, port = place.partition(":")
    return name, port


def _connectable(name: str) -> str:
    try:
        known = ipaddress.ip_address(name)
    except ValueError:
        return name or "127.0.0.1"
    if known.is_unspecified:
        return "127.0.0.1" if known.version == 4 else "[::1]"  # noqa: PLR2004  IPv4
    return str(known) if known.version == 4 else f"[{known}]"  # noqa: PLR2004  IPv4


def folders(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the folders where an Ollama of this machine may keep its models, the likeliest first."""
    if chosen := environ.get("OLLAMA_MODELS", "").strip().strip("\"'"):
        return (Path(chosen),)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    own = (Path(home, ".ollama", "models"),) if home else ()
    return (*own, *(Path(each) for each in SERVICES))
