"""Disk space: what the models take, and what is left."""

from __future__ import annotations

from collections.abc import Sequence

from papin.storages import Account
from papin_cli import _words
from papin_cli._safe import name

__all__ = ["accounts", "space"]


def accounts(found: Sequence[Account]) -> str:
    """Return a paragraph for each storage."""
    if not found:
        return "No plugin that stores models is installed.\nNext: pip install papin-store\n"
    return "\n".join(_account(each) for each in found)


def _account(account: Account) -> str:
    facts = {
        "Folder": name(account.path),
        "Models": f"{_words.size(account.used)} in {_words.count(account.payloads, 'file')}",
        "Unfinished": _words.size(account.staging) if account.staging else "",
        "Free": f"{_words.size(account.free)} of {_words.size(account.total)}",
        "Limit": _words.size(account.limit) if account.limit is not None else "",
        "Kept free": _words.size(account.reserve) if account.reserve else "",
    }
    return "".join(f"{label + ':':<12}{text}\n" for label, text in facts.items() if text)


def space(found: Sequence[Account]) -> str:
    """Return the storages in one line: `98.4 MB used, 12.1 GB free`."""
    used = sum(each.used + each.staging for each in found)
    free = max((each.free for each in found), default=0)
    return f"{_words.size(used)} used, {_words.size(free)} free"
