"""A program's own server, as a provider asks it: at one address, with one key, and errors that say what to type.

A plugin derives its own from `Server`, with the questions that only this program understands; what it answers of
OpenAI's API is asked through `asking`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from papin import openai
from papin.errors import EngineMissing, LoginRequired, PapinError, ProviderFailed, TransferFailed, TransferTimeout
from papin.http import Client, Http, Patience, Response

__all__ = ["QUICK", "Server"]

QUICK = Patience(connect=3, header=10, silence=10)
"""For what a program knows by itself."""


class Server:
    """The server at `url` of the provider `name`; `who` is what messages call it.

    `program` is what has to answer there, `start` how a person starts it, and `keys` where its key comes from.
    """

    def __init__(
        self, http: Http, name: str, url: str, key: str, *, program: str, start: str, keys: str, who: str = ""
    ) -> None:
        self._http = http
        self._name = name
        self._key = key
        self._program = program
        self._start = start
        self._keys = keys
        self.address = url.rstrip("/")
        self.who = who or program

    @asynccontextmanager
    async def client(self, patience: Patience = QUICK) -> AsyncIterator[Client]:
        """Open a client for it."""
        async with self._http.client(self.address, token=self._key, patience=patience) as client:
            yield client

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[openai.Api]:
        """Open the part of it that answers."""
        async with self.client(openai.PATIENCE) as client:
            yield openai.Api(client, self.who, errors=self.errors)

    async def probe(self, client: Client, path: str) -> Response:
        """Return the answer by which it is recognised, whatever its status.

        Raises:
            EngineMissing: nothing answers there.
            ProviderFailed: something is there, and does not answer.
        """
        try:
            return await client.request("GET", path)
        except TransferTimeout as error:
            raise ProviderFailed(
                f"what is at {self.address} does not answer: {error.message}", next_step="Look at what runs there."
            ) from error
        except TransferFailed as error:
            raise self.missing(f"no {self._program} answers at {self.address}") from error

    def missing(self, what: str) -> EngineMissing:
        """Return the error for a program that is not there, or another one that is."""
        return EngineMissing(
            what, next_step=f"{self._start}, or type: papin config set providers.{self._name}.url http://HOST:PORT"
        )

    def checked(self, answer: Response) -> Response:
        """Return `answer` unless it is a refusal. Raises what `errors` makes of that."""
        if not answer.is_success:
            raise self.errors(openai.parse_refusal(answer.status, answer.body))
        return answer

    def errors(self, refusal: openai.Refusal) -> PapinError:
        """Return the error for a refusal, with what to type; who knows more of the program overrides this."""
        if refusal.kind == "login":
            return LoginRequired(
                f"{self.who} wants a key: {refusal.message}",
                next_step=f"papin config set providers.{self._name}.key - ({self._keys})",
            )
        return openai.explain(refusal, self.who)
