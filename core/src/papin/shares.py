"""A model's files under names in another program's folder, and taking back just those.

    how = share(models_dir / "qwen3", {"qwen3.gguf": path}, folders.data / "shares" / "qwen3.json")
    take_back(folders.data / "shares" / "qwen3.json")

What is made is noted before it gets its name, and each name with the inode that it gets. So after a crash it can be
taken back or gone on with, a name that somebody else has given to another file since is left alone, and nothing that
papin did not make is ever removed. Everything here blocks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from papin._disk import disk_errors
from papin.errors import Conflict, StorageFailed
from papin.links import link, write
from papin.models import How, Value

__all__ = ["is_shared", "share", "take_back"]

_WORSE: tuple[How, ...] = ("reflink", "hardlink", "symlink", "copy")


class _Made(Value, frozen=True, kw_only=True):
    """A name: what for, and the inode of the name itself (of a symlink, its own).

    One that was there already, and led to the same file, is `adopted`: it is not taken back.
    """

    name: str
    source: str
    how: How
    device: int
    inode: int
    adopted: bool = False


class _Making(Value, frozen=True, kw_only=True):
    """What is being made: `aside` is its temporary name, and its inode is known (not 0) before it gets `name`."""

    name: str
    source: str
    aside: str
    device: int = 0
    inode: int = 0


class _Note(Value, frozen=True, kw_only=True):
    """What was made in `folder`, and what was being made when this was written."""

    folder: str
    made: tuple[_Made, ...] = ()
    making: _Making | None = None


class _Share:
    """A share that is being made: what is there so far, noted at each step."""

    def __init__(self, folder: Path, note: Path, made: Iterable[_Made]) -> None:
        self._folder = folder
        self._note = note
        self._kept = {each.name: each for each in made}
        self._made = {**self._kept}
        self._making: _Making | None = None

    @property
    def how(self) -> How:
        """The worst of the ways."""
        return max((each.how for each in self._made.values()), key=_WORSE.index)

    def add(self, name: str, source: Path, *, allow_copy: bool) -> None:
        """Give a file its name, unless it has it."""
        if name in self._made and self._made[name].source == str(source):
            return

        def note(aside: Path) -> None:
            device, inode = _inode(aside) or (0, 0)
            self._making = _Making(name=name, source=str(source), aside=aside.name, device=device, inode=inode)
            self._write()

        self._making = None
        how = link(source, self._folder / name, allow_copy=allow_copy, note=note)
        adopted = self._making is None
        with disk_errors(str(self._folder / name)):
            status = (self._folder / name).lstat()
        self._made[name] = _Made(
            name=name, source=str(source), how=how, device=status.st_dev, inode=status.st_ino, adopted=adopted
        )
        self._making = None

    def finish(self) -> None:
        """Note that nothing more is made."""
        self._making = None
        self._write()

    def give_up(self) -> None:
        """Take back what was made here; what was there before it stays."""
        with disk_errors(str(self._folder)):
            _remove(self._folder, [each for each in self._made.values() if each.name not in self._kept], self._making)
        if self._kept:
            self._made = self._kept
            self.finish()
        else:
            _forget(self._folder, self._note)

    def _write(self) -> None:
        what = _Note(folder=str(self._folder), made=tuple(self._made.values()), making=self._making)
        write(self._note, msgspec.json.encode(what), replace=True, mode=0o600)


def share(folder: Path, files: Mapping[str, Path], note: Path, *, allow_copy: bool = False) -> How:
    """Give the files, by plain names, to `folder`, which is made where it is missing; return how, the worst of them.

    `note` is a file of papin's own, and stands for this share. Doing it twice is once.

    Raises:
        Conflict: `folder` has something else under one of the names, or the note is of another folder.
        StorageFailed: a folder cannot be written, or no way works that is allowed; what was begun is taken back. Or
            the note cannot be read; nothing is done then.
        DiskSpace: a copy does not fit.
    """
    before = _read(note)
    if before and before.folder != str(folder):
        raise Conflict(
            f"it is shared already, in {before.folder}", next_step="Take that back first: papin models unshare."
        )
    with disk_errors(str(folder)):
        note.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if before:
            _remove(folder, (), before.making)
    made = _Share(folder, note, [each for each in (before.made if before else ()) if _is_there(folder, each)])
    try:
        for name, source in files.items():
            made.add(name, source, allow_copy=allow_copy)
        made.finish()
    except BaseException:
        made.give_up()
        raise
    return made.how


def is_shared(note: Path) -> bool:
    """Tell whether all that `note` tells of is still there as papin made it.

    Raises:
        StorageFailed: the note cannot be read.
    """
    known = _read(note)
    if known is None or known.making is not None:
        return False
    return all(_is_there(Path(known.folder), each) for each in known.made)


def take_back(note: Path) -> bool:
    """Remove the names that `note` tells of, the folder when nothing is left in it, and the note.

    Return whether there was such a share. A name that stands for another file by now is left alone.

    Raises:
        StorageFailed: the folder cannot be written; or the note cannot be read, and nothing is removed.
    """
    known = _read(note)
    if known is None:
        return False
    folder = Path(known.folder)
    with disk_errors(str(folder)):
        _remove(folder, known.made, known.making)
        _forget(folder, note)
    return True


def _remove(folder: Path, made: Iterable[_Made], making: _Making | None) -> None:
    for each in made:
        if not each.adopted and _is_there(folder, each):
            (folder / each.name).unlink()
    if making is not None:
        # Before it had all its bytes it had but the temporary name, which nobody else uses.
        (folder / making.aside).unlink(missing_ok=True)
        if _is_there(folder, making):
            (folder / making.name).unlink()


def _forget(folder: Path, note: Path) -> None:
    with contextlib.suppress(OSError):  # something else is in it, or it is gone
        folder.rmdir()
    note.unlink(missing_ok=True)


def _is_there(folder: Path, known: _Made | _Making) -> bool:
    return _inode(folder / known.name) == (known.device, known.inode)


def _inode(path: Path) -> tuple[int, int] | None:
    """Return the device and the inode of the name itself; None when there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _read(note: Path) -> _Note | None:
    """Return what is noted; None when nothing is."""
    try:
        return msgspec.json.decode(note.read_bytes(), type=_Note)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StorageFailed(
            f"papin's note of what it shared, {note}, cannot be read: {error}",
            next_step="Make it readable. If it is damaged, remove it and, by hand, the files that papin shared.",
        ) from error
