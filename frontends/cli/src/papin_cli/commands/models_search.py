"""`papin models search`: reads the index and nothing else, but for `--online`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._library import read, search_words
from papin_cli._params import examples, global_options, pass_app

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["command"]

_EXAMPLES = examples(
    "papin models search coder size:..8b fits:yes",
    "papin models search can:vision license:apache-2.0 sort:downloads",
    "papin models search qwen3 quant:q4 provider:ollama --online",
)


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only when a shell completes

    before = " ".join(ctx.params.get("words") or ())
    return [CompletionItem(each) for each in search_words(f"{before} {incomplete}")]


@click.command(epilog=_EXAMPLES)
@click.argument("words", metavar="[WORD]...", nargs=-1, shell_complete=_complete)
@click.option(
    "--limit", type=click.IntRange(min=1, max=1000), metavar="N", default=20, show_default=True, help="At most so many."
)
@click.option("--online", is_flag=True, help="Ask the catalogs themselves as well.")
@global_options
@pass_app
def command(app: App, words: tuple[str, ...], *, limit: int, online: bool) -> None:
    """Find models that can be installed.

    Words are looked for in names and descriptions. Filters: arch: size: quant: can: fits: provider: license: format:
    catalog: publisher: context: disk: access: sort: - mistyped ones mean the nearest. Numbers may be spans (size:3b-8b,
    size:..8b) or, quoted for the shell, compared ('size:<=8b'). Without --online, nothing is asked of the network:
    papin catalogs refresh brings in what there is.
    """
    text = " ".join(words)
    found = None if online else read(app, lambda library: library.search(text, limit))
    if found is None:
        from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

        in_session(app, partial(discovery.search, text=text, limit=limit, online=online))
        return
    if app.out.json:
        app.out.document(found)
    else:
        from papin_cli.views import discovery as view  # noqa: PLC0415 - not needed with --json

        app.out.text(view.found(found, app.out.width, text), end="")
