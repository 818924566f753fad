"""`papin downloads`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._library import read
from papin_cli._params import between, examples, global_options, job, parse_rate, pass_app, speed_limit
from papin_cli.views import jobs as view

__all__ = ["cancel", "limit", "listing", "pause", "resume", "watch"]


@click.command(epilog=examples("papin downloads list"))
@global_options
@pass_app
def listing(app: App) -> None:
    """Show downloads and imports, the newest first."""
    jobs = read(app, lambda library: library.jobs())
    if app.out.json:
        app.out.document(jobs)
    app.out.text(view.listing(jobs, datetime.now(UTC), app.out.width), end="")


@click.command(epilog=examples("papin downloads cancel 4f2a", "papin downloads cancel 4f2a --discard"))
@job
@click.option("--discard", is_flag=True, help="Remove what arrived, also of one that ended before.")
@global_options
@pass_app
def cancel(app: App, job: str, *, discard: bool) -> None:
    """End a download, whichever process runs it; what arrived is kept for a month, unless it is discarded."""
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    in_session(app, partial(downloads.cancel, job=job, discard=discard))


@click.command(epilog=examples("papin downloads pause 4f2a"))
@job
@global_options
@pass_app
def pause(app: App, job: str) -> None:
    """Stop a download, whichever process runs it, until it is resumed; a restart does not resume it."""
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    in_session(app, partial(downloads.pause, job=job))


@click.command(epilog=examples("papin downloads resume 4f2a", "papin downloads resume 4f2a --between 23:00-07:00"))
@job
@speed_limit
@between
@global_options
@pass_app
def resume(app: App, job: str, *, limit: int | None, between: str | None) -> None:
    """Go on with a download that was paused, interrupted, cancelled or failed.

    One that runs or waits goes on by the limit and the hours that are given.
    """
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    in_session(app, partial(downloads.resume, what=job, limit=limit, between=between))


@click.command(epilog=examples("papin downloads watch", "papin downloads watch 4f2a"))
@click.argument("job", required=False)
@global_options
@pass_app
def watch(app: App, job: str | None) -> None:
    """Follow a download, or all that run or wait now, to the end; whichever process runs them."""
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    in_session(app, partial(downloads.watch, job=job))


@click.command(
    epilog=examples(
        "papin downloads limit 5MB",
        "papin downloads limit 4f2a 500kB",
        "papin downloads limit none",
        "papin downloads limit",
    )
)
@click.argument("words", nargs=-1, metavar="[[JOB] RATE|none]")
@global_options
@pass_app
def limit(app: App, words: tuple[str, ...]) -> None:
    """Limit all downloads together, or one, to RATE bytes a second; it holds at once. Alone it shows the limit."""
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    if not words:
        in_session(app, downloads.show_limit)
        return
    *before, rate = words
    if len(before) > 1:
        raise click.UsageError("Give [JOB] RATE, or [JOB] none.")
    in_session(app, partial(downloads.limit, job="".join(before), rate=None if rate == "none" else parse_rate(rate)))
