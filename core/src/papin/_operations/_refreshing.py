"""Bringing the index up to date with what the catalogs have: page by page, each recorded with the state after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import msgspec
import trio

from papin._index import _read, _write
from papin._operations._services import Services
from papin.catalogs import Catalog, Page, Refreshes
from papin.discovery import Refreshed
from papin.errors import Offline, PapinError, PluginFailed

T = TypeVar("T")

__all__ = ["OnRefresh", "as_told", "refresh", "refresh_all"]

OnRefresh = Callable[[Refreshed], None]

_PAGES = 10_000
_STATE = 64 << 10


async def refresh_all(services: Services, names: list[str], on_refresh: OnRefresh) -> tuple[Refreshed, ...]:
    """Refresh catalogs at the same time; one that fails is told, and leaves the others and what it told before."""
    done: dict[str, Refreshed] = {}

    async def one(name: str) -> None:
        done[name] = await refresh(services, name, on_refresh)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(one, name)
    return tuple(done[name] for name in names)


async def refresh(services: Services, name: str, on_refresh: OnRefresh) -> Refreshed:
    """Refresh one catalog, telling how far it is after each page; who asks at the same time waits for the first."""
    total = Refreshed(catalog=name)
    found = services.plugins.catalogs.get(name)
    if found is None:  # it was removed just now
        return total
    about: Catalog = found.descriptor
    try:
        async with services.locked(f"refresh-{name}"):
            total = await _pages(services, about, on_refresh)
    except PapinError as error:
        problem = error.problem()
        total = Refreshed(catalog=name, problem=problem)
        if not isinstance(error, Offline):  # which is nobody's failure
            await services.index_change(lambda connection: _write.fail(connection, name, about.prefix, problem))
    on_refresh(total)
    return total


async def _pages(services: Services, about: Catalog, on_refresh: OnRefresh) -> Refreshed:
    session = await services.catalog(about.name)
    total = Refreshed(catalog=about.name)
    if not isinstance(session, Refreshes):
        return total
    needs_network = not (about.local or about.bundled or getattr(session, "is_local", False))
    if services.config.core.offline and needs_network:
        raise Offline(f"{about.name} is on the network, which is switched off", next_step="Leave out --offline.")
    state = await services.look_up(lambda connection: _read.state(connection, about.name))
    for _ in range(_PAGES):
        with services.sessions.guard(f"catalog {about.name}"):
            page = as_told(await session.refresh(state), Page)
            _check(about.name, state, page)
        now = datetime.now(UTC)
        check = trio.from_thread.check_cancelled
        put = partial(_write.put, catalog=about.name, prefix=about.prefix, page=page, now=now, check=check)
        stored = await services.index_change(put, more=page.more)
        total = Refreshed(
            catalog=about.name,
            changed=total.changed + stored.changed,
            gone=total.gone + stored.gone,
            refused=total.refused + stored.refused,
            models=total.models + len(page.entries),
        )
        state = page.state
        if not page.more:
            return total
        on_refresh(total)
    raise PluginFailed(f"the catalog {about.name} never ends", next_step="Tell its authors.")


def as_told(value: object, kind: type[T]) -> T:
    """Return what a plugin told if it is a `kind` throughout: Structs do not check their fields when they are made.

    Raises:
        Exception: it is not, or holds what is no text; for the guard of its session.
    """
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)


def _check(name: str, before: str, page: Page) -> None:
    if len(page.state.encode(errors="replace")) > _STATE:
        raise PluginFailed(f"the catalog {name} tells a state that is too long", next_step="Tell its authors.")
    if page.more and page.state == before:
        raise PluginFailed(f"the catalog {name} tells the same page for ever", next_step="Tell its authors.")
