"""The reading half of the registry."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from papin._registry import _journal
from papin._registry._inventories import (
    load_asked,
    load_hashes,
    load_inventories,
    load_plugin_stamps,
    load_shelf,
    payloads_of_size,
)
from papin._registry._jobs import load_jobs, owner_of
from papin._registry._load import load_model, load_models, load_versions
from papin._registry._lookup import find_build, find_job, find_model, ids, model_key
from papin._registry._owner import Owner
from papin._registry._sources import load_sources
from papin._registry._speeds import load_speeds
from papin._registry._summaries import Glance
from papin._registry._times import now
from papin.errors import NotFound
from papin.events import Envelope
from papin.inventories import Inventory, Stamp
from papin.models import DownloadSource, Job, Model, Progress, Speed
from papin.shelf import Shelf, merged

__all__ = ["Read"]

# Behind `:` comes `;`.
_ORIGINS_OF = """
SELECT m.ref, m.id FROM json_each(?1) n CROSS JOIN models m ON m.ref = n.value UNION ALL
SELECT m.ref, m.id FROM json_each(?1) n CROSS JOIN models m ON m.ref > n.value || ':' AND m.ref < n.value || ';'
"""
_WEIGHTS = """
SELECT f.sha256, m.id FROM versions v CROSS JOIN models m ON m.key = v.model JOIN model_files mf
ON mf.version = v.key JOIN files f ON f.key = mf.file WHERE +v.current AND mf.role = 'weights'
"""
_WEIGHTS_OF = """
SELECT f.sha256, m.id FROM json_each(?) n CROSS JOIN files f ON f.sha256 >= n.value AND f.sha256 < n.value || 'g'
CROSS JOIN model_files mf ON mf.file = f.key CROSS JOIN versions v ON v.key = mf.version
CROSS JOIN models m ON m.key = v.model WHERE v.current AND mf.role = 'weights'
"""


class Read(Glance):
    """What is recorded. Every method is one snapshot, blocks for milliseconds, and may be called from any thread.

    Raises (all methods):
        RegistryFailed: the database is locked, damaged, forbidden, or of another schema version.
    """

    # --- models

    def models(self) -> tuple[Model, ...]:
        """Return all installed models in the order of their ids."""
        with self._snapshot() as connection:
            return load_models(connection)

    def models_from(self, ref: str) -> tuple[Model, ...]:
        """Return the models that were installed from `ref`, in the order of their ids; much faster than `models`."""
        with self._snapshot() as connection:
            keys = connection.execute("SELECT key FROM models WHERE ref = ? ORDER BY id", (ref,)).fetchall()
            return tuple(load_model(connection, key) for (key,) in keys)

    def everything(self) -> tuple[Model, ...]:
        """Return all models of this machine: the installed ones by id, then those that only providers have."""
        with self._snapshot() as connection:
            return merged(load_models(connection), load_shelf(connection))

    def count(self) -> int:
        """Return how many models are installed."""
        with self._snapshot() as connection:
            return int(connection.execute("SELECT count(*) FROM models").fetchone()[0])

    def origins(self, names: Collection[str] | None = None) -> dict[str, str]:
        """Return the ids of papin's own models by what they were installed from; much faster than `models`.

        With `names` (`catalog:name`) only those that were installed from one of these, or from a variant of it.
        """
        with self._snapshot() as connection:
            if names is None:
                return dict(connection.execute("SELECT ref, id FROM models WHERE ref <> ''"))
            return dict(connection.execute(_ORIGINS_OF, (json.dumps([*names]),)))

    def weights(self, begins: Collection[str] | None = None) -> dict[str, str]:
        """Return the ids of papin's own models by the digests of their weights; much faster than `models`.

        With `begins` only those of digests that begin so.
        """
        with self._snapshot() as connection:
            if begins is None:
                return dict(connection.execute(_WEIGHTS))
            return dict(connection.execute(_WEIGHTS_OF, (json.dumps([*begins]),)))

    def shelf(self) -> Shelf:
        """Return what providers have, as they told it last."""
        with self._snapshot() as connection:
            return load_shelf(connection)

    def model(self, model_id: str) -> Model:
        """Return the model of exactly that id.

        Raises:
            NotFound: there is none.
        """
        with self._snapshot() as connection:
            return load_model(connection, model_key(connection, model_id))

    def find(self, text: str) -> Model:
        """Return the installed model that `text` means: its id, where it came from, or an unambiguous begin of its id.

        Raises:
            NotFound: nothing is called so; the nearest ids are listed.
            Ambiguous: several models are; they are listed.
        """
        with self._snapshot() as connection:
            return load_model(connection, find_model(connection, text))

    def find_anywhere(self, text: str) -> Model:
        """Return what `find` finds, with where it is usable, or else the model of a provider that `text` means.

        A model of a catalog without a variant (`hf:org/repo`) is the only build of it that is here.

        Raises:
            NotFound, Ambiguous: as `find`, and as `papin.shelf.Shelf.find`.
        """
        with self._snapshot() as connection:
            shelf = load_shelf(connection)
            try:
                return shelf.placed(load_model(connection, find_model(connection, text)))
            except NotFound:
                found = shelf.find(text)
                if found is None:
                    build = find_build(connection, text)
                    if build is None:
                        raise
                    return shelf.placed(load_model(connection, build))
                shelved, holding = found
                if shelved.owner and holding is None:
                    return shelf.placed(load_model(connection, model_key(connection, shelved.owner)))
                return shelf.model(shelved, holding)

    def versions(self, model_id: str) -> tuple[Model, ...]:
        """Return what the model was and is, the oldest version first and the current one last.

        Raises:
            NotFound: there is no such model.
        """
        with self._snapshot() as connection:
            return load_versions(connection, model_key(connection, model_id))

    def users(self, sha256: str) -> tuple[str, ...]:
        """Return the ids of the models of which any version has a file with that digest."""
        query = """
        SELECT DISTINCT m.id FROM files f JOIN model_files mf ON mf.file = f.key JOIN versions v ON v.key = mf.version
        JOIN models m ON m.key = v.model WHERE f.sha256 = ? ORDER BY m.id
        """
        with self._snapshot() as connection:
            return ids(connection, query, sha256)

    def sums(self, storage: str, sha256: str) -> bytes:
        """Return the CRC-32 of the chunks of a payload, nothing where they are not known."""
        query = "SELECT s.sums FROM sums s JOIN files f ON f.key = s.file WHERE f.sha256 = ? AND f.storage = ?"
        with self._snapshot() as connection:
            row = connection.execute(query, (sha256, storage)).fetchone()
            return b"" if row is None else bytes(row[0])

    def sources(self, storage: str, sha256: str) -> tuple[DownloadSource, ...]:
        """Return where a payload came from, or may have; nothing where that is not known."""
        with self._snapshot() as connection:
            return load_sources(connection, storage, sha256)

    def speeds(self, model: Model) -> tuple[Speed, ...]:
        """Return how fast the weights of a model were measured to be on each machine, the latest first."""
        sha256 = next((file.sha256 for file in model.files if file.role == "weights"), "")
        with self._snapshot() as connection:
            return load_speeds(connection, sha256)

    def leftovers(self) -> tuple[tuple[str, str], ...]:
        """Return the payloads that no model uses and that are still to be removed, as (storage, digest)."""
        query = """
        SELECT storage, sha256 FROM files WHERE NOT EXISTS (SELECT 1 FROM model_files WHERE file = files.key)
        ORDER BY sha256
        """
        with self._snapshot() as connection:
            return tuple(connection.execute(query))

    # --- providers

    def inventories(self, names: Iterable[str] | None = None) -> tuple[Inventory, ...]:
        """Return what is recorded of each provider, or of those in `names`, by its name."""
        with self._snapshot() as connection:
            return load_inventories(connection, names)

    def asked(self) -> set[str]:
        """Return the names of all providers of which something is recorded."""
        with self._snapshot() as connection:
            return load_asked(connection)

    def plugin_stamps(self) -> tuple[Stamp, ...] | None:
        """Return what `Write.save_inventories` recorded of where plugins and settings lie; None before the first."""
        with self._snapshot() as connection:
            return load_plugin_stamps(connection)

    def payloads_of_size(self, sizes: Iterable[int]) -> Mapping[int, Sequence[tuple[str, str]]]:
        """Return papin's payloads that have one of `sizes`, as (storage, digest) by size."""
        with self._snapshot() as connection:
            return payloads_of_size(connection, sizes)

    def hashes(self) -> dict[str, tuple[str, str]]:
        """Return (mark, digest) of each file that is not papin's and whose digest is known, by its path."""
        with self._snapshot() as connection:
            return load_hashes(connection)

    def shares(self) -> tuple[tuple[str, str, str], ...]:
        """Return the shares that were begun and not recorded as placements, as (provider, name, model)."""
        with self._snapshot() as connection:
            return tuple(connection.execute("SELECT provider, name, model FROM shares"))

    # --- jobs

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs that are remembered, the oldest first."""
        with self._snapshot() as connection:
            return load_jobs(connection)

    def job(self, job_id: str) -> Job:
        """Return the job whose id is `job_id` or the only one that begins so.

        Raises:
            NotFound: there is none.
            Ambiguous: there are several.
        """
        with self._snapshot() as connection:
            return find_job(connection, job_id)

    def job_request(self, job_id: str) -> bytes:
        """Return what the job was asked to do, as it was given to `Write.add_job`.

        Raises:
            NotFound: there is no such job.
        """
        with self._snapshot() as connection:
            query = "SELECT request FROM jobs WHERE id = ?"
            request: bytes = connection.execute(query, (find_job(connection, job_id).id,)).fetchone()[0]
            return request

    def job_owner(self, job_id: str) -> Owner:
        """Return the process that has, or last had, the job.

        Raises:
            NotFound: there is no such job.
        """
        with self._snapshot() as connection:
            return owner_of(connection, find_job(connection, job_id).id)

    def cancel_requests(self) -> frozenset[str]:
        """Return the ids of the queued and running jobs that somebody asked to end."""
        query = "SELECT id FROM jobs WHERE cancel AND state IN ('queued', 'running')"
        with self._snapshot() as connection:
            return frozenset(ids(connection, query))

    def pause_requests(self) -> frozenset[str]:
        """Return the ids of the queued and running jobs that somebody asked to pause."""
        query = "SELECT id FROM jobs WHERE pause AND state IN ('queued', 'running')"
        with self._snapshot() as connection:
            return frozenset(ids(connection, query))

    def running_downloads(self) -> dict[str, int | None]:
        """Return the ids of the downloads that run now, in whichever process, with their speed limits."""
        query = "SELECT id, speed_limit FROM jobs WHERE kind = 'download' AND state = 'running'"
        with self._snapshot() as connection:
            return dict(connection.execute(query))

    def progress_of_open(self) -> dict[str, Progress]:
        """Return how far the jobs are that run or wait now, in whichever process, by their ids."""
        query = "SELECT id, progress FROM jobs WHERE state IN ('queued', 'running') AND progress IS NOT NULL"
        with self._snapshot() as connection:
            rows = connection.execute(query).fetchall()
        return {job_id: msgspec.json.decode(progress, type=Progress) for job_id, progress in rows}

    def speed_limit(self) -> int | None:
        """Return what `Write.set_speed_limit` recorded last, 0 for no limit; None where it never did."""
        with self._snapshot() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'speed_limit'").fetchone()
            return None if row is None else int(row[0])

    def last_look(self) -> str:
        """Return what `Write.set_last_look` recorded last."""
        with self._snapshot() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'last_look'").fetchone()
            return "" if row is None else str(row[0])

    # --- events

    def events(self, since: int = 0, limit: int = 1000) -> list[Envelope]:
        """Return at most `limit` journalled events after number `since`, in order.

        When some of those are no longer kept (or `since` was never given), the first one is a `Lagged`: its `missed`
        counts what is gone, and its `seq` is the number to go on from. So `since = envelope.seq` is always right.
        """
        with self._snapshot() as connection:
            return _journal.load(connection, since, limit, now())

    def last_seq(self) -> int:
        """Return the number of the latest journalled event, 0 before the first."""
        with self._snapshot() as connection:
            return _journal.last_seq(connection)
