"""A file that is on this machine already: of an installed package, or named by the user."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import msgspec

from papin._transfers._disk import disk_errors, in_thread
from papin._transfers._meter import Meter
from papin._transfers._notes import forget_notes
from papin._transfers._received import Received
from papin._transfers._sums import Digest
from papin.errors import DigestMismatch, FormatInvalid, NotFound, SourceChanged, StorageFailed
from papin.models import FileSource, PackageSource, WantedFile
from papin.sizes import size_text
from papin.storages import Staging, StorageSession, hash_file

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file: where, how large, and when it was changed last, in nanoseconds."""

    path: Path
    size: int
    changed: int
    inode: tuple[int, int]


def locate(source: PackageSource | FileSource) -> Found:
    """Return the file of `source`. Blocks.

    Raises:
        NotFound: the package or the file is not there.
        StorageFailed: it is not a regular file, or cannot be read.
        FormatInvalid: it is empty.
    """
    return _look(_package_file(source) if isinstance(source, PackageSource) else _named_file(source))


def _named_file(source: FileSource) -> Path:
    try:
        path = Path(source.path).expanduser().absolute()
    except RuntimeError:  # ~ of a user that does not exist
        path = Path(source.path)
    if "\0" in source.path:
        raise NotFound("there is no file with a NUL in its name", next_step="Check the path.")
    return path


def _package_file(source: PackageSource) -> Path:
    missing = NotFound(
        f"the package {source.distribution} with the file {source.path} is not installed",
        next_step=f"Install it (uv pip install {source.distribution}), or use another source.",
    )
    try:
        files = metadata.files(source.distribution) or []
    except metadata.PackageNotFoundError:
        raise missing from None
    # Only what the package itself lists, and nothing that climbs out of where packages are.
    listed = next((each for each in files if str(each) == source.path), None)
    if listed is None or listed.is_absolute() or ".." in listed.parts:
        raise missing
    return Path(os.fspath(listed.locate()))


def _look(path: Path) -> Found:
    # The opened file is judged and not its name: a pipe is not waited for, a device is not read.
    try:
        with disk_errors(str(path)):
            handle = os.open(path, _OPEN)
    except StorageFailed as error:
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(handle)
    finally:
        os.close(handle)
    if not stat.S_ISREG(status.st_mode):
        raise _not_a_file(path, _KINDS.get(stat.S_IFMT(status.st_mode), "something else"))
    if not status.st_size:
        raise FormatInvalid(f"{path} is empty", next_step="Give the path of a model file.")
    return Found(path=path, size=status.st_size, changed=status.st_mtime_ns, inode=(status.st_dev, status.st_ino))


def _unreadable(path: Path, error: StorageFailed) -> NotFound | StorageFailed:
    if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
        return NotFound(f"there is no file {path}", next_step="Check the path.")
    if not path.is_file() and path.exists():
        return _not_a_file(path, "a socket or a device")  # which cannot even be opened
    return error


def _not_a_file(path: Path, kind: str) -> StorageFailed:
    return StorageFailed(f"{path} is {kind}, not a file", next_step="Give the path of a model file.")


async def take_local(
    wanted: WantedFile, found: Found, storage: StorageSession, staging: Staging, meter: Meter
) -> Received:
    """Put the file into `staging`.

    Raises:
        DigestMismatch: it is not what was promised; nothing of it is kept.
        SourceChanged: somebody writes to it at this moment.
        StorageFailed, DiskSpace: it could not be taken.
    """
    if wanted.size not in (None, found.size):
        raise DigestMismatch(
            f"{found.path} has {size_text(found.size)}, where {size_text(wanted.size or 0)} were promised",
            next_step="It is another file, or a part of it: use another source.",
        )
    await in_thread(forget_notes, staging.folder)
    meter.enter("downloading", total=found.size)
    how = await storage.take(staging, found.path)
    meter.enter("verifying")
    try:
        digest = await in_thread(_hash_and_sync, staging.data, found.size, meter.show_from_thread)
        sha256 = digest.hexdigest()
        await in_thread(_check, wanted, found, sha256)
    except (DigestMismatch, SourceChanged):
        await in_thread(_drop, staging.data)
        raise
    return Received(sha256=sha256, size=found.size, how=how, sums=digest.sums)


def _check(wanted: WantedFile, found: Found, digest: str) -> None:
    if _look(found.path) != found:
        raise SourceChanged(
            f"{found.path} changes while it is read", next_step="Wait until whatever writes it is done."
        )
    if wanted.sha256 not in (None, digest):
        raise DigestMismatch(
            f"{found.path} is not what was promised: its SHA-256 is {digest[:16]}..., not {str(wanted.sha256)[:16]}...",
            next_step="It is damaged or another file: use another source.",
        )


def _hash_and_sync(data: Path, size: int, report: Callable[[int], None]) -> Digest:
    digest, seen = Digest(), 0

    def count(done: int) -> None:
        nonlocal seen
        seen = done
        report(done)

    with disk_errors(str(data)):
        hash_file(data, report=count, into=digest)
        _sync(data)
    if seen != size:
        raise SourceChanged(
            f"{size_text(seen)} could be read of a file of {size_text(size)}", next_step="Check the file and its disk."
        )
    return digest


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _drop(data: Path) -> None:
    # By its name: it may be a hard link to the file of the user, who keeps it.
    with disk_errors(str(data)):
        data.unlink(missing_ok=True)
