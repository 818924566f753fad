"""Asks one llama-server; every answer is checked by its type, and every refusal is an error of papin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from math import inf
from typing import Any
from urllib.parse import quote

import msgspec
import trio

from papin import openai, servers
from papin.errors import PapinError, ProviderFailed, TransferFailed
from papin.http import Client, Http, Patience, Response
from papin_llamacpp._servers.settings import ServerSettings
from papin_llamacpp._servers.wire import ListedModel, ListedModels, Props
from papin_llamacpp._slots import answering

__all__ = ["Server"]

# A router that reads its folders anew first ends the models that are not there any more.
_SLOW = Patience(connect=3, header=60, silence=60)
_UNAUTHORIZED = 401
_NOT_YET = 503
_NO_SUCH_ROUTE = {404, 405, 501}


class _Health(msgspec.Struct):
    status: str = ""


class Server(servers.Server):
    """The llama-server that `settings` name, for the provider `name`."""

    def __init__(self, http: Http, name: str, settings: ServerSettings) -> None:
        super().__init__(
            http,
            name,
            settings.url,
            settings.key,
            program="llama-server",
            start="Start one (llama-server --port 8080)",
            keys="what it was started with as --api-key",
            who=f"the llama-server at {settings.url.rstrip('/')}",
        )

    async def props(self) -> Props | None:
        """Return what it says of itself, or None while it loads its model.

        Raises:
            EngineMissing: nothing answers there, or another program does.
            LoginRequired: it wants a key.
            ProviderFailed: something is there, and does not answer.
        """
        async with self.client() as client:
            answer = await self.probe(client, "/props")
            if answer.status == _NOT_YET and openai.parse_refusal(_NOT_YET, answer.body).kind == "loading":
                return None
            if answer.status == _UNAUTHORIZED and await self._is_healthy(client):
                raise self.errors(openai.parse_refusal(answer.status, answer.body))
            return self._recognised(answer)

    async def _is_healthy(self, client: Client) -> bool:
        # Without a key this much is told by a llama-server, and not by the others that like its port.
        try:
            return (await client.request("GET", "/health")).json(_Health).status == "ok"
        except TransferFailed:
            return False

    def _recognised(self, answer: Response) -> Props:
        try:
            props = answer.json(Props) if answer.is_success else Props()
        except TransferFailed:
            props = Props()
        if not props.is_llama_server:
            raise self.missing(f"what answers at {self.address} is no llama-server")
        return props

    async def models(self, *, reload: bool = False) -> tuple[ListedModel, ...]:
        """Return what it lists; `reload` has a router read its folders and presets first, if it can."""
        async with self.client(_SLOW if reload else servers.QUICK) as client:
            answer = await client.request("GET", "/models?reload=1" if reload else "/models")
            return await self._decoded(self.checked(answer))

    async def _decoded(self, answer: Response) -> tuple[ListedModel, ...]:
        try:
            return (await answer.decoded(ListedModels)).models
        except TransferFailed as error:
            raise ProviderFailed(
                f"{self.who} answers nonsense: {error.message}",
                next_step="Check its version, and whether it is one.",
            ) from error

    async def props_of(self, reference: str) -> Props:
        """Return what a router's model says of itself, loading nothing for it; nothing for one that does not run."""
        async with self.client() as client:
            answer = await client.request("GET", f"/props?model={quote(reference, safe='')}&autoload=false")
            return answer.json(Props) if answer.is_success else Props()

    async def answering(self, models: Iterable[str]) -> Mapping[str, int | None]:
        """Return how many requests each of a router's models answers now; `""` is that of a server with one model."""
        counts: dict[str, int | None] = {}

        async def ask(client: Client, model: str) -> None:
            counts[model] = await answering(client, model)

        async with self.client() as client, trio.open_nursery() as nursery:
            for model in models:
                nursery.start_soon(ask, client, model)
        return counts

    async def post(self, path: str, body: dict[str, Any]) -> openai.Refusal | None:
        """Send an order to a router; return its refusal, or None when it obeys."""
        async with self.client(_SLOW) as client:
            answer = await client.request("POST", path, json=body)
            return None if answer.is_success else openai.parse_refusal(answer.status, answer.body)

    async def remove(self, reference: str) -> openai.Refusal | None:
        """Have a router remove a model of its cache; return its refusal, or None when it obeys."""
        async with self.client(_SLOW) as client:
            answer = await client.request("DELETE", f"/models?model={quote(reference, safe='')}")
            return None if answer.is_success else openai.parse_refusal(answer.status, answer.body)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[str] | None]:
        """Open a router's event stream as its lines; None from an older one, which has none."""
        forever = Patience(connect=3, header=inf, silence=inf)
        async with self.client(forever) as client, client.stream("GET", "/models/sse") as answer:
            if answer.status in _NO_SUCH_ROUTE:
                yield None
                return
            answer.raise_for_status()
            yield answer.lines(1 << 20)

    def errors(self, refusal: openai.Refusal) -> PapinError:
        """Return the error for a refusal, with what to type."""
        if refusal.kind == "unsupported" and "embed" in refusal.message:
            return ProviderFailed(
                f"{self.who} was not started to embed",
                next_step="Start it with --embeddings, and for a model that says nothing of it with --pooling mean.",
            )
        return super().errors(refusal)
