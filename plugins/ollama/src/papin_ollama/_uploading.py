"""Sharing with an Ollama whose folder is out of reach: a copy is sent, where the user allows one.

It is on another machine, in a container, or runs as another user. Its API takes files as blobs and makes models of
them.
"""

from __future__ import annotations

import re
from pathlib import Path

import trio

from papin.errors import Conflict, NotFound, StorageFailed
from papin.http import Upload
from papin.models import StoredFile
from papin_ollama._api import Api
from papin_ollama._creating import create_with_template
from papin_ollama._names import Name
from papin_ollama._recipe import Recipe
from papin_ollama._shares import Share
from papin_ollama._wire import Show

__all__ = ["send", "take_back_sent"]

_PIECE = 1 << 20
_UNDOING = 10.0
_FROM = re.compile(r"^FROM .*sha256[-:]([0-9a-f]{64})$", re.MULTILINE)


async def send(api: Api, name: Name, recipe: Recipe, paths: dict[str, Path]) -> Share:
    """Send the files that Ollama does not have, and have it make the model; return what was made.

    Raises:
        Conflict: it has another model of that name.
        ProviderFailed: it does not take it; nothing of that name is left.
    """
    digests = await _digests(api, name)
    if digests is not None:
        if not set(digests) & set(recipe.digests):
            raise Conflict(f"Ollama has another model called {name}", next_step="Share it under another name (--name).")
        return Share(reference=str(name), folder="", digests=digests, is_ours=False)
    for _, file in recipe.large:
        await _send_file(api, file, paths[file.sha256])
    try:
        await create_with_template(api, recipe, str(name))
        # Newer versions write the file anew, so that it has another digest than papin's.
        made = await _digests(api, name)
    except BaseException:
        with trio.move_on_after(_UNDOING, shield=True):
            await _remove(api, name)
        raise
    return Share(reference=str(name), folder="", digests=made or recipe.digests)


async def _digests(api: Api, name: Name) -> tuple[str, ...] | None:
    """Return the digests of the files that a model of Ollama is made from, or None where it has no such model."""
    try:
        shown = await api.ask("POST", "/api/show", Show, {"model": str(name)})
    except NotFound:
        return None
    return tuple(_FROM.findall(shown.modelfile or ""))


async def _send_file(api: Api, stored: StoredFile, path: Path) -> None:
    address = f"/api/blobs/sha256:{stored.sha256}"
    try:
        await api.tell("HEAD", address)
    except NotFound:
        try:
            async with await trio.open_file(path, "rb") as file:
                await api.tell("POST", address, upload=Upload(stored.size, lambda: file.read(_PIECE)))
        except OSError as error:
            raise StorageFailed(
                f"{path.name} cannot be read: {error.strerror}", next_step="papin models verify tells what is damaged."
            ) from error


async def take_back_sent(api: Api, name: Name, share: Share) -> None:
    """Remove a model that was sent, unless its name is another model's by now."""
    digests = await _digests(api, name)
    if digests is not None and set(digests) & set(share.digests):
        await _remove(api, name)


async def _remove(api: Api, name: Name) -> None:
    try:
        await api.tell("DELETE", "/api/delete", {"model": str(name)})
    except NotFound:
        return
