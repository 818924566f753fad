"""Asks LM Studio's server; every refusal is an error of papin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import msgspec

from papin import openai
from papin.errors import (
    EngineMissing,
    LoadFailed,
    LoginRequired,
    NotFound,
    OutOfMemory,
    PapinError,
    ProviderFailed,
    TransferFailed,
    TransferTimeout,
)
from papin.http import Client, Http, Patience, Response
from papin_found._lmstudio.wire import Download, ListedModel, ListedModels, Loaded
from papin_found._settings import LmStudioSettings

__all__ = ["Server"]

_QUICK = Patience(connect=3, header=10, silence=10)
_MEMORY = ("memory", "insufficient", "resources")


class Server:
    """The server that `settings` name, for the provider `name`."""

    def __init__(self, http: Http, name: str, settings: LmStudioSettings) -> None:
        self._http = http
        self._name = name
        self._key = settings.key
        self.address = settings.url.rstrip("/")

    @asynccontextmanager
    async def _client(self, patience: Patience = _QUICK) -> AsyncIterator[Client]:
        async with self._http.client(self.address, token=self._key, patience=patience) as client:
            yield client

    async def models(self) -> tuple[ListedModel, ...]:
        """Return what it lists.

        Raises:
            EngineMissing: nothing answers there, or another program does.
            LoginRequired: it wants a key.
        ProviderFailed: something is there, and does not answer.
        """
        async with self._client() as client:
            try:
                answer = await client.request("GET", "/api/v1/models")
            except TransferTimeout as error:
                raise ProviderFailed(
                    f"what is at {self.address} does not answer: {error.message}", next_step="Look at what runs there."
                ) from error
            except TransferFailed as error:
                raise self._missing(f"no LM Studio answers at {self.address}") from error
        if answer.status in {401, 403}:
            raise self.errors(openai.parse_refusal(answer.status, answer.body))
        try:
            return (answer.json(ListedModels) if answer.is_success else _nothing()).shown
        except (TransferFailed, msgspec.ValidationError) as error:
            raise self._missing(f"what answers at {self.address} is no LM Studio, or one before 0.4") from error

    def _missing(self, what: str) -> EngineMissing:
        return EngineMissing(
            what,
            next_step="Start its server (lms server start, or Developer in its window), or type: "
            f"papin config set providers.{self._name}.url http://HOST:PORT",
        )

    async def load(self, key: str, options: dict[str, Any]) -> Loaded:
        """Load a model; returns when it is in memory. Raises `LoadFailed` or `OutOfMemory`."""
        async with self._client(openai.PATIENCE) as client:
            body = {"model": key, "echo_load_config": True, **options}
            answer = await client.request("POST", "/api/v1/models/load", json=body)
        if not answer.is_success:
            raise self._not_loaded(key, openai.parse_refusal(answer.status, answer.body))
        return answer.json(Loaded)

    def _not_loaded(self, key: str, refusal: openai.Refusal) -> PapinError:
        if refusal.kind in {"login", "not_found"}:
            return self.errors(refusal)
        if any(word in refusal.message.lower() for word in _MEMORY):
            return OutOfMemory(
                f"There is not enough memory for LM Studio to load {key}: {refusal.message}",
                next_step="Unload other models, or choose a smaller one or a shorter context.",
            )
        return LoadFailed(
            f"LM Studio could not load {key}: {refusal.message or 'it gave no reason'}",
            next_step="Its window shows its log under Developer.",
        )

    async def unload(self, instance: str) -> None:
        """Take an instance out of memory; one that is not there any more is fine."""
        async with self._client() as client:
            answer = await client.request("POST", "/api/v1/models/unload", json={"instance_id": instance})
        refusal = None if answer.is_success else openai.parse_refusal(answer.status, answer.body)
        if refusal is not None and refusal.kind != "not_found":
            raise self.errors(refusal)

    async def download(self, model: str, quantization: str) -> Download:
        """Have it fetch a model. Raises `NotFound`."""
        body = {"model": model} | ({"quantization": quantization} if quantization else {})
        async with self._client() as client:
            answer = await client.request("POST", "/api/v1/models/download", json=body)
        return self._checked(answer, f"LM Studio finds no model {model}").json(Download)

    async def download_status(self, job: str) -> Download:
        """Return how far a download is. Raises `NotFound` when it does not know of it any more."""
        async with self._client() as client:
            answer = await client.request("GET", f"/api/v1/models/download/status/{quote(job, safe='')}")
        return self._checked(answer, "LM Studio does not know of that download any more").json(Download)

    def _checked(self, answer: Response, missing: str) -> Response:
        if answer.is_success:
            return answer
        refusal = openai.parse_refusal(answer.status, answer.body)
        if refusal.kind == "not_found":
            raise NotFound(
                f"{missing}: {refusal.message}", next_step="Name it as publisher/repo, or publisher/repo@Q4_K_M."
            )
        raise self.errors(refusal)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[openai.Api]:
        """Open the part of it that answers."""
        async with self._client(openai.PATIENCE) as client:
            yield openai.Api(client, "LM Studio", errors=self.errors)

    def errors(self, refusal: openai.Refusal) -> PapinError:
        """Return the error for a refusal, with what to type."""
        if refusal.kind == "login":
            return LoginRequired(
                f"LM Studio wants a key: {refusal.message}",
                next_step=f"papin config set providers.{self._name}.key - (a token made in its window)",
            )
        if refusal.kind == "not_found":
            return ProviderFailed(f"LM Studio does not know this: {refusal.message}", next_step="Load the model again.")
        return openai.explain(refusal, "LM Studio")


def _nothing() -> ListedModels:
    raise msgspec.ValidationError("it does not list models")
