"""The `papin` script: chooses the frontend, loads only that one, and runs it.

`papin tui` and `papin serve` name their frontend, `--frontend NAME` as the first argument or `PAPIN_FRONTEND` names
any, and everything else is for the command line, `cli`. What goes wrong before a frontend could show it is shown
here in the same way: code, message, next step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from papin.errors import ConfigInvalid, PapinError, PluginFailed, expected

if TYPE_CHECKING:
    from papin.frontends import Frontend

__all__ = ["Choice", "choose", "main", "script"]

BUDGET = 60.0
"""Seconds that the import of a frontend may take: without it there is nothing, so a slow disk gets its time."""

WORDS = {"tui": "tui", "serve": "http"}
"""The first arguments that name a frontend."""

Choice = tuple[str, tuple[str, ...]]
"""The name of a frontend, and the arguments that are left for it."""


def choose(arguments: Sequence[str], environ: Mapping[str, str]) -> Choice:
    """Return which frontend `arguments` ask for, and its own arguments.

    Raises:
        ConfigInvalid: `--frontend` has no name after it.
    """
    first, rest = (arguments[0], tuple(arguments[1:])) if arguments else ("", ())
    if first in WORDS:
        return WORDS[first], rest
    if first.startswith("--frontend="):
        return _named(first.partition("=")[2]), rest
    if first == "--frontend":
        return _named(rest[0] if rest else ""), rest[1:]
    return environ.get("PAPIN_FRONTEND") or "cli", tuple(arguments)


def _named(name: str) -> str:
    if not name:
        raise ConfigInvalid("--frontend needs a name", next_step="Type: papin --frontend cli")
    return name


def main() -> int:
    """Run the frontend that `sys.argv` asks for; return its exit status."""
    try:
        name, arguments = choose(sys.argv[1:], os.environ)
        status = _run(name, arguments)
        if sys.stdout is not None:  # it is None when the shell closed it
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _nobody_reads()
    except (PapinError, ExceptionGroup) as error:
        known = expected(error)
        if known is None:
            raise
        return _show(known)
    return status


def script() -> NoReturn:
    """Run `main` and end the process with its status; what the `papin` script calls.

    Nothing is freed on the way out, as mypy does it: after a list of ten thousand models that takes as long as reading
    them. A bug, or an exit that somebody else raised, takes the long way.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # it is None, or nobody reads it any more
            stream.flush()
    os._exit(status)


def _run(name: str, arguments: tuple[str, ...]) -> int:
    from papin._plugins import find_frontend  # noqa: PLC0415  an error in the arguments needs no plugins
    from papin.frontends import Launch  # noqa: PLC0415

    frontend = find_frontend(name, BUDGET) or _discovered(name)
    return frontend.main(Launch(program="papin", arguments=arguments))


def _discovered(name: str) -> Frontend:
    """Return the frontend `name` after looking at all that is installed, or say what is wrong with it."""
    from papin._plugins import discover  # noqa: PLC0415  slow, and mostly not needed

    plugins = discover(only=name, budget=BUDGET)
    found = plugins.frontends.get(name)
    if found is None:
        _missing(name, [event.problem.message for event in plugins.problems])
    return found.descriptor


def _missing(name: str, problems: list[str]) -> NoReturn:
    if problems:
        raise PluginFailed(problems[0], next_step=f"Install it again: pip install --force-reinstall papin-{name}")
    # Only what is known to be papin's own: a package of a name that was mistyped could be anybody's.
    ours = name in ("cli", *WORDS.values())
    step = f"Type: pip install papin-{name}" if ours else "papin plugins list shows which frontends there are."
    raise PluginFailed(f"The frontend {name!r:.60} is not installed", next_step=step)


def _show(error: PapinError) -> int:
    from papin.sentences import describe  # noqa: PLC0415  only when something failed

    sys.stderr.write(f"{describe(error.problem())}\n")
    return 2 if isinstance(error, ConfigInvalid) else 1


def _nobody_reads() -> int:
    """End quietly when the reader of a pipe is gone; the interpreter's own last flush must find a place to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
