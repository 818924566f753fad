"""For which servers there are tokens, and where they are kept; a token itself never comes here."""

from __future__ import annotations

from collections.abc import Sequence

from papin.credentials import Credential
from papin.safe import name
from papin_cli._table import Column, render

__all__ = ["listing", "removed", "saved"]

_COLUMNS = (Column(title="SERVER", least=16), Column(title="TOKEN IN", least=8))
_PLACES = {"keyring": "the system's keyring", "file": "a file that only you can read"}


def listing(known: Sequence[Credential], width: int | None) -> str:
    """Return the servers as a table."""
    if not known:
        return "There are no tokens.\nNext: papin login huggingface.co\n"
    return render(_COLUMNS, [(name(each.origin), _place(each)) for each in known], width)


def _place(credential: Credential) -> str:
    return _PLACES.get(credential.source) or f"the variable {name(credential.source)}"


def saved(credential: Credential) -> str:
    """Return that a token is kept."""
    return f"The token for {name(credential.origin)} is kept in {_place(credential)}."


def removed(credential: Credential) -> str:
    """Return that a token is gone."""
    return f"The token for {name(credential.origin)} is gone from {_place(credential)}."
