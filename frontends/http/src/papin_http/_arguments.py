"""What `papin serve` was asked for: the command line over the configuration."""

from __future__ import annotations

import argparse
import ipaddress

import msgspec

from papin.errors import ConfigInvalid
from papin.frontends import Launch
from papin_http.settings import HttpSettings

__all__ = ["Asked", "read"]

_PORTS = 65536


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, an address literal; the names under which others know this machine; who may connect."""

    host: str
    port: int
    names: tuple[str, ...] = ()
    is_remote: bool = False
    offline: bool | None = None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < _PORTS):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number between 0 and {_PORTS - 1}")
    return int(text)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{program} serve",
        description="Serve the HTTP API of papin, for this machine only unless told otherwise.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=_port, help="the port to listen on, 0 for a free one (7274)")
    parser.add_argument("--host", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--allow-remote", action="store_true", help="let other machines connect, with the token")
    parser.add_argument("--name", action="append", default=[], metavar="NAME", help="a host name of this machine")
    parser.add_argument("--offline", action="store_true", default=None, help="never use the network")
    return parser


def _address(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise ConfigInvalid(
            f"{host!r} is not an address to listen on.",
            next_step="Give an IP address of this machine, or leave --host out for this machine only.",
        ) from None


def read(launch: Launch, settings: HttpSettings) -> Asked:
    """Return what is asked for; a wrong command line ends the program with status 2.

    Raises:
        ConfigInvalid: the host is no address, or other machines could connect and nobody allowed it.
    """
    given = _parser(launch.program).parse_args(launch.arguments)
    host = _address(given.host or settings.host)
    is_remote = not ipaddress.ip_address(host).is_loopback
    if is_remote and not given.allow_remote:
        raise ConfigInvalid(
            f"Other machines could connect to {host}, so papin does not listen there without being told to.",
            next_step="Leave --host out, or add --allow-remote if you mean it; every request then needs the token.",
        )
    return Asked(
        host=host,
        port=settings.port if given.port is None else given.port,
        names=(*settings.names, *given.name),
        is_remote=is_remote,
        offline=given.offline,
    )
