"""The one place that shows an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papin.sentences import describe

if TYPE_CHECKING:
    from papin.errors import PapinError
    from papin_cli._output import Output

__all__ = ["show", "status"]

_EXPECTED = 1
_USAGE = 2


def show(error: PapinError, out: Output) -> None:
    """Show `error` on stderr, or as `{"error": ...}` on stdout with `--json`."""
    if out.json:
        out.line("error", error.problem())
    else:
        out.note(describe(error.problem()))


def status(error: PapinError) -> int:
    """Return the exit status for `error`: a wrong configuration counts as wrong usage."""
    return _USAGE if error.code == "ERR_CONFIG" else _EXPECTED
