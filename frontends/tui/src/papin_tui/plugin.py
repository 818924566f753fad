"""Registers the frontend `tui`; Textual is imported only when it is started."""

from __future__ import annotations

from collections.abc import Iterable

from papin.frontends import Frontend, Launch
from papin.hookspecs import hookimpl

__all__ = ["papin_frontends"]


def _main(launch: Launch) -> int:
    from papin_tui._main import main  # noqa: PLC0415  # Textual is heavy and only this frontend needs it

    return main(launch)


@hookimpl
def papin_frontends() -> Iterable[Frontend]:
    """Register the frontend `tui`, started by `papin tui`."""
    yield Frontend(
        name="tui", summary="The whole terminal: models, search, downloads, programs, space and chat.", main=_main
    )
