"""Which proxy the environment asks for. papin reads it by itself, so that this machine is never reached through one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import httpcore
import httpx

from papin._http._address import host_of, is_loopback_host, literal
from papin.errors import ConfigInvalid


def proxy_for(url: httpx.URL, environ: Mapping[str, str]) -> str:
    """Return the address of the proxy for `url`, or nothing: by HTTP(S)_PROXY, ALL_PROXY and NO_PROXY."""
    if is_loopback_host(host_of(url)) or _is_excepted(url, _read(environ, "no_proxy")):
        return ""
    return _read(environ, f"{url.scheme}_proxy") or _read(environ, "all_proxy")


def _read(environ: Mapping[str, str], name: str) -> str:
    # A web server run by CGI puts a request header into HTTP_PROXY; such a process is told by REQUEST_METHOD.
    if name == "http_proxy" and "REQUEST_METHOD" in environ:
        return environ.get(name, "").strip()
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _is_excepted(url: httpx.URL, rules: str) -> bool:
    host = host_of(url).rstrip(".")
    return any(_matches(host, url.port, rule.strip().lower()) for rule in rules.split(",") if rule.strip())


def _matches(host: str, port: int | None, rule: str) -> bool:
    if rule == "*":
        return True
    address = literal(host)
    if address:
        return _in_network(address, rule) or rule == f"{host}:{port}"
    name, _, wanted = rule.removeprefix("*").removeprefix(".").partition(":")
    return (host == name or host.endswith(f".{name}")) and wanted in ("", str(port))


def _in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, rule: str) -> bool:
    try:
        return address in ipaddress.ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        return False


def make_proxy(text: str) -> httpcore.Proxy:
    """Return the proxy at the address `text`, with the credentials in it.

    Raises:
        ConfigInvalid: it is no http or https address. The message does not quote it, for it may hold a password.
    """
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL:
        raise _refused() from None
    if url.scheme not in ("http", "https") or not url.host:
        raise _refused()
    auth = (url.username, url.password) if url.userinfo else None
    place = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/")
    return httpcore.Proxy(place, auth=auth)


def _refused() -> ConfigInvalid:
    return ConfigInvalid(
        "the proxy in the environment is not an http or https address",
        next_step="Set HTTPS_PROXY and HTTP_PROXY like http://proxy.example:3128, or unset them.",
    )
