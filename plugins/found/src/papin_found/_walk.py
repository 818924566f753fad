# ruff: noqa: PTH114, PTH115, PTH116, PTH123  # thousands of paths: a Path of each takes longer than the system calls
"""Reads folders of others: each once, within bounds, with its time stamp, and nothing that is not finished."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from papin.errors import ProviderFailed
from papin.inventories import Stamp, stamp

__all__ = ["File", "Walker", "is_finished"]

_MOST = 200_000
_DEEPEST = 8
_TEXT = 4 << 20
# All that programs and downloaders call what is not whole yet, and what macOS puts beside files on foreign disks.
_UNFINISHED = re.compile(
    r"\._.*|(?:incomplete|downloading)[-_].*|.*\.(?:part|partial|incomplete|downloadinprogress|crdownload|aria2|tmp(?:-[^.]*)?)"
    r"|.*-partial(?:-\d+)?|.*\.lock",
    re.IGNORECASE | re.DOTALL,
)


def is_finished(name: str) -> bool:
    """Tell whether a file of that name is whole, and can be shown."""
    return name.isprintable() and not _UNFINISHED.fullmatch(name)


class File(NamedTuple):
    """A regular file, behind all links. `inode` is (device, inode), `link` what the first link to it says."""

    name: str
    path: str
    size: int
    mtime: float
    inode: tuple[int, int]
    link: str = ""


def _nothing() -> None:
    """Let it go on."""


class Walker:
    """Remembers where it was: no folder is read twice, so that loops of links end, and stamps are taken before.

    `check` is called now and then, and may raise to end it.
    """

    def __init__(self, check: Callable[[], None] = _nothing) -> None:
        self._check = check
        self._stamps: list[Stamp] = []
        self._seen: set[tuple[int, int]] = set()
        self._left = _MOST

    @property
    def stamps(self) -> tuple[Stamp, ...]:
        """What was read, as it was before."""
        return tuple(self._stamps)

    def mark(self, path: str) -> None:
        """Take the stamp of a folder or file, which need not be there."""
        self._stamps += stamp([path])

    def root(self, folder: str) -> bool:
        """Begin with `folder`; tell whether it is there.

        Raises:
            ProviderFailed: it is there and cannot be read.
        """
        self.mark(folder)
        try:
            with os.scandir(folder):
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise ProviderFailed(
                f"{folder} cannot be read: {error.strerror}",
                next_step="Let yourself read it, or set another folder for this provider.",
            ) from error

    def look(self, folder: str) -> tuple[dict[str, str], dict[str, File]]:
        """Return the paths of the folders in `folder`, links to folders included, and its finished files, by name."""
        entries = self._entries(folder)
        folders = {entry.name: entry.path for entry in entries if _is_folder(entry)}
        return folders, {file.name: file for file in _finished(entries)}

    def folders(self, folder: str) -> dict[str, str]:
        """Return the paths of the folders in `folder` by name."""
        return {entry.name: entry.path for entry in self._entries(folder) if _is_folder(entry)}

    def files(self, folder: str) -> dict[str, File]:
        """Return the finished files in `folder` by name."""
        return self.look(folder)[1]

    def tree(self, folder: str, deep: int = _DEEPEST) -> Iterator[tuple[str, File]]:
        """Yield the finished files below `folder` with their paths in it."""
        folders, files = self.look(folder)
        yield from files.items()
        for name, each in folders.items() if deep else ():
            for path, file in self.tree(each, deep - 1):
                yield f"{name}/{path}", file

    def file(self, path: str) -> File | None:
        """Return a file that something else named, or None where there is none."""
        folder, _, name = path.rpartition("/")
        self.mark(folder)
        return _regular(name, path) if is_finished(name) else None

    def read(self, path: str, *, mark: bool = True) -> bytes:
        """Return what a small file holds, nothing for one that is not there, no file, or not small."""
        if mark:
            self.mark(path)
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return b""
            with open(path, "rb", buffering=0) as file:
                held = file.read(_TEXT + 1)
        except OSError:
            return b""
        return held if len(held) <= _TEXT else b""

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """Return what is in a folder that was not read before; nothing where it cannot be read."""
        self._check()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in self._seen:
                return []
            self._seen.add((status.st_dev, status.st_ino))
            self.mark(folder)
            with os.scandir(folder) as found:
                entries = [entry for _, entry in zip(range(self._left), found, strict=False)]
        except OSError:
            return []
        self._left -= len(entries)
        return sorted((entry for entry in entries if entry.name.isprintable()), key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _finished(entries: list[os.DirEntry[str]]) -> Iterator[File]:
    names = {entry.name for entry in entries}
    for entry in entries:
        # aria2 gives a file its final name at once, and a control file beside it until it is whole.
        if not is_finished(entry.name) or f"{entry.name}.aria2" in names:
            continue
        if found := _regular(entry.name, entry.path, is_link=entry.is_symlink()):
            yield found


def _regular(name: str, path: str, *, is_link: bool = True) -> File | None:
    try:
        status = os.stat(path)
        link = os.readlink(path) if is_link and os.path.islink(path) else ""
    except OSError:  # a link to nothing, a loop, or it is gone
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return File(name, path, status.st_size, status.st_mtime, (status.st_dev, status.st_ino), link)
