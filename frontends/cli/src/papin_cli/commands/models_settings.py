"""`papin models settings`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app, providers_known

__all__ = ["command"]

_EXAMPLES = examples(
    "papin models settings smollm2",
    'papin models settings smollm2 temperature=0.2 "system_prompt=Be brief."',
    "papin models settings smollm2 temperature=",
    "papin models settings ollama:qwen3:0.6b n_ctx=8192 --provider ollama",
)


@click.command(epilog=_EXAMPLES)
@installed
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--provider",
    shell_complete=providers_known,
    metavar="PROVIDER",
    help="Show, or change, what this program itself has set, for all who use it there.",
)
@global_options
@pass_app
def command(app: App, model: str, changes: tuple[str, ...], *, provider: str | None) -> None:
    """Show how a model is loaded and sampled and what it is told first, and change that.

    Changes are saved here and used by every provider, as far as it can take them. KEY= takes a value away.
    """
    from papin_cli.actions import models  # noqa: PLC0415 - imports trio

    change = dict(map(_pair, changes))
    in_session(app, partial(models.settings, model=model, provider=provider, change=change))


def _pair(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.UsageError(f"A change is written KEY=VALUE, and {text!r} is not.")
    return key.strip(), value if value.strip() else None
