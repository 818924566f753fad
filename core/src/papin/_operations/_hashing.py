"""Digests of files that are not papin's: read once, and remembered for as long as the file does not change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import trio

from papin._disk import disk_errors
from papin._operations._listings import mark_of
from papin._operations._services import Services
from papin.errors import NotFound
from papin.models import Model, StoredFile
from papin.storages import hash_file

_REPORT_EVERY = 16 << 20
_THREADS = trio.CapacityLimiter(2)  # disks are not faster with more, and somebody works at this machine


async def digest_of(services: Services, path: Path, report: Callable[[int], None]) -> str:
    """Return the digest of the file `path`, which is read only if it changed since it was read last.

    Raises:
        StorageFailed: it cannot be read, or changes while it is.
    """
    hashes = await services.records.read(lambda read: read.hashes())
    known = hashes.get(str(path))
    return known[1] if known and known[0] == await _mark(path) else await hash_anew(services, path, report)


async def _mark(path: Path) -> str:
    with disk_errors(str(path)):
        return mark_of(await trio.to_thread.run_sync(os.stat, path))


async def hash_anew(services: Services, path: Path, report: Callable[[int], None]) -> str:
    """Read the file `path` whole and return its digest, which is remembered; cancelled within a piece.

    Raises:
        StorageFailed: it cannot be read.
    """
    mark = await _mark(path)
    digest = await _read(path, report)
    if await _mark(path) == mark:
        await services.records.change(lambda write: write.save_hash(str(path), mark, digest), durable=False)
    return digest


async def _read(path: Path, report: Callable[[int], None]) -> str:
    told = 0

    def piece(done: int) -> None:
        nonlocal told
        trio.from_thread.check_cancelled()
        if done - told >= _REPORT_EVERY:
            told = done
            trio.from_thread.run_sync(report, done)

    with disk_errors(str(path)):
        return await trio.to_thread.run_sync(lambda: hash_file(path, report=piece), limiter=_THREADS)


async def read_foreign(services: Services, model: Model, file: StoredFile, report: Callable[[int], None]) -> str:
    """Read a file of a model that only a provider has; return `ok`, `damaged` or `missing` as a storage does."""
    try:
        paths = await services.files.paths(model)
    except NotFound:
        return "missing"
    digest = await hash_anew(services, paths[model.files.index(file)], report)
    return "ok" if file.sha256 in ("", digest) else "damaged"
