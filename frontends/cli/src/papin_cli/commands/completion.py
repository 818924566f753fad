"""`papin completion`."""

from __future__ import annotations

import click

from papin_cli._app import App
from papin_cli._params import examples, pass_app

__all__ = ["command"]

_EXAMPLES = examples(
    "papin completion bash > ~/.local/share/bash-completion/completions/papin",
    'papin completion zsh > "${fpath[1]}/_papin"',
    "papin completion fish > ~/.config/fish/completions/papin.fish",
)


@click.command(epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_app
@click.pass_context
def command(ctx: click.Context, app: App, shell: str) -> None:
    """Print a script for a shell; with it, Tab completes commands, options and the ids of models."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only for this command

    from papin_cli import _shells  # noqa: F401, PLC0415 - click knows of it then
    from papin_cli._main import COMPLETE_VARIABLE  # noqa: PLC0415 - imports this module's group

    found = get_completion_class(shell)
    assert found is not None
    app.out.text(found(ctx.find_root().command, {}, app.program, COMPLETE_VARIABLE).source())
