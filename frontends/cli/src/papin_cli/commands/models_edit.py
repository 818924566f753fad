"""`papin models edit`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app

__all__ = ["command"]

_EXAMPLES = examples(
    "papin models edit smollm2 --favourite --tag small",
    "papin models edit smollm2 --set n_ctx=4096",
    "papin models edit smollm2 --unset n_ctx --untag small",
)


@click.command(epilog=_EXAMPLES)
@installed
@click.option("--favourite/--no-favourite", default=None, help="Favourites are never cleaned up.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Add a tag; may be repeated.")
@click.option("--untag", "untags", metavar="TAG", multiple=True, help="Take a tag away.")
@click.option("--collect", "collections", multiple=True, metavar="NAME", help="Put it into a collection.")
@click.option("--uncollect", "uncollections", multiple=True, metavar="NAME", help="Take it out of a collection.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="How to load it: n_ctx, keep_alive, ...")
@click.option("--unset", "unsettings", multiple=True, metavar="KEY", help="Take a setting away.")
@global_options
@pass_app
def command(
    app: App,
    model: str,
    *,
    favourite: bool | None,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    collections: tuple[str, ...],
    uncollections: tuple[str, ...],
    settings: tuple[str, ...],
    unsettings: tuple[str, ...],
) -> None:
    """Change what you say of a model; without options, show it."""
    from papin_cli.actions.models import edit  # noqa: PLC0415 - imports trio

    changes: dict[str, str | None] = {**dict(map(_pair, settings)), **dict.fromkeys(unsettings)}
    work = partial(
        edit,
        model=model,
        favourite=favourite,
        add_tags=tags,
        remove_tags=untags,
        add_collections=collections,
        remove_collections=uncollections,
        settings=changes,
    )
    in_session(app, work)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.UsageError(f"--set wants KEY=VALUE, and not {text!r}.")
    return key.strip(), value.strip()
