"""Whether and how an answer may be joined to what is there already: a pure decision.

Bytes are joined only when they are proven to belong together: the server says that the entity is unchanged (a strong
validator in `If-Range`), or a digest was promised, which judges the whole in the end; and the range begins exactly
where it was asked to, of a whole of the same length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from papin._transfers._notes import Entity
from papin.errors import LoginRequired, SourceChanged, TransferFailed
from papin.sizes import size_text

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,19})")
_LENGTH = re.compile(r"\d{1,19}")
_LONGEST = 512  # of a validator: what is longer is not one that anybody meant


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, from `offset` up to `stop` (None: the end), of which entity, and what was promised."""

    offset: int
    stop: int | None = None
    entity: Entity | None
    size: int | None
    is_pinned: bool

    @property
    def total(self) -> int | None:
        """The length of the whole, as promised or as the server said before."""
        return self.size if self.size is not None or self.entity is None else self.entity.total

    @property
    def is_joinable(self) -> bool:
        """Tell whether bytes of several answers can be proven to belong together."""
        return self.entity is not None and (self.is_pinned or self.entity.etag is not None)

    def is_same(self, entity: Entity) -> bool:
        """Tell whether `entity` is proven to be the one that this belongs to."""
        known = self.entity
        if known is None or (None not in (known.total, entity.total) and known.total != entity.total):
            return False
        return self.is_pinned or (known.etag is not None and known.etag == entity.etag)

    def headers(self) -> dict[str, str]:
        """Return what to ask for: the rest, if it may be joined; or else everything."""
        is_whole = self.offset == 0 and self.stop in (None, self.total)
        if is_whole or not self.is_joinable or self.offset == self.total:
            return {}
        last = "" if self.stop is None or self.stop == self.total else self.stop - 1
        wanted = {"Range": f"bytes={self.offset}-{last}"}
        if not self.is_pinned and self.entity is not None and self.entity.etag is not None:
            wanted["If-Range"] = self.entity.etag
        return wanted


@dataclass(frozen=True, slots=True)
class Body:
    """The body belongs at `start` (0, or where we are) of `entity`, and ends before `stop` (None: at its own end)."""

    start: int
    entity: Entity
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Complete:
    """Nothing is missing."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What is there cannot be joined with what the server has: ask for everything."""

    why: str


Verdict = Body | Complete | Restart


def judge(status: int, headers: Mapping[str, str], position: Position, where: str) -> Verdict | None:
    """Return what an answer means, or None for a status that is a refusal.

    Raises:
        SourceChanged: the file there is not of the size that was promised.
        TransferFailed: the answer makes no sense; nothing was touched.
    """
    if status == HTTPStatus.OK:
        return _whole(headers, position, where)
    if status == HTTPStatus.PARTIAL_CONTENT:
        return _part(headers, position, where)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return _nothing_left(headers, position)
    return None


def _whole(headers: Mapping[str, str], position: Position, where: str) -> Body:
    entity = Entity(total=_length(headers), etag=strong_etag(headers))
    _check_size(entity.total, position, where)
    return Body(0, entity)


def _part(headers: Mapping[str, str], position: Position, where: str) -> Verdict:
    if headers.get("content-type", "").lower().startswith("multipart/"):
        raise TransferFailed(f"{where} answers with several ranges at once", next_step="Use another source.")
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if not found:
        return Restart("the server does not say which part it sends")
    start, stop, whole = int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
    _check_size(whole, position, where)
    if start != position.offset or stop < start or (whole is not None and stop >= whole):
        return Restart("the server sends another part than the one that was asked for")
    if position.total is not None and whole is not None and whole != position.total:
        return Restart("the file at the source has another length now")
    etag = strong_etag(headers)
    known = position.entity or Entity()
    if not position.is_pinned and etag is not None and etag != known.etag and position.offset:
        return Restart("the file at the source is another one now")
    total = whole if known.total is None else known.total
    return Body(start, Entity(total=total, etag=known.etag or etag), stop + 1)


def _nothing_left(headers: Mapping[str, str], position: Position) -> Verdict:
    found = _UNSATISFIED.fullmatch(headers.get("content-range", "").strip())
    if found and int(found[1]) == position.offset and position.total in (None, position.offset):
        return Complete()
    return Restart("the server has less than we have")


def _length(headers: Mapping[str, str]) -> int | None:
    found = _LENGTH.fullmatch(headers.get("content-length", "").strip())
    return int(found[0]) if found else None


def _check_size(total: int | None, position: Position, where: str) -> None:
    if total is not None and position.size is not None and total != position.size:
        raise SourceChanged(
            f"{where} has {total} bytes ({size_text(total)}), where {position.size} were promised",
            next_step="The file there is another one now: resolve the model again, or use another source.",
        )


def strong_etag(headers: Mapping[str, str]) -> str | None:
    """Return the validator that may stand in `If-Range` (RFC 9110, 13.1.5): never a weak one, or one without end."""
    etag = headers.get("etag", "").strip()
    return etag if 1 < len(etag) <= _LONGEST and etag[0] == etag[-1] == '"' and etag.isascii() else None


def refuse_web_page(headers: Mapping[str, str], first: bytes, where: str) -> None:
    """Raise `LoginRequired` when a web page came instead of a model: a login, a licence, a captive portal."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    text = first[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if kind in ("text/html", "application/xhtml+xml") or text.startswith((b"<!doctype html", b"<html")):
        raise LoginRequired(
            f"{where} sent a web page instead of the file",
            next_step="Open the address in a browser: log in, accept the licence, or leave the network's welcome page.",
        )
