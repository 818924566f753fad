"""The changing half of the registry: what may be done inside one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime

import msgspec

from papin._registry import _journal
from papin._registry._inventories import (
    forget_inventories,
    load_remarks,
    save_hash,
    save_inventory,
    save_plugin_stamps,
    save_remark,
)
from papin._registry._jobs import ENDED, OPEN, insert_job, load_jobs, owner_of, update_job
from papin._registry._load import load_versions
from papin._registry._lookup import is_taken, model_key, unclear_job
from papin._registry._meta import rebuilt
from papin._registry._owner import Owner, is_alive
from papin._registry._read import Read
from papin._registry._sources import save_sources
from papin._registry._speeds import save_speed
from papin._registry._store import check, insert_model, replace_model
from papin._registry._times import to_stored
from papin.errors import Conflict, NameInvalid, RegistryFailed
from papin.events import Envelope, Event
from papin.inventories import Inventory, Remark, Stamp
from papin.models import DownloadSource, Job, Model, Progress, Speed, StoredFile

__all__ = ["Write"]

_MOST_WARNINGS = 20


class Write(Read):
    """One transaction: reads in it see its own changes, and an exception that leaves it undoes them all.

    Nothing is journalled by itself: whoever changes something journals the event that tells of it beside it.
    """

    def __init__(self, connection: sqlite3.Connection, now: datetime, *, keep: int = _journal.KEEP) -> None:
        super().__init__(lambda: nullcontext(connection))
        self._connection = connection
        self._keep = keep
        self._now = now
        self.envelopes: list[Envelope] = []

    def journal(self, event: Event) -> Envelope:
        """Record that `event` happened, at the time of this transaction; return it with its number."""
        envelope = _journal.append(self._connection, event, self._now, keep=self._keep)
        self.envelopes.append(envelope)
        return envelope

    # --- models

    def add_model(self, model: Model) -> None:
        """Record a model that is new. Its `size` is counted from its files.

        Raises:
            Conflict: the id is taken.
            NameInvalid: the id, a file name or a digest is malformed.
        """
        check(model)
        if is_taken(self._connection, model.id):
            raise Conflict(
                f"A model called {model.id} is installed already",
                next_step=f"Give the new one another name (--name), or remove it first: papin models remove {model.id}",
            )
        insert_model(self._connection, model)

    def edit_model(self, model: Model) -> None:
        """Record that the model of that id is now `model`, except its usage, which `record_use` alone changes.

        Other files, or another revision, become its new current version; the old ones stay until `drop_versions`.

        Raises:
            NotFound: there is no such model.
            NameInvalid: a file name or a digest is malformed.
        """
        check(model)
        replace_model(self._connection, model_key(self._connection, model.id), model)

    def remove_model(self, model_id: str) -> tuple[StoredFile, ...]:
        """Forget a model and all its versions; return its files that no other model uses, each payload once.

        They are `leftovers` until `drop_leftover`.

        Raises:
            NotFound: there is no such model.
        """
        key = model_key(self._connection, model_id)
        files = [file for version in load_versions(self._connection, key) for file in version.files]
        self._connection.execute("DELETE FROM models WHERE key = ?", (key,))
        return self._unused(files)

    def drop_versions(self, model_id: str, before: datetime | None = None) -> tuple[StoredFile, ...]:
        """Forget the old versions of a model, or those that were replaced before a time.

        Return their files that nothing uses any more, each payload once: they are `leftovers` until `drop_leftover`.

        Raises:
            NotFound: there is no such model.
        """
        key = model_key(self._connection, model_id)
        versions = load_versions(self._connection, key)
        replaced = [each.installed_at for each in versions[1:]]
        old = [each for each, at in zip(versions, replaced, strict=False) if before is None or at < before]
        # They are loaded in the order of their keys, so the oldest are dropped.
        oldest = "SELECT key FROM versions WHERE model = ? AND NOT current ORDER BY key LIMIT ?"
        query = f"DELETE FROM versions WHERE key IN ({oldest})"  # noqa: S608  a constant
        self._connection.execute(query, (key, len(old)))
        return self._unused([file for version in old for file in version.files])

    def expect_payload(
        self, storage: str, sha256: str, size: int, sums: bytes = b"", sources: Sequence[DownloadSource] = ()
    ) -> None:
        """Record a payload that is about to be there; until a model has it, it is one of the leftovers.

        `sums` are the CRC-32 of its chunks, `sources` where it may be had again, as far as they are known.
        """
        query = "INSERT INTO files (sha256, storage, size, format) VALUES (?, ?, ?, '') ON CONFLICT DO NOTHING"
        self._connection.execute(query, (sha256, storage, size))
        if sums:
            self.keep_sums(storage, sha256, sums)
        if sources:
            save_sources(self._connection, storage, sha256, sources)

    def keep_sums(self, storage: str, sha256: str, sums: bytes) -> None:
        """Record the CRC-32 of the chunks of a payload, unless it is not recorded any more."""
        query = "INSERT OR REPLACE INTO sums SELECT key, ? FROM files WHERE sha256 = ? AND storage = ?"
        self._connection.execute(query, (sums, sha256, storage))

    def drop_leftover(self, sha256: str) -> None:
        """Record that the payload of a leftover is gone from its storage; one that is used again stays recorded."""
        query = """
        DELETE FROM files WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM model_files WHERE file = files.key)
        """
        self._connection.execute(query, (sha256,))

    def _unused(self, files: Iterable[StoredFile]) -> tuple[StoredFile, ...]:
        unused = set(self.leftovers())
        found = {(file.storage, file.sha256): file for file in files}
        return tuple(file for place, file in found.items() if place in unused)

    def record_use(self, model_id: str, at: datetime) -> None:
        """Count a use of the model.

        Raises:
            NotFound: there is no such model.
        """
        query = (
            "INSERT INTO usage (model, last_used_at, uses) VALUES (?, ?, 1) ON CONFLICT (model) DO UPDATE SET"
            " uses = uses + 1, last_used_at = max(coalesce(last_used_at, 0), excluded.last_used_at)"
        )
        self._connection.execute(query, (model_key(self._connection, model_id), to_stored(at)))

    def use(self, name: str, at: datetime) -> None:
        """Count a use of a model by papin's id for it or by `PROVIDER:REFERENCE`; an unknown one counts nothing."""
        if is_taken(self._connection, name):
            self.record_use(name, at)
        elif ":" in name:
            provider, _, reference = name.partition(":")
            self.remark(provider, reference, lambda old: _used(old, at))

    def last_use(self, name: str) -> datetime | None:
        """Return when a model was last used, by the same names."""
        if ":" in name:
            provider, _, reference = name.partition(":")
            return load_remarks(self._connection).get((provider, reference), Remark()).last_used_at
        return self.model(name).last_used_at if is_taken(self._connection, name) else None

    def adopt(self, models: Iterable[Model]) -> tuple[str, ...]:
        """Record those of `models` (what the storages remember) whose ids are not recorded; return these ids.

        Doing it twice changes nothing more. One that is malformed, or contradicts what is recorded, is left out. The
        registry no longer needs to be rebuilt after this.
        """
        added = [model.id for model in models if self._adopted(model)]
        rebuilt(self._connection)
        return tuple(added)

    def _adopted(self, model: Model) -> bool:
        if is_taken(self._connection, model.id):
            return False
        self._connection.execute("SAVEPOINT adopt")
        try:
            check(model)
            insert_model(self._connection, model)
        except (NameInvalid, Conflict, RegistryFailed):
            self._connection.execute("ROLLBACK TO adopt")
            return False
        finally:
            self._connection.execute("RELEASE adopt")
        return True

    # --- providers

    def save_inventories(self, found: Iterable[Inventory]) -> None:
        """Record what providers have."""
        for inventory in found:
            save_inventory(self._connection, inventory)

    def save_plugin_stamps(self, stamps: Sequence[Stamp], *, providers: Iterable[str]) -> None:
        """Record where plugins and settings lie, and forget what is not one of `providers` any more."""
        save_plugin_stamps(self._connection, stamps)
        forget_inventories(self._connection, providers)

    def remark(self, provider: str, reference: str, change: Callable[[Remark], Remark]) -> Remark:
        """Change what is said of a model that only a provider has; return it."""
        new = change(load_remarks(self._connection).get((provider, reference), Remark()))
        save_remark(self._connection, provider, reference, new)
        return new

    def move_remark(self, provider: str, reference: str, to: str) -> None:
        """Record that a model of a provider is called otherwise now."""
        said = load_remarks(self._connection).get((provider, reference), Remark())
        save_remark(self._connection, provider, reference, Remark())
        save_remark(self._connection, provider, to, said)

    def save_hash(self, path: str, mark: str, sha256: str) -> None:
        """Record the digest of a file that is not papin's; `mark` changes when the file does."""
        save_hash(self._connection, path, mark, sha256)

    def save_speed(self, sha256: str, speed: Speed) -> None:
        """Record how fast the weights of that digest were measured to be."""
        save_speed(self._connection, sha256, speed)

    def begin_share(self, provider: str, name: str, model_id: str) -> None:
        """Record that a model is being made usable in a provider; `end_share` follows."""
        self._connection.execute("INSERT OR REPLACE INTO shares VALUES (?, ?, ?)", (provider, name, model_id))

    def end_share(self, provider: str, name: str) -> None:
        """Record that a share has ended, whichever way."""
        self._connection.execute("DELETE FROM shares WHERE provider = ? AND name = ?", (provider, name))

    # --- jobs

    def add_job(self, job: Job, request: bytes, owner: Owner) -> None:
        """Record a job, what it was asked to do, and the process that has it.

        Raises:
            Conflict: the id is taken.
        """
        if load_jobs(self._connection, job.id):
            raise Conflict(f"There is a job {job.id} already", next_step="Try again.")
        insert_job(self._connection, job, request, owner)

    def update_job(self, job: Job) -> None:
        """Replace what is recorded of a job; its request, owner, terms, warnings and a request to end it stay.

        Raises:
            NotFound: there is no such job.
        """
        if not update_job(self._connection, job):
            raise unclear_job(self._connection, job.id)

    def set_progress(self, job_id: str, progress: Progress) -> None:
        """Record how far a job is. A job that has ended, or is gone, stays as it is."""
        self._connection.execute(
            "UPDATE jobs SET progress = ?, updated_at = ? WHERE id = ? AND state IN ('queued', 'running')",
            (msgspec.json.encode(progress), to_stored(self._now), job_id),
        )

    def request_cancel(self, job_id: str) -> Job:
        """Ask the process that has the job to end it; return the job as it is now.

        A job whose process is gone is not ended by this: take it first (`take_job`).

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended.
        """
        job = self.job(job_id)
        if job.state in ENDED:
            raise Conflict(f"The job {job.id} has ended: it is {job.state}", next_step="Nothing is left to cancel.")
        self._connection.execute("UPDATE jobs SET cancel = 1 WHERE id = ?", (job.id,))
        return job

    def request_pause(self, job_id: str) -> Job:
        """Ask the process that has the job to pause it; return the job as it is now.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended, or is paused already.
        """
        job = self.job(job_id)
        if job.state in ENDED or job.state == "paused":
            raise Conflict(f"The job {job.id} is {job.state}", next_step="Nothing is left to pause.")
        self._connection.execute("UPDATE jobs SET pause = 1 WHERE id = ?", (job.id,))
        return job

    def set_waiting(self, job_id: str, waiting: str, until: datetime | None = None) -> None:
        """Record what a job waits for and until when, which makes it queued, or that it goes on (an empty text).

        A job that has ended, or is gone, stays as it is.
        """
        self._connection.execute(
            "UPDATE jobs SET waiting = ?, waits_until = ?, state = ? WHERE id = ? AND state IN ('queued', 'running')",
            (waiting, None if until is None else to_stored(until), "queued" if waiting else "running", job_id),
        )

    def add_warning(self, job_id: str, text: str) -> bool:
        """Record what a job has to tell beside its result; return whether it is new.

        Raises:
            NotFound: there is no such job.
        """
        known = self.job(job_id).warnings
        if text in known:
            return False
        warnings = (*known, text)[-_MOST_WARNINGS:]
        query = "UPDATE jobs SET warnings = ? WHERE id = ?"
        self._connection.execute(query, (msgspec.json.encode(warnings), job_id))
        return True

    def set_request(self, job_id: str, request: bytes) -> None:
        """Record what a job was asked, as its owner understands it now."""
        self._connection.execute("UPDATE jobs SET request = ? WHERE id = ?", (request, job_id))

    def set_terms(self, job_id: str, *, limit: int | None, between: str) -> Job:
        """Record how fast a job may be, in bytes a second, and at which time of day; return it as it is then.

        Raises:
            NotFound: there is no such job.
        """
        job = self.job(job_id)
        query = "UPDATE jobs SET speed_limit = ?, hours = ? WHERE id = ?"
        self._connection.execute(query, (limit, between, job.id))
        return self.job(job.id)

    def set_speed_limit(self, limit: int | None) -> None:
        """Record how fast all downloads together may be, in bytes a second; it wins over the configuration."""
        query = "INSERT OR REPLACE INTO meta (name, value) VALUES ('speed_limit', ?)"
        self._connection.execute(query, (str(limit or 0),))

    def set_last_look(self, look: str) -> None:
        """Record when the storage was looked at for what was abandoned."""
        self._connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('last_look', ?)", (look,))

    def take_job(self, job_id: str, owner: Owner) -> Job:
        """Make `owner` the process that has the job, which becomes queued again, without error or request to end it.

        Raises:
            NotFound: there is no such job.
            Conflict: a process that still runs is at it, or it was completed.
        """
        job = self.job(job_id)
        if job.state == "completed":
            raise Conflict(f"The job {job.id} was completed", next_step="Nothing is left to resume.")
        last = owner_of(self._connection, job.id)
        if job.state in OPEN and last != owner and is_alive(last):
            raise Conflict(
                f"The job {job.id} is being worked on by process {last.pid}",
                next_step="Wait for it, or cancel it first.",
            )
        taken = msgspec.structs.replace(
            job, state="queued", error=None, waiting="", waits_until=None, updated_at=self._now
        )
        update_job(self._connection, taken)
        query = "UPDATE jobs SET owner_pid = ?, owner_boot = ?, owner_started = ?, cancel = 0, pause = 0 WHERE id = ?"
        self._connection.execute(query, (owner.pid, owner.boot, owner.started, job.id))
        return taken


def _used(old: Remark, at: datetime) -> Remark:
    last = at if old.last_used_at is None else max(at, old.last_used_at)
    return msgspec.structs.replace(old, uses=old.uses + 1, last_used_at=last)
