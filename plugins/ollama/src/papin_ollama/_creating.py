"""`/api/create`, which makes a model of files or of another model."""

from __future__ import annotations

from typing import Any

import msgspec

from papin.errors import PapinError, ProviderFailed
from papin_ollama._api import Api
from papin_ollama._failures import nonsense, stream_failure
from papin_ollama._recipe import Recipe
from papin_ollama._wire import Line, Show

__all__ = ["create", "create_with_template", "decode_line", "is_bare"]


async def create_with_template(api: Api, recipe: Recipe, reference: str) -> None:
    """Have Ollama make a model of files that it has, with a chat template: its own choice, or else papin's.

    Raises:
        ProviderFailed: it says that it failed, or breaks off.
    """
    request = recipe.request(reference)
    template: dict[str, Any] = {key: request.pop(key) for key in ("template", "parameters") if key in request}
    if recipe.is_exact:
        await create(api, request | template)
        return
    await create(api, request)
    if recipe.template and is_bare(await api.ask("POST", "/api/show", Show, {"model": reference})):
        await create(api, {"model": reference, "from": reference, **template})


def is_bare(shown: Show) -> bool:
    """Tell whether Ollama knows nothing better than to hand on what the user says."""
    return (shown.template or "").strip() in {"", "{{ .Prompt }}"}


async def create(api: Api, body: dict[str, Any]) -> None:
    """Have Ollama make the model that `body` describes.

    Raises:
        ProviderFailed: it says that it failed, or breaks off.
    """
    reference = str(body["model"])
    problem: PapinError | None = None
    last = Line()
    async with api.lines("/api/create", body) as lines:
        async for line in lines:
            last = decode_line(line)
            if last.error:
                problem = stream_failure(last.error, reference)
                break
    if problem is None and last.status != "success":
        problem = ProviderFailed(f"Ollama broke off while it made {reference}", next_step="Try it again.")
    if problem is not None:
        raise problem


def decode_line(line: str) -> Line:
    """Return what a line of a pull or a create says. Raises `ProviderFailed` when that cannot be understood."""
    try:
        return msgspec.json.decode(line, type=Line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise nonsense(str(error)) from error
