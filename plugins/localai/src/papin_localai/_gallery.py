"""The session of the catalog `localai`: the index of a gallery, kept as it came and asked for conditionally."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trio

from papin import names, yaml
from papin.catalogs import Page
from papin.context import Context
from papin.errors import FormatInvalid, NotFound, PapinError
from papin.models import CatalogEntry, Variant
from papin.names import nearest
from papin_localai._entries import entries_of
from papin_localai._settings import GallerySettings

if TYPE_CHECKING:
    from papin.http import Response

__all__ = ["Gallery"]

_LARGEST = 32 << 20
_SHOWN = 60
_VERSION = 1  # of what is made of an index; a new one makes all entries anew


class _Kept(msgspec.Struct):
    """What is known of the index that is kept: where it came from, and what it was marked with."""

    address: str
    sha256: str
    etag: str = ""
    modified: str = ""


class Gallery:
    """Resolves and tells the models of one index."""

    def __init__(self, context: Context[GallerySettings]) -> None:
        self._context = context
        self._address = context.settings.address
        self._entries: Mapping[str, CatalogEntry] | None = None
        self._file = names.place(context.folders.cache, "index.yaml")
        self._mark = names.place(context.folders.cache, "index.json")
        self._kept: _Kept | None = None

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return a build of a model; compared without case.

        Raises:
            NotFound: the gallery has no such model or build.
            PapinError: the index is not here yet and cannot be fetched.
        """
        entry = await self.entry(name)
        if variant is None:
            return entry.variants[0]
        for each in entry.variants:
            if each.variant.lower() == variant.lower():
                return each
        known = ", ".join(each.ref for each in entry.variants)
        raise NotFound(f"{entry.name} has no variant {variant[:_SHOWN]!a}", next_step=f"There is: {known}")

    async def entry(self, name: str) -> CatalogEntry:
        """Return a model with all its builds. Raises `NotFound`."""
        entries = await self._all()
        found = entries.get(name) or next((each for key, each in entries.items() if key.lower() == name.lower()), None)
        if found is None:
            near = ", ".join(f"{self._context.name}:{each}" for each in nearest(name[:_SHOWN], entries))
            raise NotFound(
                f"The gallery has no model {name[:_SHOWN]!a}",
                next_step=f"The nearest: {near}" if near else "papin models search looks everywhere.",
            )
        return found

    async def refresh(self, state: str) -> Page:
        """Return all models, or nothing when the index is the one that `state` tells of."""
        await self._fetch()
        now = f"{_VERSION}:{self._kept.sha256 if self._kept else ''}"
        if state == now:
            return Page(state=now)
        return Page(state=now, entries=tuple((await self._all()).values()), whole=True)

    async def _all(self) -> Mapping[str, CatalogEntry]:
        if self._entries is None:
            if await trio.to_thread.run_sync(self._read_mark) is None:
                await self._fetch()
            self._entries = await trio.to_thread.run_sync(self._read)
        return self._entries

    async def _fetch(self) -> None:
        kept = await trio.to_thread.run_sync(self._read_mark)
        headers = {"If-None-Match": kept.etag} if kept and kept.etag else {}
        if kept and kept.modified and not kept.etag:
            headers = {"If-Modified-Since": kept.modified}
        async with self._context.http.client(self._address) as client:
            answer = await client.request("GET", self._address, headers=headers, limit=_LARGEST)
        if answer.status == HTTPStatus.NOT_MODIFIED and kept is not None:
            return
        answer.raise_for_status()
        fresh = _Kept(
            address=self._address,
            sha256=hashlib.sha256(answer.body).hexdigest(),
            etag=answer.headers.get("etag", "")[:500],
            modified=answer.headers.get("last-modified", "")[:100],
        )
        await trio.to_thread.run_sync(self._keep, fresh, answer)

    def _keep(self, fresh: _Kept, answer: Response) -> None:
        """Keep an index once it has shown itself to be one. Blocks."""
        entries = entries_of(yaml.load(answer.body, answer.where, largest=_LARGEST), self._context.name)
        if not entries:
            raise FormatInvalid(
                f"{answer.where} is no gallery of LocalAI: no model in it can be installed",
                next_step=f"Correct the address: papin config set catalogs.{self._context.name}.address ADDRESS",
            )
        # The mark goes first and comes last: an index without a mark is fetched again.
        self._mark.unlink(missing_ok=True)
        _write(self._file, answer.body)
        _write(self._mark, msgspec.json.encode(fresh))
        self._kept, self._entries = fresh, entries

    def _read_mark(self) -> _Kept | None:
        try:
            kept = msgspec.json.decode(self._mark.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return None
        self._kept = kept if kept.address == self._address and self._file.exists() else None
        return self._kept

    def _read(self) -> Mapping[str, CatalogEntry]:
        try:
            return entries_of(yaml.load(self._file.read_bytes(), self._file.name, largest=_LARGEST), self._context.name)
        except (OSError, PapinError):
            self._mark.unlink(missing_ok=True)
            raise


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)
