"""Requests to the hub, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from papin.errors import LoginRequired, NotFound, PapinError, TooManyRequests

if TYPE_CHECKING:
    from papin.http import Client, Response

__all__ = ["Hub"]

T = TypeVar("T")


class Told(msgspec.Struct, Generic[T]):
    """An answer, where it goes on, and its mark."""

    value: T
    following: str
    etag: str


_BODY = 32 << 20
_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
# RateLimit: "api";r=0;t=55 (IETF draft-ietf-httpapi-ratelimit-headers): seconds until the window begins anew.
_WAIT = re.compile(r"\bt=(\d{1,6})\b")
_NEXT = re.compile(r'<([^>]{1,4000})>\s*;\s*rel="?next"?')


class Hub:
    """The hub at `endpoint`."""

    def __init__(self, client: Client, endpoint: str) -> None:
        self._client = client
        self.endpoint = endpoint

    async def get(self, path: str, kind: type[T], what: str = "") -> tuple[T, str]:
        """Return the answer decoded as `kind`, and the path of the next page, empty for the last one.

        `what` is the repository that it is about, for messages.

        Raises:
            NotFound, LoginRequired, TooManyRequests, TransferFailed: as the hub says.
        """
        answer = await self._send(path, what)
        return await answer.decoded(kind), self._next(answer)

    async def get_changed(self, path: str, kind: type[T], etag: str) -> Told[T] | None:
        """Return the answer unless it is the one that is marked `etag`; raises as `get`."""
        answer = await self._send(path, "", {"If-None-Match": etag} if etag else {})
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return None
        return Told(await answer.decoded(kind), self._next(answer), answer.headers.get("etag", "")[:200])

    async def _send(self, path: str, what: str, headers: Mapping[str, str] | None = None) -> Response:
        answer = await self._client.request("GET", path, headers=headers, limit=_BODY)
        if not answer.is_success and answer.status != HTTPStatus.NOT_MODIFIED:
            raise _refusal(answer, what or answer.where, self.endpoint)
        return answer

    def _next(self, answer: Response) -> str:
        """Return where the list goes on, if that is at the hub itself: a link to elsewhere is not followed."""
        match = _NEXT.search(answer.headers.get("link", ""))
        address = match[1] if match else ""
        if address.startswith(f"{self.endpoint}/"):
            return address.removeprefix(self.endpoint)
        return address if address.startswith("/") and not address.startswith("//") else ""


def _refusal(answer: Response, what: str, endpoint: str) -> PapinError:
    host = endpoint.removeprefix("https://")  # a token is for one origin, and without a scheme that is https
    code = answer.headers.get("x-error-code", "")
    if code == "GatedRepo":
        return LoginRequired(
            f"{what} has a licence that has to be accepted first",
            next_step=f"Accept it at {endpoint}/{what}, then: papin login {host}",
        )
    if code == "RepoNotFound" or (answer.status in _LOGIN and not code):
        return NotFound(
            f"there is no model {what}, or it is a private one",
            next_step=f"Check the name; for a private model: papin login {host}",
        )
    if code == "RevisionNotFound":
        return NotFound(f"{what} has no such revision", next_step=f"Look at {endpoint}/{what}/tree/main")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many(answer, host)
    if answer.status == HTTPStatus.NOT_FOUND:
        return NotFound(f"the hub has no {what}", next_step="papin models search finds names.")
    try:
        answer.raise_for_status()
    except PapinError as error:
        return error
    raise AssertionError(answer.status)


def _too_many(answer: Response, host: str) -> TooManyRequests:
    match = _WAIT.search(answer.headers.get("ratelimit", ""))
    wait = float(match[1]) if match else None
    when = f"in {match[1]} s" if match else "in a few minutes"
    error = TooManyRequests(
        f"{host} wants fewer requests", next_step=f"Try again {when}; with a token it allows more: papin login {host}"
    )
    error.wait = wait
    error.transient = True
    return error
