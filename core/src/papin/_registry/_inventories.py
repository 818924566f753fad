"""What providers have, what is said of models that only they have, and digests of files that are not ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from papin.inventories import Inventory, Remark, Stamp
from papin.shelf import Shelf, digests

__all__ = [
    "forget_inventories",
    "load_asked",
    "load_hashes",
    "load_inventories",
    "load_plugin_stamps",
    "load_remarks",
    "load_shelf",
    "owners",
    "payloads_of_size",
    "save_hash",
    "save_inventory",
    "save_plugin_stamps",
    "save_remark",
]

_inventory = msgspec.json.Decoder(Inventory)
_remark = msgspec.json.Decoder(Remark)
_STAMPS = "plugin_stamps"


def load_inventories(connection: sqlite3.Connection, names: Iterable[str] | None = None) -> tuple[Inventory, ...]:
    """Return what is recorded of each provider, or of those in `names`, by its name.

    A row that no version can read counts as never made.
    """
    wanted = None if names is None else json.dumps(list(names))
    rows = connection.execute(
        "SELECT inventory FROM inventories WHERE ?1 IS NULL OR provider IN (SELECT value FROM json_each(?1)) "
        "ORDER BY provider",
        (wanted,),
    )
    found = []
    for (data,) in rows:
        try:
            found.append(_inventory.decode(data))
        except msgspec.DecodeError:
            continue
    return tuple(found)


def load_asked(connection: sqlite3.Connection) -> set[str]:
    """Return the names of all providers of which something is recorded."""
    return {name for (name,) in connection.execute("SELECT provider FROM inventories")}


def save_inventory(connection: sqlite3.Connection, inventory: Inventory) -> None:
    """Record what a provider has."""
    values = (inventory.provider, msgspec.json.encode(inventory))
    connection.execute("INSERT OR REPLACE INTO inventories VALUES (?, ?)", values)


def forget_inventories(connection: sqlite3.Connection, keep: Iterable[str]) -> None:
    """Forget the lists of all providers but those in `keep`."""
    for provider in load_asked(connection) - set(keep):
        connection.execute("DELETE FROM inventories WHERE provider = ?", (provider,))


def load_plugin_stamps(connection: sqlite3.Connection) -> tuple[Stamp, ...] | None:
    """Return the stamps of what decides which providers there are, or None before the first refresh."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_STAMPS,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=tuple[Stamp, ...])


def save_plugin_stamps(connection: sqlite3.Connection, stamps: Sequence[Stamp]) -> None:
    """Record them."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_STAMPS, msgspec.json.encode(stamps).decode()))


def load_shelf(connection: sqlite3.Connection) -> Shelf:
    """Return what providers have, as they told it last."""
    inventories = load_inventories(connection)
    return Shelf(inventories, owners(connection, digests(inventories)), load_remarks(connection))


def load_remarks(connection: sqlite3.Connection) -> dict[tuple[str, str], Remark]:
    """Return what is said of models that only providers have, by (provider, reference)."""
    rows = connection.execute("SELECT provider, reference, remark FROM remarks")
    return {(provider, reference): _remark.decode(remark) for provider, reference, remark in rows}


def save_remark(connection: sqlite3.Connection, provider: str, reference: str, remark: Remark) -> None:
    """Record what is said of a model; nothing at all takes its row away."""
    connection.execute("DELETE FROM remarks WHERE provider = ? AND reference = ?", (provider, reference))
    if remark != Remark():
        connection.execute("INSERT INTO remarks VALUES (?, ?, ?)", (provider, reference, msgspec.json.encode(remark)))


def load_hashes(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Return (mark, digest) of each file whose digest was found out, by its path."""
    return {path: (mark, sha256) for path, mark, sha256 in connection.execute("SELECT * FROM hashes")}


def save_hash(connection: sqlite3.Connection, path: str, mark: str, sha256: str) -> None:
    """Record the digest of a file."""
    connection.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", (path, mark, sha256))


def payloads_of_size(connection: sqlite3.Connection, sizes: Iterable[int]) -> Mapping[int, Sequence[tuple[str, str]]]:
    """Return the payloads of papin that have one of `sizes`, as (storage, digest) by size."""
    wanted = set(sizes)
    found: dict[int, list[tuple[str, str]]] = {}
    for size, storage, sha256 in connection.execute("SELECT size, storage, sha256 FROM files"):
        if size in wanted:
            found.setdefault(size, []).append((storage, sha256))
    return found


_OWNERS = """
SELECT m.id, f.sha256 FROM model_files mf JOIN files f ON f.key = mf.file JOIN versions v ON v.key = mf.version
JOIN models m ON m.key = v.model WHERE v.current AND mf.role = 'weights' AND v.key IN (
    SELECT mf2.version FROM files f2 JOIN model_files mf2 ON mf2.file = f2.key WHERE f2.sha256 = ?
)
"""


def owners(connection: sqlite3.Connection, digests: Iterable[str]) -> dict[frozenset[str], str]:
    """Return the id of each installed model that has one of `digests`, by the digests of all its weights."""
    weights: dict[str, set[str]] = {}
    for digest in digests:
        for model_id, sha256 in connection.execute(_OWNERS, (digest,)):
            weights.setdefault(model_id, set()).add(sha256)
    return {frozenset(found): model_id for model_id, found in sorted(weights.items(), reverse=True)}
