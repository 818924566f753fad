"""A process that uses a staging area, so that the suite for storages can have several at once.

python -m papin.testing._stager STORAGE FOLDER SETTINGS KEY count TIMES     add one to the number in `data`, TIMES times
python -m papin.testing._stager STORAGE FOLDER SETTINGS KEY hold            say "held", and hold it until stdin ends
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path

import trio

from papin.storages import Storage, StorageSession
from papin.testing.contexts import make_context


def _find(name: str) -> Storage:
    for point in entry_points(group="papin"):
        hook = getattr(point.load(), "papin_storages", None)
        for storage in hook() if hook else ():
            if storage.name == name:
                found: Storage = storage
                return found
    raise SystemExit(f"no installed plugin registers the storage {name}")


async def _count(session: StorageSession, key: str, times: int) -> None:
    for _ in range(times):
        async with session.stage(key, size=None) as area:
            number = int(area.data.read_bytes() or b"0")
            area.data.write_bytes(b"%d" % (number + 1))


async def _hold(session: StorageSession, key: str) -> None:
    async with session.stage(key, size=None) as area:
        area.data.write_bytes(b"begun")
        sys.stdout.write("held\n")
        sys.stdout.flush()
        await trio.to_thread.run_sync(sys.stdin.read)


async def _main(*words: str) -> None:
    name, folder, settings, key, verb, *times = words
    storage = _find(name)
    async with storage.open(make_context(storage, Path(folder), **json.loads(settings))) as session:
        if verb == "count":
            await _count(session, key, int(times[0]))
        else:
            await _hold(session, key)


if __name__ == "__main__":
    trio.run(_main, *sys.argv[1:])
