"""What a server says of a file before its first byte is fetched: how long it is, and which version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import trio

from papin._transfers import refuse_web_page, strong_etag
from papin.errors import NotFound, PapinError, TransferFailed
from papin.http import Http, Patience
from papin.models import HttpSource, WantedFile

if TYPE_CHECKING:
    from papin.http import Client, StreamedResponse

_PATIENCE = Patience(connect=10.0, header=10.0, silence=10.0)
_AT_ONCE = 4
_WHOLE = re.compile(r"bytes 0-0/(\d{1,19})")
_LENGTH = re.compile(r"[1-9]\d{0,18}")  # a server that answers HEAD with a length of 0 does not mean the file


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """The size in bytes, None where nobody tells, and the version: the strong validator without its quotes."""

    size: int | None = None
    etag: str = ""


async def probe_all(http: Http, files: Sequence[WantedFile]) -> dict[str, Probe]:
    """Return what the servers say of those of `files` that come from addresses, by name.

    Raises:
        NotFound, LoginRequired, Offline, AddressUnsafe, ...: no source of a file has it, as far as its servers tell.
    """
    found: dict[str, Probe] = {}
    limiter = trio.CapacityLimiter(_AT_ONCE)
    errors: list[PapinError] = []

    async def ask(file: WantedFile, sources: Sequence[HttpSource]) -> None:
        async with limiter:
            try:
                found[file.name] = await _of_file(http, file, sources)
            except PapinError as error:
                errors.append(error)

    async with trio.open_nursery() as nursery:
        for file in files:
            sources = [source for source in file.sources if isinstance(source, HttpSource)]
            if len(sources) == len(file.sources) > 0:
                nursery.start_soon(ask, file, sources)
    if errors:
        raise errors[0]
    return found


async def _of_file(http: Http, file: WantedFile, sources: Sequence[HttpSource]) -> Probe:
    """Return what the first source that answers says; one that fails for now is left to the download itself."""
    error: PapinError | None = None
    for source in sources:
        try:
            return await _of_source(http, source, is_model=file.role != "sidecar")
        except (TransferFailed, NotFound) as failed:
            error = failed
    if error is None or (isinstance(error, TransferFailed) and error.transient):
        return Probe()
    raise error


async def _of_source(http: Http, source: HttpSource, *, is_model: bool) -> Probe:
    async with http.client(source.url if source.user_named else "", patience=_PATIENCE) as client:
        return await _by_head(client, source.url, is_model=is_model) or await _by_part(client, source.url)


async def _by_head(client: Client, url: str, *, is_model: bool) -> Probe | None:
    async with client.stream("HEAD", url) as answer:
        if answer.status != HTTPStatus.OK:
            return None  # many refuse to be asked so, signed addresses among them
        if is_model:
            refuse_web_page(answer.headers, b"", answer.where)
        length = _LENGTH.fullmatch(answer.headers.get("content-length", "").strip())
        return Probe(size=int(length[0]), etag=_version(answer)) if length else None


async def _by_part(client: Client, url: str) -> Probe:
    """Ask for one byte; a server that sends everything instead is not listened to."""
    async with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as answer:
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return Probe()
        answer.raise_for_status()
        return Probe(size=_size(answer), etag=_version(answer))


def _version(answer: StreamedResponse) -> str:
    return (strong_etag(answer.headers) or "").strip('"')


def _size(answer: StreamedResponse) -> int | None:
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        part = _WHOLE.fullmatch(answer.headers.get("content-range", "").strip())
        return int(part[1]) if part else None
    length = _LENGTH.fullmatch(answer.headers.get("content-length", "").strip())
    return int(length[0]) if length else None
