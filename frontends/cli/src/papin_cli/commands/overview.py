"""`papin` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._library import read

if TYPE_CHECKING:
    from papin.library import Library
    from papin_cli.views.overview import Recorded

__all__ = ["show"]


def show(app: App) -> None:
    """Show how things stand: what is recorded at once, and then what programs have to be asked for."""
    from papin_cli.views import overview as view  # noqa: PLC0415 - needs msgspec

    known = None if app.out.json else read(app, _recorded)
    if known is not None:
        app.out.text(view.begin(known), end="")
    from papin_cli.actions.parts import overview  # noqa: PLC0415 - imports trio, which takes longer than all above

    in_session(app, lambda session: overview(session, known))


def _recorded(library: Library) -> Recorded | None:
    """Return what is recorded, if that is what is."""
    from papin_cli.views import models  # noqa: PLC0415 - needs msgspec
    from papin_cli.views.overview import UNFINISHED, Recorded  # noqa: PLC0415 - as above

    if not library.is_current():
        return None
    found = library.summaries()
    return Recorded(
        installed=models.total(found, library.payload_bytes()) if found.ids else "",
        recent=library.recent() or next(iter(found.ids), ""),
        unfinished=tuple(job for job in library.jobs() if job.kind != "verify" and job.state in UNFINISHED),
        updates=library.updates(),
    )
