"""What the last check for updates found, so that it can be shown without asking again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papin.discovery import Update

__all__ = ["keep_offer", "offers"]


def offers(connection: sqlite3.Connection) -> dict[str, Update]:
    """Return the updates that were found, by the ids of their models."""
    rows = connection.execute("SELECT model, offer FROM updates ORDER BY model").fetchall()
    if not rows:
        return {}
    import msgspec  # noqa: PLC0415  a list where there is no update pays for nothing

    from papin.discovery import Update  # noqa: PLC0415  as above

    return {model: msgspec.json.decode(offer, type=Update) for model, offer in rows}


def keep_offer(connection: sqlite3.Connection, model: str, update: Update | None) -> bool:
    """Keep what a check found of a model, or that it found nothing; return whether it is news."""
    import msgspec  # noqa: PLC0415  as above

    before = offers(connection).get(model)
    connection.execute("DELETE FROM updates WHERE model = ?", (model,))
    if update is not None:
        connection.execute("INSERT INTO updates VALUES (?, ?)", (model, msgspec.json.encode(update)))
    return update is not None and (before is None or before.revision != update.revision or before.fetch != update.fetch)
