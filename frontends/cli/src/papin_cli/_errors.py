"""The one place that shows an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papin_cli._safe import name, prose

if TYPE_CHECKING:
    from papin.errors import PapinError, Problem
    from papin_cli._output import Output

__all__ = ["describe", "show", "status"]

_EXPECTED = 1
_USAGE = 2


def describe(problem: Problem) -> str:
    """Return an error in two lines: `CODE  Title: message`, and what to do next where that is known."""
    first = f"{name(problem.code)}  {name(problem.title)}: {prose(problem.message).strip()}"
    return f"{first}\nNext: {prose(problem.next_step).strip()}" if problem.next_step else first


def show(error: PapinError, out: Output) -> None:
    """Show `error` on stderr, or as `{"error": ...}` on stdout with `--json`."""
    if out.json:
        out.line("error", error.problem())
    else:
        out.note(describe(error.problem()))


def status(error: PapinError) -> int:
    """Return the exit status for `error`: a wrong configuration counts as wrong usage."""
    return _USAGE if error.code == "ERR_CONFIG" else _EXPECTED
