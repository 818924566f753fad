"""Texts from a file, made safe to show: nothing in them can move a cursor, hide or reorder what stands beside it."""

from __future__ import annotations


def _escape(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def show(raw: bytes, length: int | None = None) -> str:
    """Return a UTF-8 text on one line: what is not printable or not UTF-8 is escaped.

    `raw` may be the beginning of a text of `length` bytes; what was cut is told.
    """
    text = raw.decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(map(_escape, text))
    return text if length is None or length == len(raw) else f"{text}... ({length} bytes)"
