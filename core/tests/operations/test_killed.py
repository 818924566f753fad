"""A refresh whose process is killed: what was there before stays whole and usable, and the next refresh completes."""

import signal

import pytest
import trio

from .test_discovery import entry, pages

# It kills itself as it records an entry, inside the transaction; or after a page was recorded and told of.
CHILD = """
import os, signal, sys
import trio
from papin._index import _write
from papin.kernel import open_kernel

at, page = int(sys.argv[1]), int(sys.argv[2])
put = _write._Writer.put
seen = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counted(writer, told, known):
    global seen
    if told.catalog == "hub":
        seen += 1
        changed = put(writer, told, known)
        if seen == at:
            die()
        return changed
    return put(writer, told, known)

def on_refresh(done):
    if done.models == page:
        die()

_write._Writer.put = counted

async def main():
    async with open_kernel() as kernel:
        await kernel.catalogs.refresh(["hub"], on_refresh=on_refresh)

trio.run(main)
"""
OLD = [entry(f"acme/old-{number}", ("Q4_K_M", 0.1), downloads=number + 1) for number in range(6)]
RENEWED = [entry(f"acme/old-{number}", ("Q4_K_M", 0.2), downloads=number + 100) for number in range(6)]
NEW = [entry(f"acme/new-{number}", ("Q4_K_M", 0.1), downloads=number) for number in range(6)]


async def found(kernel):
    cards = (await kernel.discovery.search("acme catalog:hub", limit=100)).cards
    return {card.entry.name: card.entry.downloads for card in cards}


@pytest.mark.parametrize(
    ("at", "page", "kept"),
    [(1, 0, OLD), (4, 0, OLD), (6, 0, OLD), (0, 6, RENEWED), (7, 0, RENEWED), (12, 0, RENEWED)],
    ids=["first entry", "amid a page", "before its end", "between pages", "next page", "last entry"],
)
async def test_a_killed_refresh_leaves_whole_pages_and_the_next_one_completes(hub, warm, at, page, kept):
    hub.tell(pages=pages(OLD))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
    told = pages(OLD, RENEWED, NEW)
    hub.tell(pages=told)
    child = await trio.to_thread.run_sync(lambda: warm.run(CHILD, str(at), str(page), environ=hub.environ()))
    assert child.returncode == -signal.SIGKILL
    hub.asked()
    async with hub.kernel() as kernel:
        assert await found(kernel) == {each.name: each.downloads for each in kept}
        (done,) = await kernel.catalogs.refresh(["hub"])
        assert done.problem is None
        assert await found(kernel) == {each.name: each.downloads for each in [*RENEWED, *NEW]}
        assert hub.asked() == (["refresh 1", "refresh 2"] if kept is OLD else ["refresh 2"])
