"""A catalog of one's own: the session over a folder or a web address."""

from __future__ import annotations

import os
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import msgspec
import trio

from papin import names
from papin.catalogs import Page, all_of
from papin.context import Context
from papin.errors import NameInvalid, NotFound, StorageFailed
from papin.models import CatalogEntry, DownloadSource, FileSource, HttpSource, Variant
from papin_starter._index import LocalFile, decode, entries_of_folder, entries_of_index
from papin_starter._session import find
from papin_starter.settings import IndexSettings

__all__ = ["FolderCatalog", "WebCatalog", "open_own"]

INDEX = "papin-index.json"
_LARGEST = 32 << 20
_MOST_FILES = 20_000
_DEEPEST = 4


def open_own(context: Context[IndexSettings]) -> FolderCatalog | WebCatalog:
    """Return the session for the address that the user added."""
    if context.settings.address.startswith(("http://", "https://")):
        return WebCatalog(context)
    return FolderCatalog(context)


class FolderCatalog:
    """A folder with an index in it, or with model files."""

    is_local = True

    def __init__(self, context: Context[IndexSettings]) -> None:
        self._name = context.name
        self._root = Path(context.settings.address).expanduser()

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return a build; see `papin.catalogs.CatalogSession`."""
        return find(await trio.to_thread.run_sync(self._read), self._name, name, variant)

    async def refresh(self, state: str) -> Page:
        """Return all models, or nothing when they were told already."""
        return all_of(await trio.to_thread.run_sync(self._read), state)

    def _read(self) -> tuple[CatalogEntry, ...]:
        try:
            index = names.place(self._root, INDEX)
            if index.is_file():
                with index.open("rb") as file:
                    models = decode(file.read(_LARGEST), str(index))
                return entries_of_index(models, self._name, self._locate, str(index))
            return entries_of_folder(self._files(), self._name, self._locate)
        except OSError as error:
            raise StorageFailed(
                f"the folder {self._root} of the catalog {self._name} cannot be read: {error.strerror}",
                next_step=f"Make it readable, or remove the catalog: papin catalogs remove {self._name}",
            ) from error

    def _locate(self, url: str) -> DownloadSource:
        if url.startswith("https://"):
            return HttpSource(url=url)
        path = self._root.absolute().joinpath(*(names.check(part, "file") for part in url.split("/")))
        return FileSource(path=str(path))

    def _files(self) -> dict[str, LocalFile]:
        """Return the regular files below the folder that have plain names; links are not entered."""
        found: dict[str, LocalFile] = {}
        waiting = [("", 0)]
        while waiting and len(found) < _MOST_FILES:
            folder, depth = waiting.pop()
            with os.scandir(self._root / folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    path = f"{folder}/{entry.name}".lstrip("/")
                    if not _is_plain(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False) and depth < _DEEPEST:
                        waiting.append((path, depth + 1))
                    elif entry.is_file():
                        status = entry.stat()
                        found[path] = LocalFile(size=status.st_size, changed=status.st_mtime_ns)
        return found


def _is_plain(name: str) -> bool:
    try:
        return names.check(name, "file") == name
    except NameInvalid:
        return False


class _Mark(msgspec.Struct):
    etag: str = ""
    inner: str = ""


class WebCatalog:
    """An index at a web address."""

    def __init__(self, context: Context[IndexSettings]) -> None:
        self._context = context
        address = context.settings.address
        self._address = f"{address}{INDEX}" if address.endswith("/") else address
        self._entries: Sequence[CatalogEntry] | None = None

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return a build; see `papin.catalogs.CatalogSession`."""
        if self._entries is None:
            await self._fetch("")
        return find(self._entries or (), self._context.name, name, variant)

    async def refresh(self, state: str) -> Page:
        """Return all models, or nothing when the index has not changed: one conditional request."""
        try:
            mark = msgspec.json.decode(state or "{}", type=_Mark)
        except msgspec.DecodeError:
            mark = _Mark()
        etag = await self._fetch(mark.etag)
        if etag is None:
            return Page(state=state)
        page = all_of(tuple(self._entries or ()), mark.inner)
        return msgspec.structs.replace(page, state=msgspec.json.encode(_Mark(etag, page.state)).decode())

    async def _fetch(self, etag: str) -> str | None:
        """Fetch the index unless it is the one marked `etag`; return its own mark, or None when it is that one."""
        headers = {"If-None-Match": etag} if etag else {}
        async with self._context.http.client(self._address, token=self._context.settings.token) as client:
            answer = await client.request("GET", self._address, headers=headers, limit=_LARGEST)
        if answer.status == HTTPStatus.NOT_MODIFIED and etag:
            return None
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotFound(
                f"there is no index at {answer.where}",
                next_step=f"Correct the address: papin config set catalogs.{self._context.name}.address ADDRESS",
            )
        answer.raise_for_status()
        models = decode(answer.body, answer.where)
        self._entries = entries_of_index(models, self._context.name, self._locate, answer.where)
        mark: str = answer.headers.get("etag", "")
        return mark[:200]

    def _locate(self, url: str) -> DownloadSource:
        if not url.startswith("https://"):
            for part in url.split("/"):
                names.check(part, "file")
        address = urljoin(self._address, url)
        # Whoever named the address of the index named its host too, which may be in a private network.
        return HttpSource(url=address, user_named=urlsplit(address).netloc == urlsplit(self._address).netloc)
