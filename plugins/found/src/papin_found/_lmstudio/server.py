"""Asks LM Studio's server; every refusal is an error of papin."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from papin import openai, servers
from papin.errors import (
    LoadFailed,
    NotFound,
    OutOfMemory,
    PapinError,
    ProviderFailed,
    TransferFailed,
)
from papin.http import Http, Response
from papin_found._lmstudio.wire import Download, ListedModel, ListedModels, Loaded
from papin_found._settings import LmStudioSettings

__all__ = ["Server"]

_MEMORY = ("memory", "insufficient", "resources")


class Server(servers.Server):
    """The server that `settings` name, for the provider `name`."""

    def __init__(self, http: Http, name: str, settings: LmStudioSettings) -> None:
        super().__init__(
            http,
            name,
            settings.url,
            settings.key,
            program="LM Studio",
            start="Start its server (lms server start, or Developer in its window)",
            keys="a token made in its window",
        )

    async def models(self) -> tuple[ListedModel, ...]:
        """Return what it lists.

        Raises:
            EngineMissing: nothing answers there, or another program does.
            LoginRequired: it wants a key.
            ProviderFailed: something is there, and does not answer.
        """
        async with self.client() as client:
            answer = await self.probe(client, "/api/v1/models")
        if answer.status in {401, 403}:
            raise self.errors(openai.parse_refusal(answer.status, answer.body))
        try:
            return (await answer.decoded(ListedModels) if answer.is_success else _nothing()).shown
        except (TransferFailed, msgspec.ValidationError) as error:
            raise self.missing(f"what answers at {self.address} is no LM Studio, or one before 0.4") from error

    async def load(self, key: str, options: dict[str, Any]) -> Loaded:
        """Load a model; returns when it is in memory. Raises `LoadFailed` or `OutOfMemory`."""
        async with self.client(openai.PATIENCE) as client:
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
        async with self.client() as client:
            answer = await client.request("POST", "/api/v1/models/unload", json={"instance_id": instance})
        refusal = None if answer.is_success else openai.parse_refusal(answer.status, answer.body)
        if refusal is not None and refusal.kind != "not_found":
            raise self.errors(refusal)

    async def download(self, model: str, quantization: str) -> Download:
        """Have it fetch a model. Raises `NotFound`."""
        body = {"model": model} | ({"quantization": quantization} if quantization else {})
        async with self.client() as client:
            answer = await client.request("POST", "/api/v1/models/download", json=body)
        return self._checked(answer, f"LM Studio finds no model {model}").json(Download)

    async def download_status(self, job: str) -> Download:
        """Return how far a download is. Raises `NotFound` when it does not know of it any more."""
        async with self.client() as client:
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

    def errors(self, refusal: openai.Refusal) -> PapinError:
        """Return the error for a refusal, with what to type."""
        if refusal.kind == "not_found":
            return ProviderFailed(f"LM Studio does not know this: {refusal.message}", next_step="Load the model again.")
        return super().errors(refusal)


def _nothing() -> ListedModels:
    raise msgspec.ValidationError("it does not list models")
