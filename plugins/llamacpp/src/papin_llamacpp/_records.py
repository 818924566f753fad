"""The engines of this machine as files in the run folder: records, locks, marks of use, and logs.

An engine is `<engine>.lock` (held by its host for its whole life, so that a free lock means a dead engine whatever
became of its process number), `<engine>.json` (the record), `<engine>.use` (how long to keep it, and, by its time
stamp, when it was last used) and `<engine>.log`. Everything here blocks for microseconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from pathlib import Path

import msgspec

from papin.names import place
from papin_llamacpp._spec import Record

__all__ = ["Engines", "Use"]

_SUFFIXES = (".json", ".use", ".key", ".log", ".lock")
_NEW = os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What `<engine>.use` holds: seconds of idleness after which the engine ends."""

    keep_alive: float


def write_privately(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, readable by the user only."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    fd = os.open(new, os.O_WRONLY | _NEW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


class Engines:
    """The engines whose files lie in the folder `run`."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def path(self, engine: str, suffix: str) -> Path:
        """Return the path of one of an engine's files."""
        return place(self.run, f"{engine}{suffix}")

    def loading_lock(self, model: str) -> Path:
        """Return the path of the lock under which `model` is loaded, by one process at a time."""
        # The id of a model that another program keeps (`ollama:qwen3:0.6b`) is no file name.
        return place(self.run, f"{hashlib.sha256(model.encode()).hexdigest()}.loading")

    def reserve(self, keep_alive: float) -> tuple[str, int]:
        """Make the files of a new engine; return its name and the descriptor of its lock, which is held."""
        while True:
            engine = secrets.token_hex(8)
            fd = os.open(self.path(engine, ".lock"), os.O_RDWR | _NEW, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:  # else somebody swept it between the two lines above
                break
            os.close(fd)
        try:
            write_privately(self.path(engine, ".use"), msgspec.json.encode(Use(keep_alive=keep_alive)))
        except OSError:
            self.forget(engine)
            os.close(fd)
            raise
        return engine, fd

    def is_alive(self, engine: str) -> bool:
        """Tell whether the host of `engine` lives, which is whether it holds its lock."""
        try:
            fd = os.open(self.path(engine, ".lock"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            # Shared, so that two who ask at once do not take each other for the host.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def record(self, engine: str) -> Record | None:
        """Return the record of `engine`, or None where there is none that can be read."""
        try:
            return msgspec.json.decode(self.path(engine, ".json").read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError):
            return None

    def alive(self) -> list[Record]:
        """Return the engines that live and have their model in memory; sweep the files of dead ones."""
        found = []
        for lock in self.run.glob("*.lock"):
            if not self.is_alive(lock.stem):
                self.forget(lock.stem)
            elif record := self.record(lock.stem):
                found.append(record)
        return sorted(found, key=lambda record: (record.model, record.loaded_at))

    def of(self, model: str) -> list[Record]:
        """Return the live engines of `model`."""
        return [record for record in self.alive() if record.model == model]

    def touch(self, engine: str, keep_alive: float | None = None) -> None:
        """Mark `engine` as used now, and change how long it is kept; nothing happens when it is gone."""
        path = self.path(engine, ".use")
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
            if keep_alive is not None:
                write_privately(path, msgspec.json.encode(Use(keep_alive=keep_alive)))

    def used(self, engine: str) -> tuple[int, float] | None:
        """Return when `engine` was last used (ns since the epoch) and how long it is kept; None when it is gone."""
        path = self.path(engine, ".use")
        try:
            keep_alive = msgspec.json.decode(path.read_bytes(), type=Use).keep_alive
            return path.stat().st_mtime_ns, keep_alive
        except (OSError, msgspec.DecodeError):
            return None

    def forget(self, engine: str) -> None:
        """Remove the files of `engine`, as far as that is possible; what stays is swept another time."""
        for suffix in _SUFFIXES:
            with contextlib.suppress(OSError):
                self.path(engine, suffix).unlink()
