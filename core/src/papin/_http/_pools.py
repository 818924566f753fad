"""The connection pools of one client: one for plain connections, one for TLS, each once more for every proxy."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

import httpcore
import httpx
import trio

from papin._http._network import Anyone, Backend, Rules
from papin._http._patience import Patience
from papin._http._proxies import make_proxy, proxy_for
from papin.errors import ConfigInvalid

_MOST = 32
_IDLE = 8
_IDLE_SECONDS = 15.0
_CLOSING = 2.0


class Trust:
    """The system's certificate authorities (and those of SSL_CERT_FILE), loaded once, when first needed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._context: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """Return the TLS settings."""
        if self._context is None:
            self._context = await trio.to_thread.run_sync(self._load)
        return self._context

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        file, folder = self._environ.get("SSL_CERT_FILE"), self._environ.get("SSL_CERT_DIR")
        if file or folder:
            try:
                context.load_verify_locations(cafile=file or None, capath=folder or None)
            except OSError as error:  # ssl.SSLError is one
                raise _no_authorities(file or folder or "", error) from error
        return context


def _no_authorities(place: str, error: OSError) -> ConfigInvalid:
    why = "it holds no certificate" if isinstance(error, ssl.SSLError) else os.strerror(error.errno or 0)
    return ConfigInvalid(
        f"the certificate authorities of the environment cannot be read from {place}: {why}",
        next_step="Set SSL_CERT_FILE to a file of certificates in PEM form, or unset it.",
    )


class Pools:
    """Hands out the pool for an address."""

    def __init__(self, rules: Rules, trust: Trust, environ: Mapping[str, str], patience: Patience) -> None:
        self._trust = trust
        self._environ = environ
        self._direct = Backend(rules, patience)
        self._to_proxy = Backend(Anyone(offline=False), patience)
        self._pools: dict[tuple[str, str], httpcore.AsyncConnectionPool] = {}

    async def get(self, url: httpx.URL) -> httpcore.AsyncConnectionPool:
        """Return the pool through which `url` is reached."""
        proxy = proxy_for(url, self._environ)
        key = (url.scheme, proxy)
        if key not in self._pools:
            context = await self._trust.context() if url.scheme == "https" else None
            self._pools.setdefault(key, self._make(proxy, context))
        return self._pools[key]

    def _make(self, proxy: str, context: ssl.SSLContext | None) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=context,
            proxy=make_proxy(proxy) if proxy else None,
            max_connections=_MOST,
            max_keepalive_connections=_IDLE,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=self._to_proxy if proxy else self._direct,
        )

    async def aclose(self) -> None:
        """Close every connection. Never waits long."""
        with trio.move_on_after(_CLOSING) as scope:
            scope.shield = True
            for pool in self._pools.values():
                await pool.aclose()
