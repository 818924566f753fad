"""The models that Ollama has: where its folder is, and what is in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

from papin.errors import EngineMissing, PapinError, ProviderFailed
from papin.http import is_loopback_url
from papin.inventories import Listing, stamp
from papin_ollama._api import Api
from papin_ollama._environment import address, folders
from papin_ollama._listing import from_store, from_tags
from papin_ollama._places import Place, look, unreadable
from papin_ollama._store import Store, read_store
from papin_ollama._wire import Tags

__all__ = ["Models"]


class Models:
    """Finds the folder of models of the Ollama at an address, and reads it.

    A folder that the user named is believed, and so is the only one of this machine for the Ollama at its usual
    address. Any other Ollama that answers on this machine may be in a container, or at the far end of a tunnel: a
    folder is its own when it holds just what it tells.
    """

    def __init__(self, api: Api, folder: str) -> None:
        self._api = api
        self._folder = folder
        self._is_usual = api.address == address(os.environ.get("OLLAMA_HOST", ""))

    def _candidates(self) -> tuple[Path, ...]:
        if self._folder:
            return (Path(self._folder).expanduser().absolute(),)
        return folders(os.environ) if is_loopback_url(self._api.address) else ()

    async def place(self) -> Place | None:
        """Return the folder of this Ollama, or None where it has none on this machine, or none yet."""
        found = await trio.to_thread.run_sync(look, self._candidates())
        places = [each for each in found if each.state != "absent"]
        if not places or self._folder or (self._is_usual and len(places) == 1):
            return places[0] if places else None
        return await self._choose(places)

    async def _choose(self, places: Sequence[Place]) -> Place | None:
        """Return that of several folders which holds what Ollama tells; the usual one's first where it is silent."""
        readable = [each for each in places if each.state != "closed"]
        closed = [each for each in places if each.state == "closed"]
        try:
            told = await self._api.tags()
        except PapinError:
            return (readable or closed)[0] if self._is_usual else None
        for each in readable:
            if _is_of(await trio.to_thread.run_sync(read_store, each), told):
                return each
        return closed[0] if closed and self._is_usual else None

    async def list(self) -> Listing:
        """Return what it has; see `papin.providers.Lists`."""
        candidates = self._candidates()
        stamps = await trio.to_thread.run_sync(stamp, candidates)
        place = await self.place()
        if place is not None and place.state != "closed":
            return from_store(await self.read(place))
        try:
            told = await trio.to_thread.run_sync(from_tags, await self._api.tags())
            return msgspec.structs.replace(told, unreadable=str(place.path) if place is not None else "")
        except EngineMissing as error:
            if place is not None:
                raise unreadable(place) from error
            if not candidates:
                raise
            return Listing(stamps=stamps, is_present=False)

    async def read(self, place: Place) -> Store:
        """Return what is in its folder.

        Raises:
            ProviderFailed: it cannot be read.
        """
        try:
            return await trio.to_thread.run_sync(read_store, place)
        except OSError as error:
            raise ProviderFailed(
                f"The folder of Ollama, {place.path}, cannot be read: {error.strerror}",
                next_step="Check the folder and its permissions.",
            ) from error


def _is_of(store: Store, told: Tags) -> bool:
    """Tell whether a folder holds what is told; whether a damaged model is told depends on the damage."""
    listed = {each.name: each.digest for each in told.models or ()}.items()
    there = {str(each.name): each.digest for each in store.entries}.items()
    sound = {str(each.name): each.digest for each in store.entries if not each.problem}.items()
    return sound <= listed <= there
