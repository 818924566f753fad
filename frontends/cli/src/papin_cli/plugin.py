"""The entry point of the distribution: it registers the frontend, and imports nothing heavy."""

from __future__ import annotations

import gc
from collections.abc import Iterable

from papin.frontends import Frontend, Launch
from papin.hookspecs import hookimpl

__all__ = ["papin_frontends"]


def _main(launch: Launch) -> int:
    # Looking for garbage takes a tenth of a short command, which makes none; sessions switch it on again.
    gc.disable()
    from papin_cli._main import main  # noqa: PLC0415 - a hook module imports nothing heavy

    return main(launch)


@hookimpl
def papin_frontends() -> Iterable[Frontend]:
    """Register the command line."""
    yield Frontend(name="cli", summary="the command line", main=_main)
