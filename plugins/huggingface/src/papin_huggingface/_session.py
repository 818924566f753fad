"""The session of the catalog: names, rows and searches as requests to the hub."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode

import msgspec

from papin.catalogs import Page
from papin.context import Context
from papin.errors import NotFound, Offline
from papin.models import CatalogEntry, Variant
from papin.names import nearest
from papin.query import Query
from papin_huggingface._answers import Repository
from papin_huggingface._facts import entry_of, is_name, variants_of
from papin_huggingface._hub import Hub
from papin_huggingface._settings import HUB, HubSettings, endpoint_of

__all__ = ["Session", "open_session"]

PREFIX = "hf"
_PAGE = 100
_ROWS = ("trendingScore", "downloads", "createdAt", "likes")
_EXPANDED = (
    "gguf",
    "downloads",
    "likes",
    "trendingScore",
    "tags",
    "pipeline_tag",
    "lastModified",
    "createdAt",
    "gated",
    "private",
    "sha",
    "siblings",
)
_SORTS = {"downloads": "downloads", "likes": "likes", "trending": "trendingScore", "new": "createdAt"}
_SHOWN = 60


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a refresh is: row and page by their numbers, and where the row goes on.

    `etag` and `mark` are of the first page of all, by which it is known whether anything has changed since.
    """

    endpoint: str = ""
    row: int = 0
    page: int = 0
    path: str = ""
    etag: str = ""
    mark: str = ""
    done: bool = False


@asynccontextmanager
async def open_session(context: Context[HubSettings]) -> AsyncIterator[Session]:
    """Hold a session open; nothing is asked before somebody wants to know something."""
    endpoint = endpoint_of(context.settings, os.environ)
    async with context.http.client(endpoint, token=context.settings.token) as client:
        yield Session(context, Hub(client, endpoint))


