"""`papin` alone."""

from __future__ import annotations

from papin_cli._app import App
from papin_cli._kernel import in_session

__all__ = ["show"]


def show(app: App) -> None:
    """Show how things stand."""
    from papin_cli.actions.parts import overview  # noqa: PLC0415 - imports trio

    in_session(app, overview)
