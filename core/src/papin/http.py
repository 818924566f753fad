"""HTTP as papin allows it, for downloads and for plugins. Nothing else in papin speaks HTTP as a client.

    async with context.http.client("http://127.0.0.1:8080", token=key) as client:
        models = await (await client.request("GET", "/v1/models")).decoded(Models)
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            async for line in answer.lines():
                ...

What it sees to, so that nobody else has to:

* only http and https; no user names or passwords in addresses; one parser for checking and for connecting
* a name is resolved once, judged, and that very address is connected to; this machine and private networks are
  reached only when the base address names them: so an address that the user typed is given as the base address too
* redirects are followed by hand, at most 10, each one judged anew, never from https to http
* a token goes to the origin that it is for (the base address, or what the user logged in to: `papin.credentials`) and
  never to another one, and so do other headers that a caller gives
* no cookies, no compressed bodies, no more than 256 headers, bounded bodies and lines, every wait bounded (`Patience`)
* proxies as HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, never for this machine; the system's certificates,
  and those of SSL_CERT_FILE and SSL_CERT_DIR
* offline means that nothing but this machine is reached

Errors are those of `papin.errors`; none of them holds a token or the query of an address.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from papin._http._patience import Patience
from papin._http._upload import Upload

if TYPE_CHECKING:
    from papin._http._answers import Response, StreamedResponse
    from papin._http._client import Client
    from papin._http._pools import Trust

__all__ = [
    "Client",
    "Http",
    "Patience",
    "Response",
    "StreamedResponse",
    "Upload",
    "check_url",
    "decode_json",
    "is_loopback_url",
]

T = TypeVar("T")


class Http:
    """Makes clients that obey the user's network settings.

    `find_token` returns the user's token for an origin (`https://huggingface.co`) or nothing; it may block.
    """

    def __init__(
        self,
        *,
        offline: bool = False,
        find_token: Callable[[str], str] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._offline = offline
        self._find_token = find_token
        self._environ = environ
        self._trust: Trust | None = None

    @property
    def offline(self) -> bool:
        """Whether nothing but this machine is reached."""
        return self._offline

    @asynccontextmanager
    async def client(
        self,
        base_url: str = "",
        *,
        token: str = "",
        patience: Patience | None = None,
    ) -> AsyncIterator[Client]:
        """Open a client, whose connections are kept for its next request and closed at the end.

        `base_url` is what relative addresses follow; its host may be on this machine or in a private network, for
        this client, because somebody chose it. `token` is sent to its origin, as a bearer token.

        Raises:
            NameInvalid, AddressUnsafe: `base_url` is refused.
        """
        # httpx takes longer to import than most commands take to run, and most of them reach nothing.
        from papin._http._address import host_of, origin_of, parse_url  # noqa: PLC0415
        from papin._http._client import Client  # noqa: PLC0415
        from papin._http._network import Rules  # noqa: PLC0415
        from papin._http._pools import Pools, Trust  # noqa: PLC0415

        patience = patience or Patience()
        rules = Rules(offline=self._offline)
        base = parse_url(base_url) if base_url else None
        if base is not None:
            rules.name(host_of(base))
        tokens = {origin_of(base): token} if base is not None and token else {}
        self._trust = self._trust or Trust(self._environ)
        pools = Pools(rules, self._trust, self._environ, patience)
        try:
            yield Client(
                base=base, rules=rules, pools=pools, tokens=tokens, find_token=self._find_token, patience=patience
            )
        finally:
            await pools.aclose()


async def decode_json(body: bytes, kind: type[T], where: str) -> T:
    """Return `body`, which may be large, decoded as `kind`; `where` it came from is told in the error.

    A large one is decoded in a thread, and its list, or those of a Struct, item by item: nobody else waits for it.

    Raises:
        TransferFailed: it is anything else.
    """
    from papin._http._decoding import decode  # noqa: PLC0415  see Http.client

    return await decode(body, kind, where)


def check_url(url: str) -> str:
    """Return the address as papin will use it. Raises `NameInvalid` or `AddressUnsafe` when it never will."""
    from papin._http._address import parse_url  # noqa: PLC0415  see Http.client

    return str(parse_url(url))


def is_loopback_url(url: str) -> bool:
    """Tell whether the address names this machine; raises like `check_url`."""
    from papin._http._address import host_of, is_loopback_host, parse_url  # noqa: PLC0415  see Http.client

    return is_loopback_host(host_of(parse_url(url)))


def __getattr__(name: str) -> Any:
    # The types of what `Http.client` gives, for annotations and isinstance, without their cost for everybody else.
    if name == "Client":
        from papin._http._client import Client  # noqa: PLC0415

        return Client
    if name in {"Response", "StreamedResponse"}:
        from papin._http import _answers  # noqa: PLC0415

        return getattr(_answers, name)
    raise AttributeError(name)