class Session:
    """The hub, by `org/repo[/revision]`."""

    def __init__(self, context: Context[HubSettings], hub: Hub) -> None:
        self._context = context
        self._hub = hub

    # --- one repository

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return a build of a repository, or its first one for None.

        Raises:
            NotFound: there is no such repository, revision or build.
            LoginRequired: its licence has to be accepted.
        """
        found = (await self.entry(name)).variants
        if variant is None:
            return found[0]
        for each in found:
            if each.variant.lower() == variant.lower():
                return each
        near = nearest(variant[:_SHOWN], [each.variant for each in found]) or [each.variant for each in found[:8]]
        raise NotFound(
            f"{name} has no build {variant[:_SHOWN]!a}",
            next_step=f"There is: {', '.join(f'{PREFIX}:{name}:{each}' for each in near)}",
        )

    async def entry(self, name: str) -> CatalogEntry:
        """Return a repository with all its builds. Raises as `resolve`."""
        repository, revision = _parts(name)
        self._check_online()
        path = f"/api/models/{quote(repository)}" + (f"/revision/{quote(revision, safe='')}" if revision else "")
        told, _ = await self._hub.get(f"{path}?blobs=true", Repository, repository)
        # A repository that was renamed answers under its new name; what was typed stays what can be typed again.
        told = msgspec.structs.replace(told, id=told.id if is_name(told.id) else repository)
        entry = self._entry(told, name)
        if not entry.variants:
            raise NotFound(
                f"{name} has no files that papin can install",
                next_step=f"Look at {self._hub.endpoint}/{repository}; builds in GGUF often have one of their own.",
            )
        formats = tuple(sorted({each.format for each in entry.variants}))
        return msgspec.structs.replace(entry, name=name, ref=f"{PREFIX}:{name}", formats=formats)

    # --- many

    async def refresh(self, state: str) -> Page:
        """Return the next page of what is trending, popular, new and liked.

        A refresh begins with the first page of the first row; when that is what it was, nothing else is asked for.
        """
        self._check_online()
        at = self._read(state)
        if at.done:
            return await self._begin(at)
        return await self._go_on(at)

    async def _begin(self, last: State) -> Page:
        """Return the first page, unless it is the one that the last refresh began with."""
        sort, tag = self._rows[0]
        told = await self._hub.get_changed(self._path(sort=sort, filter=tag), list[Repository], last.etag)
        if told is None or _mark(told.value) == last.mark:
            return Page(state=_write(last))
        fresh = State(endpoint=last.endpoint, etag=told.etag, mark=_mark(told.value))
        return self._page(fresh, told.value, told.following)

    async def _go_on(self, at: State) -> Page:
        if at == State(endpoint=at.endpoint):
            return await self._begin(at)
        sort, tag = self._rows[at.row]
        found, following = await self._list(at.path or self._path(sort=sort, filter=tag))
        return self._page(at, found, following)

    def _page(self, at: State, found: list[Repository], following: str) -> Page:
        replace = msgspec.structs.replace
        if following and at.page + 1 < self._context.settings.pages:
            after = replace(at, page=at.page + 1, path=following)
        else:
            after = replace(at, row=at.row + 1, page=0, path="")
        if after.row >= len(self._rows):
            after = replace(after, row=0, done=True)
        return Page(state=_write(after), entries=self._entries(found), more=not after.done)

    @property
    def _rows(self) -> list[tuple[str, str]]:
        return [(sort, tag) for sort in _ROWS for tag in self._context.settings.formats]

    def _read(self, state: str) -> State:
        try:
            at = msgspec.json.decode(state or "{}", type=State)
        except msgspec.DecodeError:
            at = State()
        is_sound = 0 <= at.row < len(self._rows) and (not at.path or at.path.startswith("/api/models?"))
        return at if is_sound and at.endpoint == self._hub.endpoint else State(endpoint=self._hub.endpoint)

    async def search(self, query: Query, most: int) -> Sequence[CatalogEntry]:
        """Return what the hub finds for the words of `query`, in its order or the one that is asked for."""
        self._check_online()
        words = " ".join(query.words)[:200].encode(errors="replace").decode()
        sort = _SORTS.get(query.sort, "")
        found: dict[str, CatalogEntry] = {}
        for tag in self._formats(query):
            path = self._path(search=words, filter=tag, sort=sort, limit=min(most, _PAGE))
            listed, _ = await self._list(path)
            found |= {entry.name: entry for entry in self._entries(listed)}
        return tuple(found.values())[:most]

    def _formats(self, query: Query) -> tuple[str, ...]:
        asked = [value for each in query.filters if each.key == "format" for value in each.values]
        return tuple(asked) or self._context.settings.formats

    def _path(self, *, search: str = "", filter: str = "", sort: str = "", limit: int = _PAGE) -> str:  # noqa: A002
        told = {"search": search, "filter": filter, "sort": sort, "limit": limit}
        return "/api/models?" + urlencode(
            [(key, value) for key, value in told.items() if value] + [("expand[]", each) for each in _EXPANDED]
        )

    async def _list(self, path: str) -> tuple[list[Repository], str]:
        return await self._hub.get(path, list[Repository])

    def _entries(self, found: Sequence[Repository]) -> tuple[CatalogEntry, ...]:
        entries = {each.id: self._entry(each, each.id) for each in found if is_name(each.id)}
        return tuple(entries.values())

    def _entry(self, told: Repository, name: str) -> CatalogEntry:
        """Return a repository with its builds; a list names their files and tells no sizes."""
        endpoint, catalog = self._hub.endpoint, self._context.name
        variants = variants_of(told, name, catalog, PREFIX, endpoint, user_named=endpoint != HUB)
        return entry_of(told, catalog, PREFIX, variants)

    def _check_online(self) -> None:
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
            raise Offline("HF_HUB_OFFLINE is set", next_step="Unset it to reach the hub.")


def _parts(name: str) -> tuple[str, str]:
    """Return the repository and the revision of a name. Raises `NotFound` for what can be neither."""
    owner, _, rest = name.partition("/")
    repository, _, revision = rest.partition("/")
    if not is_name(f"{owner}/{repository}"):
        raise NotFound(
            f"the hub has no model {name[:_SHOWN]!a}",
            next_step="Name it as org/repo, as in hf:HuggingFaceTB/SmolLM2-135M-Instruct-GGUF.",
        )
    if revision and not is_name(f"a/{revision.replace('/', '-')}"):
        raise NotFound(f"{revision[:_SHOWN]!a} is no revision", next_step="Name a branch, a tag or a commit.")
    return f"{owner}/{repository}", revision


def _mark(found: Sequence[Repository]) -> str:
    told = "\n".join(f"{each.id} {each.sha} {each.last_modified}" for each in found)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _write(state: State) -> str:
    return msgspec.json.encode(state).decode()
