"""Requests to Ollama, whose failures are errors of papin, and which go to Ollama only."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any, TypeVar

import trio

from papin.errors import AddressUnsafe, LoginRequired, NotFound, Offline, PapinError, ProviderFailed, TransferFailed
from papin.http import Http, Patience, StreamedResponse, Upload, decode_json
from papin.models import Engine
from papin_ollama._failures import impostor, missing, nonsense, refusal
from papin_ollama._identity import PROBES, Answer, identify
from papin_ollama._wire import Ps, Tags

__all__ = ["Api"]

T = TypeVar("T")
_PROBING = Patience(connect=3, header=5, silence=5)
_ASKING = Patience(connect=5, header=60, silence=60)
# Loading a large model from a slow disk, or reading a long prompt, is silent for many minutes.
_WORKING = Patience(connect=5, header=3600, silence=inf)
_PROBE = 1 << 20
_ANSWER = 64 << 20
_LINE = 4 << 20
_OURS = (AddressUnsafe, LoginRequired, NotFound, Offline)


class Api:
    """Talks to the Ollama at one address; it is asked who it is before anything else."""

    def __init__(self, http: Http, address: str, key: str, provider: str = "ollama") -> None:
        self._http = http
        self.address = address
        self.provider = provider
        self._key = key
        self._version = ""

    async def engine(self) -> Engine:
        """Return what answers, asked anew. Raises `EngineMissing` when it is not Ollama, or nothing does."""
        self._version = ""
        program = shutil.which("ollama") or ""
        identity = identify(await self._probe(program))
        if not identity.version:
            raise impostor(self.address, identity.other, self.provider)
        self._version = identity.version
        return Engine(name="ollama", version=identity.version, path=program, address=self.address)

    async def _probe(self, program: str) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        async with self._http.client(self.address, token=self._key, patience=_PROBING) as client:

            async def ask(probe: str) -> None:
                with contextlib.suppress(TransferFailed):
                    answer = await client.request("GET", probe, limit=_PROBE)
                    answers[probe] = Answer(answer.status, answer.body)

            try:  # where nobody answers, one question is enough
                answer = await client.request("GET", PROBES[0], limit=_PROBE)
            except (Offline, AddressUnsafe):
                raise
            except TransferFailed as error:
                raise missing(self.address, program, self.provider) from error
            answers[PROBES[0]] = Answer(answer.status, answer.body)
            async with trio.open_nursery() as nursery:
                for probe in PROBES[1:]:
                    nursery.start_soon(ask, probe)
        if answers[PROBES[0]].status in {401, 403}:
            raise refusal(answers[PROBES[0]].status, answers[PROBES[0]].body, self.address, self.provider)
        return answers

    def check_online(self, what: str) -> None:
        """Fail in papin's offline mode, where Ollama must not be told to reach out either. Raises `Offline`."""
        if self._http.offline:
            raise Offline(
                f"{what}, because papin is offline",
                next_step="Leave out --offline, unset PAPIN_OFFLINE, or: papin config set offline false",
            )

    async def answers(self) -> bool:
        """Tell whether Ollama is there."""
        try:
            await self.engine()
        except ProviderFailed:
            return False
        return True

    async def tags(self) -> Tags:
        """Return what it lists."""
        return await self.ask("GET", "/api/tags", Tags)

    async def running(self) -> Ps:
        """Return what it has in memory."""
        return await self.ask("GET", "/api/ps", Ps)

    async def ask(self, method: str, path: str, kind: type[T], body: Any = None, *, is_work: bool = False) -> T:
        """Return the answer to a request; `is_work` is for what may take many minutes.

        Raises:
            EngineMissing: it is not there.
            NotFound: it has no such model.
            ProviderFailed: it refuses, breaks off, or answers nonsense.
        """
        async with self._opened(method, path, body, is_work=is_work) as answer:
            data = await answer.read(_ANSWER)
        try:
            return await decode_json(data, kind, f"{self.address}{path}")
        except TransferFailed as error:
            raise nonsense(error.message) from error

    async def tell(self, method: str, path: str, body: Any = None, *, upload: Upload | None = None) -> None:
        """Send a request whose answer is its status; raises like `ask`."""
        async with self._opened(method, path, body, upload=upload) as answer:
            await answer.read(_ANSWER)

    @asynccontextmanager
    async def lines(self, path: str, body: Any) -> AsyncIterator[AsyncIterator[str]]:
        """Open an answer that comes as lines of JSON; raises like `ask`, in the block too."""
        async with self._opened("POST", path, body, is_work=True) as answer:
            yield answer.lines(_LINE)

    @asynccontextmanager
    async def _opened(
        self, method: str, path: str, body: Any, *, is_work: bool = False, upload: Upload | None = None
    ) -> AsyncIterator[StreamedResponse]:
        if not self._version:
            await self.engine()
        try:
            async with (
                self._http.client(self.address, token=self._key, patience=_WORKING if is_work else _ASKING) as client,
                client.stream(method, path, json=body, upload=upload) as answer,
            ):
                if not answer.is_success:
                    raise refusal(answer.status, await answer.read(_PROBE), self.address, self.provider)
                yield answer
        except _OURS:
            raise
        except TransferFailed as error:
            raise await self._judge(error) from error

    async def _judge(self, error: TransferFailed) -> PapinError:
        """Return what a failed request means: Ollama is gone, or it does not behave."""
        try:
            await self.engine()
        except ProviderFailed as gone:
            return gone
        return ProviderFailed(f"Ollama does not answer as it should: {error.message}", next_step="Try it again.")
