"""The one place where text of models, catalogs, files and servers is made harmless for a terminal.

Such text is hostile: an escape sequence can rewrite the screen or the clipboard, a right-to-left override can turn a
name around, a line break can forge a line of ours. Nothing of it is shown before it went through here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["answer", "line", "name", "names", "prose"]

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Emoji and several scripts join letters by these two; in an answer they change nothing but the shape of letters.
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
# Control characters, format characters (bidirectional overrides among them), lone surrogates, line separators.
_HARMFUL = ("Cc", "Cf", "Cs", "Zl", "Zp")


def name(text: str) -> str:
    """Return `text` for a single line, with each character that is not printable replaced."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _REPLACEMENT for letter in text)


def names(texts: Sequence[str]) -> Sequence[str]:
    """Return `name` of each; where nothing is wrong, they are looked at as one."""
    return texts if "".join(texts).isprintable() else [name(text) for text in texts]


def line(text: str) -> str:
    """Return text of perhaps several lines as a single one: white space becomes a space, the rest is as `name`."""
    return name(" ".join(text.split()))


def prose(text: str) -> str:
    """Return `text` for several lines: as `name`, but line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(_kept(letter, "") for letter in text.replace("\r\n", "\n"))


def answer(text: str) -> str:
    """Return a piece of a model's streamed answer: as `prose`, without the carriage returns, joiners kept.

    It looks at each character by itself, so that an escape sequence cut in two pieces is caught as well.
    """
    if text.isprintable():
        return text
    return "".join(_kept(letter, _JOINERS) for letter in text if letter != "\r")


def _kept(letter: str, allowed: str) -> str:
    if letter in "\n\t" or letter in allowed:
        return letter
    return _REPLACEMENT if unicodedata.category(letter) in _HARMFUL else letter
