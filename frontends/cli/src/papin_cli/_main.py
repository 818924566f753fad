"""The command line from its arguments to its exit status; the only place that decides about that."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from papin.errors import PapinError
from papin_cli._app import App
from papin_cli._output import Output, ReaderGone, Unwritable
from papin_cli._stopped import Stopped

if TYPE_CHECKING:
    from papin.frontends import Launch

__all__ = ["COMPLETE_VARIABLE", "main"]

COMPLETE_VARIABLE = "_PAPIN_COMPLETE"
_INTERRUPTED = 130
_PLAIN = {(): "papin_cli.commands.overview", ("models", "list"): "papin_cli._listing"}
"""What people type most, with nothing to parse: the module whose `show` does it. click takes longer than all of it."""
# What a shell reports of a program that wrote into a closed pipe.
_READER_GONE = 141


def main(launch: Launch) -> int:
    """Run one command and return its exit status.

    0 it worked, 1 an expected error (shown with its code), 2 wrong usage or configuration, 130 stopped by Ctrl-C
    (143 and 129 by the other signals that end programs). Anything unexpected is a bug and propagates.
    """
    _never_fail_to_print()
    app = App(program=launch.program, out=Output())
    try:
        return _guarded(app, lambda: _carry_out(app, launch))
    except ReaderGone:
        _close_quietly()
        return _READER_GONE
    except Unwritable as error:
        _close_quietly()
        return _not_written(error)


def _not_written(error: Unwritable) -> int:
    from papin.errors import StorageFailed  # noqa: PLC0415 - only when something failed

    step = "Make room there, or send the output to another place."
    # By a plain output: with --json an error would be written where nothing can be written.
    return _expected(
        App(program="", out=Output()), StorageFailed(f"the output cannot be written: {error}", next_step=step)
    )


def _carry_out(app: App, launch: Launch) -> int:
    plain = _PLAIN.get(launch.arguments)
    if plain is None or COMPLETE_VARIABLE in os.environ:
        return _click(app, launch)
    import_module(plain).show(app)
    return 0


def _click(app: App, launch: Launch) -> int:
    import click  # noqa: PLC0415 - see `_PLAIN`

    from papin_cli._root import root  # noqa: PLC0415 - as above

    if COMPLETE_VARIABLE in os.environ:
        import_module("papin_cli._shells")
    try:
        result = root.main(
            args=list(launch.arguments),
            prog_name=launch.program,
            complete_var=COMPLETE_VARIABLE,
            standalone_mode=False,
            obj=app,
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except OSError as error:
        if not _is_of_click(error):
            raise
        raise Unwritable(error.strerror) from error
    # A number is an exit status; click returns those of --help and --version in the same way.
    return result if isinstance(result, int) else 0


def _is_of_click(error: OSError) -> bool:
    """Tell whether click itself met it: it prints --help and --version past `Output`."""
    *_, (innermost, _line) = traceback.walk_tb(error.__traceback__)
    return str(innermost.f_globals["__name__"]).startswith("click.")


def _guarded(app: App, work: Callable[[], int]) -> int:
    try:
        return work()
    except KeyboardInterrupt:
        app.out.note("\nStopped.")
        return _INTERRUPTED
    except Stopped as stopped:
        app.out.note(f"\nStopped. {stopped.advice}".rstrip())
        return stopped.status
    except PapinError as error:
        return _expected(app, error)


def _expected(app: App, error: PapinError) -> int:
    from papin_cli import _errors  # noqa: PLC0415 - only when something failed

    _errors.show(error, app.out)
    return _errors.status(error)


def _never_fail_to_print() -> None:
    """Let an encoding that lacks a letter show a substitute for it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _close_quietly() -> None:
    """Point stdout at nothing, so that the interpreter does not complain when it flushes at its end."""
    if sys.stdout is None:
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
