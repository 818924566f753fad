"""A model's files under names in another program's folder, and taking back just those.

    how = share(models_dir / "qwen3", {"qwen3.gguf": path}, folders.data / "shares" / "qwen3.json")
    take_back(folders.data / "shares" / "qwen3.json")

What was made is noted before anybody can lose track of it, each name with the inode that it got. So after a crash it
can be taken back, a name that somebody else has given to another file since is left alone, and nothing that papin did
not make is ever removed. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from papin._disk import disk_errors
from papin.errors import Conflict
from papin.links import is_same_file, link, write
from papin.models import How, Value

__all__ = ["is_shared", "share", "take_back"]

_WORSE: tuple[How, ...] = ("reflink", "hardlink", "symlink", "copy")


class _Made(Value, frozen=True, kw_only=True):
    """A name: what for, how, and the inode of the name itself (of a symlink, its own).

    One that was there already, and led to the same file, is `adopted`: it is not taken back.
    """

    name: str
    source: str
    how: How
    device: int
    inode: int
    adopted: bool = False


class _Note(Value, frozen=True, kw_only=True):
    """What was made in `folder`; `begun` is the name that was being made when this was written."""

    folder: str
    made: tuple[_Made, ...] = ()
    begun: tuple[str, str] | None = None


def share(folder: Path, files: Mapping[str, Path], note: Path, *, allow_copy: bool = False) -> How:
    """Give the files, by plain names, to `folder`, which is made where it is missing; return how, the worst of them.

    `note` is a file of papin's own, and stands for this share. Doing it twice is once.

    Raises:
        Conflict: `folder` has something else under one of the names, or the note is of another folder.
        StorageFailed: a folder cannot be written, or no way works that is allowed; what was begun is taken back.
        DiskSpace: a copy does not fit.
    """
    before = _read(note)
    if before and before.folder != str(folder):
        raise Conflict(
            f"it is shared already, in {before.folder}", next_step="Take that back first: papin models unshare."
        )
    kept = {each.name: each for each in (before.made if before else ()) if _is_ours(folder, each)}
    with disk_errors(str(folder)):
        note.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
    try:
        made = dict(kept)
        for name, source in files.items():
            if name in made and made[name].source == str(source):
                continue
            is_new = before is not None and before.begun == (name, str(source))
            adopted = not is_new and os.path.lexists(folder / name)
            begun = None if adopted else (name, str(source))
            _write(note, _Note(folder=str(folder), made=tuple(made.values()), begun=begun))
            found = _make(folder, name, source, allow_copy=allow_copy)
            made[name] = msgspec.structs.replace(found, adopted=adopted)
        _write(note, _Note(folder=str(folder), made=tuple(made.values())))
    except BaseException:
        _give_up(note, kept)
        raise
    return max((each.how for each in made.values()), key=_WORSE.index)


def _make(folder: Path, name: str, source: Path, *, allow_copy: bool) -> _Made:
    how = link(source, folder / name, allow_copy=allow_copy)
    with disk_errors(str(folder / name)):
        status = (folder / name).lstat()
    return _Made(name=name, source=str(source), how=how, device=status.st_dev, inode=status.st_ino)


def _give_up(note: Path, kept: Mapping[str, _Made]) -> None:
    """Take back what this attempt made; what was there before it stays."""
    now = _read(note)
    if now is None:
        return
    folder = Path(now.folder)
    _remove(folder, [each for each in now.made if each.name not in kept], now.begun)
    if kept:
        _write(note, _Note(folder=now.folder, made=tuple(kept.values())))
    else:
        _forget(folder, note)


def is_shared(note: Path) -> bool:
    """Tell whether all that `note` tells of is still there as papin made it."""
    known = _read(note)
    return known is not None and known.begun is None and all(_is_ours(Path(known.folder), each) for each in known.made)


def take_back(note: Path) -> bool:
    """Remove the names that `note` tells of, the folder when nothing is left in it, and the note.

    Return whether there was such a share. A name that stands for another file by now is left alone.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    known = _read(note)
    if known is None:
        return False
    folder = Path(known.folder)
    with disk_errors(str(folder)):
        _remove(folder, known.made, known.begun)
        _forget(folder, note)
    return True


def _remove(folder: Path, made: tuple[_Made, ...] | list[_Made], begun: tuple[str, str] | None) -> None:
    for each in made:
        if not each.adopted and _is_ours(folder, each):
            (folder / each.name).unlink()
    # Of a name that was being made, only the source is known: it is ours if it leads there.
    if begun and begun[0] not in {each.name for each in made} and is_same_file(Path(begun[1]), folder / begun[0]):
        (folder / begun[0]).unlink()


def _forget(folder: Path, note: Path) -> None:
    with contextlib.suppress(OSError):  # something else is in it, or it is gone
        folder.rmdir()
    note.unlink(missing_ok=True)


def _is_ours(folder: Path, made: _Made) -> bool:
    try:
        status = os.lstat(folder / made.name)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (made.device, made.inode)


def _read(note: Path) -> _Note | None:
    try:
        return msgspec.json.decode(note.read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        return None


def _write(note: Path, what: _Note) -> None:
    write(note, msgspec.json.encode(what), replace=True, mode=0o600)
