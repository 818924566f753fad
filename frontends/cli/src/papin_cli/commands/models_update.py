"""`papin models update` and `papin models rollback`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, optional_installed, pass_app, yes

__all__ = ["rollback", "update"]

_EXAMPLES = examples("papin models update --check", "papin models update smollm2", "papin models update --all --yes")


@click.command(epilog=_EXAMPLES)
@optional_installed
@click.option("--all", "everything", is_flag=True, help="Update all models.")
@click.option("--check", is_flag=True, help="Only say what could be updated.")
@yes
@global_options
@pass_app
def update(app: App, model: str | None, *, everything: bool, check: bool, yes: bool) -> int:
    """Bring in the version of a model that its catalog has now; without MODEL or --all, only say what there is.

    The version before stays in use until the new one is verified, and is kept for a while: papin models rollback.
    """
    from papin_cli.actions import updates  # noqa: PLC0415 - imports trio

    if model and everything:
        raise click.UsageError("Give a MODEL or --all, not both.")
    if check or not (model or everything):
        return in_session(app, partial(updates.check, model=model))
    if model:
        return in_session(app, partial(updates.update, model=model, yes=yes))
    return in_session(app, partial(updates.update_all, yes=yes))


@click.command(epilog=examples("papin models rollback smollm2"))
@installed
@global_options
@pass_app
def rollback(app: App, model: str) -> None:
    """Make the version before the last update of a model current again."""
    from papin_cli.actions import updates  # noqa: PLC0415 - imports trio

    in_session(app, partial(updates.rollback, model=model))
