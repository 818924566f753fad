"""From what a person types to a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from papin._registry._jobs import load_jobs
from papin.errors import Ambiguous, NotFound
from papin.models import Job

__all__ = ["find_build", "find_job", "find_model", "ids", "is_taken", "model_key", "unclear_job"]

_LISTED = 5
_SHOWN = 60


def ids(connection: sqlite3.Connection, query: str, *values: object) -> tuple[str, ...]:
    """Return the only column of a query."""
    return tuple(row[0] for row in connection.execute(query, values))


def is_taken(connection: sqlite3.Connection, model_id: str) -> bool:
    """Tell whether there is a model of exactly that id."""
    return bool(ids(connection, "SELECT id FROM models WHERE id = ?", _plain(model_id)))


def model_key(connection: sqlite3.Connection, model_id: str) -> int:
    """Return the row of the model of exactly that id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute("SELECT key FROM models WHERE id = ?", (_plain(model_id),)).fetchone()
    if row is None:
        raise _unclear_model(connection, model_id, ())
    return int(row[0])


def find_model(connection: sqlite3.Connection, text: str) -> int:
    """Return the row of the model of that id, of that ref, or whose id alone begins so; in this order.

    Raises:
        NotFound: there is none.
        Ambiguous: there are several.
    """
    plain = _plain(text)
    found = ids(connection, "SELECT id FROM models WHERE id = ?", plain)
    if not found and plain:
        named = ids(connection, "SELECT id FROM models WHERE ref = ? ORDER BY id", plain)
        prefixed = "SELECT id FROM models WHERE substr(id, 1, ?) = ? ORDER BY id"
        found = named or ids(connection, prefixed, len(plain), plain)
    if len(found) == 1:
        return model_key(connection, found[0])
    raise _unclear_model(connection, text, found)


def find_build(connection: sqlite3.Connection, text: str) -> int | None:
    """Return the row of the only build here of the model of a catalog that `text` names without a variant; or None.

    Raises:
        Ambiguous: there are several.
    """
    plain = _plain(text)
    if ":" not in plain or "//" in plain:  # a catalog alone, or an address
        return None
    begins = f"{plain}:"
    found = ids(connection, "SELECT id FROM models WHERE substr(ref, 1, ?) = ? ORDER BY id", len(begins), begins)
    if len(found) > 1:
        raise _unclear_model(connection, text, found)
    return model_key(connection, found[0]) if found else None


def find_job(connection: sqlite3.Connection, text: str) -> Job:
    """Return the job of that id, or the only one whose id begins so.

    Raises:
        NotFound: there is none.
        Ambiguous: there are several.
    """
    plain = _plain(text)
    found = ids(connection, "SELECT id FROM jobs WHERE id = ?", plain)
    if not found and plain:
        prefixed = "SELECT id FROM jobs WHERE substr(id, 1, ?) = ? ORDER BY id"
        found = ids(connection, prefixed, len(plain), plain)
    if len(found) == 1:
        return load_jobs(connection, found[0])[0]
    raise unclear_job(connection, text, found)


def _plain(text: str) -> str:
    # What cannot be stored cannot be found either: lone surrogates become question marks, which no id holds.
    return text.encode(errors="replace").decode()


def _unclear_model(connection: sqlite3.Connection, text: str, found: Sequence[str]) -> NotFound | Ambiguous:
    known = ids(connection, "SELECT id FROM models")
    return _unclear("model", text, found, known, otherwise="papin models list shows what is installed.")


def unclear_job(connection: sqlite3.Connection, text: str, found: Sequence[str] = ()) -> NotFound | Ambiguous:
    """Return the error for a job that `text` does not name, or not alone."""
    known = ids(connection, "SELECT id FROM jobs")
    return _unclear("job", text, found, known, otherwise="papin downloads list shows them.")


def _unclear(
    what: str, text: str, found: Sequence[str], known: Sequence[str], *, otherwise: str
) -> NotFound | Ambiguous:
    from papin.names import nearest  # noqa: PLC0415  pays for difflib only when something went wrong

    shown = ascii(text[:_SHOWN])
    if found:
        listed = ", ".join(found[:_LISTED]) + (" ..." if len(found) > _LISTED else "")
        return Ambiguous(f"{shown} may be any of {len(found)} {what}s", next_step=f"Say which one: {listed}.")
    near = nearest(text[:_SHOWN], known)
    return NotFound(
        f"There is no {what} called {shown}", next_step=f"The nearest: {', '.join(near)}." if near else otherwise
    )
