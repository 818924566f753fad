"""Disk space: what the models take, and what is left."""

from __future__ import annotations

from collections.abc import Sequence

from papin import facts, words
from papin.storages import Account

__all__ = ["accounts", "space"]


def accounts(found: Sequence[Account]) -> str:
    """Return a paragraph for each storage."""
    if not found:
        return "No plugin that stores models is installed.\nNext: pip install papin-store\n"
    return "\n".join(facts.lines(facts.of_account(each)) for each in found)


def space(found: Sequence[Account]) -> str:
    """Return the storages in one line: `98.4 MB used, 12.1 GB free`."""
    used = sum(each.used + each.staging for each in found)
    free = max((each.free for each in found), default=0)
    return f"{words.size(used)} used, {words.size(free)} free"
