"""`/api/create`, which makes a model of files or of another model."""

from __future__ import annotations

from typing import Any

import msgspec

from papin.errors import PapinError, ProviderFailed
from papin_ollama._api import Api
from papin_ollama._failures import nonsense, stream_failure
from papin_ollama._wire import Line

__all__ = ["create", "decode_line"]


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
