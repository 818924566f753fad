"""Disk space: what the models take, and what is left."""

from __future__ import annotations

from collections.abc import Sequence

from papin import words
from papin.safe import name
from papin.storages import Account

__all__ = ["accounts", "space"]


def accounts(found: Sequence[Account]) -> str:
    """Return a paragraph for each storage."""
    if not found:
        return "No plugin that stores models is installed.\nNext: pip install papin-store\n"
    return "\n".join(_account(each) for each in found)


def _account(account: Account) -> str:
    facts = {
        "Folder": name(account.path),
        "Models": f"{words.size(account.used)} in {words.count(account.payloads, 'file')}",
        "Unfinished": words.size(account.staging) if account.staging else "",
        "Free": f"{words.size(account.free)} of {words.size(account.total)}",
        "Limit": words.size(account.limit) if account.limit is not None else "",
        "Kept free": words.size(account.reserve) if account.reserve else "",
    }
    return "".join(f"{label + ':':<12}{text}\n" for label, text in facts.items() if text)


def space(found: Sequence[Account]) -> str:
    """Return the storages in one line: `98.4 MB used, 12.1 GB free`."""
    used = sum(each.used + each.staging for each in found)
    free = max((each.free for each in found), default=0)
    return f"{words.size(used)} used, {words.size(free)} free"
