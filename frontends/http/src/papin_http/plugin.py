"""Registers the frontend `http`; the server is imported only when it is started."""

from __future__ import annotations

from collections.abc import Iterable

from papin.frontends import Frontend, Launch
from papin.hookspecs import hookimpl
from papin_http.settings import HttpSettings

__all__ = ["papin_frontends"]


def _main(launch: Launch) -> int:
    from papin_http._main import main  # noqa: PLC0415  # the web framework is heavy and only this frontend needs it

    return main(launch)


@hookimpl
def papin_frontends() -> Iterable[Frontend]:
    """Register the frontend `http`, started by `papin serve`."""
    yield Frontend(
        name="http",
        summary="The HTTP API, with server-sent events; for this machine only, and with a token.",
        main=_main,
        settings=HttpSettings,
    )
