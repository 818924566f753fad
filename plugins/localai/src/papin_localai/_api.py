"""Requests to one LocalAI, and what its refusals mean."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from papin.errors import EngineMissing, LoginRequired, NotFound, ProviderFailed, TransferFailed
from papin.models import Engine
from papin.openai import parse_refusal

if TYPE_CHECKING:
    from papin.http import Client, Response

__all__ = ["Api", "quoted"]

T = TypeVar("T")

_NOT_HERE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


class _WellKnown(msgspec.Struct):
    version: str = ""
    endpoints: dict[str, Any] | None = None
    endpoint_groups: Any = None
    capabilities: Any = None


class Api:
    """What LocalAI answers at `url`, decoded and checked."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url

    async def engine(self) -> Engine:
        """Return the program, which has shown itself to be LocalAI.

        Raises:
            EngineMissing: nothing answers there.
            ProviderFailed: something else does.
        """
        answer = await self.send("GET", "/.well-known/localai.json")
        known = None
        if answer.status == HTTPStatus.OK:
            try:
                known = answer.json(_WellKnown)
            except TransferFailed:
                known = None
        if known is None or all(each is None for each in (known.endpoints, known.endpoint_groups, known.capabilities)):
            raise ProviderFailed(
                f"what answers at {self._url} is not LocalAI",
                next_step="Say where LocalAI is: papin config set providers.localai.url http://127.0.0.1:PORT",
            )
        return Engine(name="LocalAI", version=known.version.partition("(")[0].strip(), address=self._url)

    async def send(self, method: str, path: str, json: Any = None) -> Response:
        """Return the answer, whatever its status. Raises `EngineMissing` when nothing answers."""
        try:
            return await self._client.request(method, path, json=json)
        except TransferFailed as error:
            if not error.transient:
                raise
            raise EngineMissing(
                f"LocalAI does not answer at {self._url}",
                next_step="Start it, or say where it is: papin config set providers.localai.url http://HOST:PORT",
            ) from error

    async def ask(self, method: str, path: str, kind: type[T], json: Any = None) -> T:
        """Return the answer decoded as `kind`.

        Raises:
            NotFound: LocalAI has nothing there, or this version does not have that route.
            LoginRequired: it wants a key.
            ProviderFailed: it refuses, or answers nonsense.
        """
        answer = await self.send(method, path, json)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(answer)
        try:
            return await answer.decoded(kind)
        except TransferFailed as error:
            raise ProviderFailed(error.message, next_step=error.next_step) from error

    async def does(self, method: str, path: str, json: Any = None) -> bool:
        """Return whether LocalAI did that: False where this version has no such route, or no such thing."""
        answer = await self.send(method, path, json)
        if answer.status in _NOT_HERE:
            return False
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(answer)
        return True


def reason(answer: Response) -> str:
    """Return what a refusal says."""
    return parse_refusal(answer.status, answer.body).message or f"status {answer.status}"


def refusal(answer: Response) -> ProviderFailed | NotFound | LoginRequired:
    """Return the error that a refusal is."""
    why = reason(answer)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return LoginRequired(
            f"LocalAI wants a key: {why}", next_step="papin config set providers.localai.key -, and try again."
        )
    if answer.status in _NOT_HERE:
        return NotFound(f"LocalAI does not have that: {why}", next_step="papin models list shows what it has.")
    return ProviderFailed(f"LocalAI refuses: {why}", next_step="Its log says more.")


def quoted(name: str) -> str:
    """Return a name as a segment of a path; names hold slashes, at signs and worse."""
    from urllib.parse import quote  # noqa: PLC0415  # only names in paths need it

    return quote(name, safe="")
