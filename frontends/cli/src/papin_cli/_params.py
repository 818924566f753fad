"""Options and arguments that several commands share, so that they are named alike everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from papin.sizes import parse_size
from papin_cli._app import App

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "ask_secret",
    "between",
    "by_provider",
    "catalogs_known",
    "context_length",
    "examples",
    "files_known",
    "global_options",
    "installed",
    "job",
    "keep_alive",
    "matching",
    "named",
    "optional_installed",
    "optional_ref",
    "parse_rate",
    "pass_app",
    "providers_known",
    "ref",
    "several_installed",
    "speed_limit",
    "yes",
]

_LONGEST = 10_000

F = TypeVar("F", bound=Callable[..., Any])
Complete: TypeAlias = "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]"


def _set_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        ctx.ensure_object(App).out.json = True


def _set_offline(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        ctx.ensure_object(App).offline = True


def global_options(function: F) -> F:
    """Add `--json` and `--offline`; both may stand before or after the command."""
    json = click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=_set_json, help="Print JSON."
    )
    offline = click.option(
        "--offline", is_flag=True, expose_value=False, callback=_set_offline, help="Do not use the network."
    )
    return json(offline(function))


pass_app = click.make_pass_decorator(App, ensure=True)

yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def examples(*lines: str) -> str:
    """Return an epilog for the help of a command."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


named = click.option("--name", metavar="NAME", help="What to call it here: small letters, digits, dots, hyphens.")


def parse_rate(text: str) -> int:
    """Return the bytes a second that `text` stands for. Raises `click.BadParameter`."""
    try:
        rate = parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if rate == 0:
        raise click.BadParameter("0 would stop it: write a rate like 5MB, or pause it")
    return rate


def _rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else parse_rate(value)


speed_limit = click.option("--limit", callback=_rate, metavar="RATE", help="At most so many bytes a second, like 5MB.")
between = click.option("--between", metavar="HH:MM-HH:MM|always", help="Only download between these hours.")
context_length = click.option(
    "--ctx", type=click.IntRange(min=1), metavar="TOKENS", help="Its context length, in tokens."
)
keep_alive = click.option(
    "--keep-alive", type=float, metavar="SECONDS", help="How long it stays loaded while idle; -1 for ever."
)


def _models(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from papin_cli._library import model_ids  # noqa: PLC0415 - only when a shell completes

    return matching(model_ids(), incomplete)


def _jobs(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from papin_cli._library import job_ids  # noqa: PLC0415 - only when a shell completes

    return matching(job_ids(), incomplete)


def _known(key: str) -> Complete:
    """Return a completion with the names that the search filter `key` may have."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from papin_cli._library import search_words  # noqa: PLC0415 - only when a shell completes

        return matching((each.partition(":")[2] for each in search_words(f"{key}:{incomplete}")), incomplete)

    return complete


providers_known = _known("provider")
"""Completes the name of a provider."""

catalogs_known = _known("catalog")
"""Completes the name of a catalog."""


def files_known(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete a path."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only when a shell completes

    return [CompletionItem(incomplete, type="file")]


def matching(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Return those that begin so, for a completion."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only when a shell completes

    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


by_provider = click.option(
    "--provider",
    metavar="PROVIDER",
    shell_complete=providers_known,
    help="The program that is to run it; `papin providers list` shows them.",
)

installed = click.argument("model", shell_complete=_models)
"""An installed model: its id, a prefix of it, or the reference that it came from."""

several_installed = click.argument("models", metavar="MODEL...", nargs=-1, required=True, shell_complete=_models)
"""One installed model, or more."""

optional_installed = click.argument("model", required=False, shell_complete=_models)
"""An installed model, or none."""

ref = click.argument("ref", shell_complete=_models)
"""A model that is installed or can be: an id, `catalog:name[:variant]`, an address or a file."""

optional_ref = click.argument("ref", required=False)
"""A model that can be installed."""

job = click.argument("job", shell_complete=_jobs)
"""A job: its id or the beginning of it, or what it was to fetch, or the name that this was to have."""


def ask_secret(question: str) -> str:
    """Ask for a secret without showing it; where nobody can be asked, it is the first line of stdin."""
    if sys.stdin.isatty():
        answer: str = click.prompt(question, hide_input=True, err=True)
        return answer
    return sys.stdin.readline(_LONGEST).rstrip("\r\n")
