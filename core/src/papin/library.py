"""What is recorded, to be read without the kernel: no event loop, no plugins, no network.

    with open_library() as library:
        for model in library.models():
            print(model.id, model.size)

Everything here is sync and changes nothing. Where nothing was ever recorded, nothing is found; a registry that is
damaged or of another version raises `RegistryFailed`, and any command that opens the kernel mends it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from papin._disk import mtime
from papin._paths import find_paths
from papin._registry._connections import ReadPool
from papin._registry._schema import FILE_NAME
from papin._registry._summaries import Glance, Summaries
from papin.errors import RegistryFailed

if TYPE_CHECKING:
    from papin._index import Index
    from papin._registry._read import Read
    from papin._registry._wakeup import Follower
    from papin.discovery import Found, Update
    from papin.events import Envelope
    from papin.models import Job, Model, Speed

__all__ = ["Library", "Summaries", "open_library"]

T = TypeVar("T")


class Library:
    """The recorded models, jobs and events. A context manager; may be used from any thread.

    Raises (all methods):
        RegistryFailed: the database is locked, damaged, forbidden, or of another schema version.
    """

    def __init__(self, file: Path, run: Path) -> None:
        self._folder = file.parent
        self._pool = ReadPool(file)
        self._glance = Glance(self._pool.snapshot)
        self._run = run

    @cached_property
    def _read(self) -> Read:
        # What makes values needs msgspec, and with it as long as a list of some thousand models takes.
        from papin._registry._read import Read  # noqa: PLC0415

        return Read(self._pool.snapshot)

    def models(self) -> tuple[Model, ...]:
        """Return all models of this machine: the installed ones by id, then those that only providers have."""
        return self._read.everything()

    def summaries(self) -> Summaries:
        """Return what a list shows of the models of this machine, by id: much faster than `models`."""
        return self._glance.summaries()

    def recent(self) -> str:
        """Return the id of the installed model that was used last, or installed since; empty where none is."""
        return self._glance.recent()

    def is_current(self) -> bool:
        """Tell whether what providers have is still as recorded, as far as the time stamps of their folders tell.

        Where it is not, `kernel.providers.refresh_stale()` brings it up to date; nobody is asked here.
        """
        stamps = self._glance.stamps()
        return stamps is not None and all(mtime(path) == recorded for path, recorded in stamps)

    def payload_bytes(self) -> int:
        """Return how many bytes the payloads of all models have, each counted once."""
        return self._glance.payload_bytes()

    def model_ids(self) -> tuple[str, ...]:
        """Return the ids of all installed models, sorted."""
        return self._glance.model_ids()

    def find(self, text: str) -> Model:
        """Return the model that `text` means: its id, what it was installed from, or an unambiguous begin of its id.

        Papin's own models come first; then those of providers, by `PROVIDER:NAME`, the provider's name for it, or its
        begin; then the only build here of a model of a catalog (`hf:org/repo`).

        Raises:
            NotFound: nothing is called so; the nearest ids are listed.
            Ambiguous: several models are; they are listed.
        """
        return self._read.find_anywhere(text)

    def speeds(self, model: Model) -> tuple[Speed, ...]:
        """Return how fast a model was measured to be, the latest first: the last time on each machine."""
        return self._read.speeds(model)

    def search(self, text: str = "", limit: int = 20) -> Found | None:
        """Return what `text`, in the language of `papin.query`, finds of what the catalogs have.

        None: nothing was ever asked of them, so a kernel has to (`kernel.discovery.search`).

        Raises:
            NameInvalid: a value in it cannot be understood.
            NotFound: it names a provider that is not here.
        """
        # Most commands search nothing.
        from papin._index import Index, _here, _read  # noqa: PLC0415
        from papin._index._installed import Recorded  # noqa: PLC0415
        from papin.query import parse  # noqa: PLC0415

        installed = Recorded(self._read)

        def find(connection: sqlite3.Connection) -> Found | None:
            asked = parse(text, _read.prefixes(connection))
            here = _here.load_here(connection)
            return None if here is None else _read.find(connection, asked, limit, here, installed)

        return self._in_index(Index(self._folder), find)

    def updates(self) -> tuple[Update, ...]:
        """Return the updates of installed models that the last checks found; nobody is asked."""
        from papin._index import Index  # noqa: PLC0415
        from papin._index._offers import offers  # noqa: PLC0415

        index = Index(self._folder)
        if not index.exists:
            return ()
        try:
            found = self._in_index(index, offers)
        except RegistryFailed:  # it can be made anew, and no list of models waits for that
            return ()
        here = set(self._glance.model_ids())
        return tuple(update for model, update in found.items() if model in here)

    def complete_search(self, text: str) -> list[str]:
        """Return what the last word of a search may become."""
        from papin._index import Index, _here, _read  # noqa: PLC0415
        from papin.query import complete  # noqa: PLC0415

        def find(connection: sqlite3.Connection) -> list[str]:
            here = _here.load_here(connection)
            providers = sorted(here.providers) if here else []
            return complete(text, lambda key: providers if key == "provider" else _read.values(connection, key))

        return self._in_index(Index(self._folder), find)

    def _in_index(self, index: Index, work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(index):
            return index.read(work)

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs that are remembered, the oldest first; those whose process died are interrupted."""
        return tuple(self._told(job) for job in self._read.jobs())

    def job(self, job_id: str) -> Job:
        """Return the job whose id is `job_id` or the only one that begins so.

        Raises:
            NotFound: there is none.
            Ambiguous: there are several.
        """
        return self._told(self._read.job(job_id))

    def _told(self, job: Job) -> Job:
        """Return a job as it is: one whose process died is recorded as interrupted only by the next kernel."""
        import msgspec  # noqa: PLC0415  as for `_read`

        from papin._registry._jobs import OPEN  # noqa: PLC0415
        from papin._registry._owner import is_alive  # noqa: PLC0415

        if job.state not in OPEN or is_alive(self._read.job_owner(job.id)):
            return job
        return msgspec.structs.replace(job, state="interrupted", waiting="", waits_until=None)

    def events(self, since: int = 0, limit: int = 1000) -> list[Envelope]:
        """Return at most `limit` journalled events after number `since`, in order.

        When some of those are no longer kept (or `since` was never given), the first one is a `Lagged`: its `missed`
        counts what is gone, and its `seq` is the number to go on from. So `since = envelope.seq` is always right.
        """
        return self._read.events(since, limit)

    def last_seq(self) -> int:
        """Return the number of the latest journalled event, 0 before the first."""
        return self._read.last_seq()

    def follow(self, since: int | None = None) -> Generator[Envelope, None, None]:
        """Return the journalled events after number `since` (None: from now on) as they come, without end.

        Asking for the next one blocks until there is one. Close it, or let it be collected, to stop.

        Raises:
            StorageFailed: the folder for the wake-ups cannot be made.
        """
        from papin._registry._wakeup import Follower  # noqa: PLC0415

        follower = Follower(self._run)
        return self._following(follower, self.last_seq() if since is None else since)

    def _following(self, follower: Follower, last: int) -> Generator[Envelope, None, None]:
        with closing(follower):
            while True:
                follower.drain()
                while found := self.events(last):
                    for envelope in found:
                        assert envelope.seq is not None
                        last = envelope.seq
                        yield envelope
                follower.wait()

    def close(self) -> None:
        """Close the database."""
        self._pool.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()


def open_library(environ: Mapping[str, str] = os.environ) -> Library:
    """Open the registry of this user, or of `PAPIN_HOME`, for reading.

    Raises:
        ConfigInvalid: `PAPIN_HOME` is no folder of its own.
    """
    paths = find_paths(environ)
    return Library(paths.data / FILE_NAME, paths.run)
