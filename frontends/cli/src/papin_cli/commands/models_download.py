"""`papin models download`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import (
    between,
    examples,
    global_options,
    named,
    optional_ref,
    pass_app,
    providers_known,
    speed_limit,
    yes,
)

__all__ = ["command"]

_EXAMPLES = examples(
    "papin models download smollm2",
    "papin models download smollm2 --dry-run",
    "papin models download https://example.org/m.gguf --name mine --sha256 HEX",
    "papin models download smollm2 --between 23:00-07:00 --limit 5MB",
    "papin models download smollm2 --with ollama",
    "papin models download ollama:qwen3:0.6b --through ollama",
    "papin models download --resume smollm2",
)


@click.command(epilog=_EXAMPLES)
@optional_ref
@named
@click.option("--sha256", metavar="HEX", help="The digest that the file must have, 64 hex digits.")
@click.option(
    "--with",
    "share_with",
    metavar="PROVIDER",
    shell_complete=providers_known,
    help="Make it usable there too, without a second copy.",
)
@click.option(
    "--through",
    metavar="PROVIDER",
    shell_complete=providers_known,
    help="Let this program fetch it by its own means, into its own folder.",
)
@click.option("--resume", metavar="ID", help="Go on with a download: its job, or its REF or name.")
@click.option("--dry-run", is_flag=True, help="Only show what would be downloaded.")
@speed_limit
@between
@yes
@global_options
@pass_app
def command(
    app: App,
    ref: str | None,
    *,
    name: str | None,
    sha256: str | None,
    share_with: str | None,
    through: str | None,
    resume: str | None,
    dry_run: bool,
    limit: int | None,
    between: str | None,
    yes: bool,
) -> None:
    """Download a model: `catalog:name[:variant]`, an address, or a file.

    It says first what will come in; more than 1 GB is asked about where there is a terminal.
    """
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    if resume is not None:
        if ref or name or sha256 or dry_run or share_with or through:
            raise click.UsageError("--resume goes on as the download began: give only --limit and --between with it.")
        in_session(app, partial(downloads.resume, what=resume, limit=limit, between=between))
    elif ref is None:
        raise click.UsageError("What is to be downloaded? Give a REF, or --resume ID.")
    elif through is not None:
        if name or sha256 or dry_run or share_with or limit or between:
            raise click.UsageError("--through leaves everything else to that program: give it alone.")
        in_session(app, partial(downloads.pull, provider=through, ref=ref))
    elif dry_run:
        in_session(app, partial(downloads.show_plan, ref=ref, name=name, sha256=sha256, between=between))
    else:
        work = partial(downloads.download, name=name, sha256=sha256, limit=limit, between=between, yes=yes)
        in_session(app, partial(work, ref=ref, share_with=share_with))
