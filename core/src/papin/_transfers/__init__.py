"""Transfers: one wanted file from one of its sources into a storage, resumable, verified, durable.

The order is never another one: reserve, write to the staging area, fsync, verify, have the storage admit it. What
arrived is noted in checkpoints (data first, the note of it after), so that the next attempt, in this process or in
another one, fetches only what is missing; `_partial` knows the notes, `_judge` whether an answer may be joined to
them, `_remote` the one connection that is used now.
"""

from papin._transfers._fetch import Fetched, fetch

__all__ = ["Fetched", "fetch"]
