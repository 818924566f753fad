"""`papin models complete` and `papin models embed`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import by_provider, examples, global_options, installed, pass_app

__all__ = ["complete", "embed"]


@click.command(epilog=examples('papin models complete smollm2 "Once upon a time" --max-tokens 50'))
@installed
@click.argument("prompt")
@click.option(
    "--temperature", type=click.FloatRange(min=0), metavar="N", help="How varied it is; 0 is the likeliest text."
)
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest text.")
@click.option("--seed", type=int, metavar="N", help="Give the same text for the same prompt.")
@by_provider
@global_options
@pass_app
def complete(
    app: App,
    model: str,
    prompt: str,
    *,
    temperature: float | None,
    max_tokens: int | None,
    seed: int | None,
    provider: str | None,
) -> None:
    """Let a model go on with PROMPT, just as it stands: no chat, and no template."""
    from papin_cli.actions import answers  # noqa: PLC0415 - imports trio

    sampling = {"temperature": temperature, "n_predict": max_tokens, "seed": seed}
    options = {key: value for key, value in sampling.items() if value is not None}
    in_session(app, partial(answers.complete, model=model, prompt=prompt, options=options, provider=provider))


@click.command(epilog=examples('papin models embed nomic-embed "a text" "another text" --json'))
@installed
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@by_provider
@global_options
@pass_app
def embed(app: App, model: str, texts: tuple[str, ...], *, provider: str | None) -> None:
    """Turn texts into vectors, with a model that does that."""
    from papin_cli.actions import answers  # noqa: PLC0415 - imports trio

    in_session(app, partial(answers.embed, model=model, texts=texts, provider=provider))
