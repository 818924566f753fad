"""`papin models show`: of an installed model reads the registry and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from papin.errors import NotFound
from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._library import read
from papin_cli._params import examples, global_options, pass_app, ref
from papin_cli.views import models as view

if TYPE_CHECKING:
    from papin.library import Library
    from papin.models import Model, Speed

__all__ = ["command"]


@click.command(epilog=examples("papin models show smollm2", "papin models show hf:Qwen/Qwen3-8B-GGUF"))
@ref
@click.option("--details", is_flag=True, help="What the program that has it says: template, prompt, settings, licence.")
@global_options
@pass_app
def command(app: App, ref: str, *, details: bool) -> None:
    """Show everything about one model, installed or not.

    Of one that is not, its catalog is asked: what it is good for, its variants, and which of them fits here.
    """
    if details:
        from papin_cli.actions import models  # noqa: PLC0415 - imports trio

        in_session(app, partial(models.details, model=ref))
        return
    try:
        found, speeds = read(app, lambda library: _here(library, ref))
    except NotFound as missing:
        _show_page(app, ref, missing)
        return
    if app.out.json:
        app.out.document(found)
    app.out.text(view.details(found, speeds, datetime.now(UTC)), end="")


def _here(library: Library, ref: str) -> tuple[Model, Sequence[Speed]]:
    found = library.find(ref)
    if found.ref.startswith(f"{ref}:"):  # who names no build wants to see all of them
        raise NotFound(f"no model is called {ref[:60]!a}", next_step=f"papin models show {found.id}")
    return found, library.speeds(found)


def _show_page(app: App, ref: str, missing: NotFound) -> None:
    from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

    try:
        in_session(app, partial(discovery.show, ref=ref))
    except NotFound as error:
        # Neither here nor there: what is here is said where nothing is near there.
        raise (error if ":" in ref or "The nearest" in error.next_step else missing) from None
