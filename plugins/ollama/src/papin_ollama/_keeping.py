"""Changing what Ollama keeps: settings of a model, and its names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import trio

from papin.errors import Conflict, ProviderFailed
from papin.inventories import ProviderDetails
from papin.links import write
from papin_ollama._api import Api
from papin_ollama._creating import create
from papin_ollama._details import Value, details, settings_of, to_parameters
from papin_ollama._layers import Layer, Manifest, hex_of, media_type
from papin_ollama._models import Models
from papin_ollama._names import Name, is_same, parse
from papin_ollama._places import Place, unwritable
from papin_ollama._store import blob_path, manifest_path, read_store
from papin_ollama._wire import Show

__all__ = ["Keeping"]

_MODE = 0o644


class Keeping:
    """Reads and changes what Ollama keeps for its models."""

    def __init__(self, api: Api, models: Models) -> None:
        self._api = api
        self._models = models

    async def _shown(self, name: Name) -> Show:
        return await self._api.ask("POST", "/api/show", Show, {"model": str(name)})

    async def show(self, reference: str) -> ProviderDetails:
        """Return what Ollama knows of a model."""
        name = parse(reference)
        return details(str(name), await self._shown(name))

    # --- settings ---

    async def settings(self, reference: str) -> Mapping[str, Value]:
        """Return the settings that it keeps for a model."""
        return settings_of(await self._shown(parse(reference)))

    async def configure(self, reference: str, settings: Mapping[str, Value | None]) -> None:
        """Set values, and take those that are None away; see `papin.providers.Configures`."""
        name = parse(reference)
        request, removed = to_parameters(settings)
        await self._shown(name)  # Ollama would try to pull a model that it does not have
        if removed:
            await self._take_away(name, removed)
        if request["parameters"] or "system" in request:
            await create(self._api, {"model": str(name), "from": str(name), **request})

    async def _take_away(self, name: Name, removed: list[str]) -> None:
        """Take settings out of the manifest: Ollama itself can only set them."""
        place = await self._models.place()
        if place is None:
            raise ProviderFailed(
                f"Ollama at {self._api.address} cannot take a setting away, only change it",
                next_step="Set another value, or change it on the machine where Ollama runs.",
            )
        if place.state != "write":
            raise unwritable(place)
        await trio.to_thread.run_sync(partial(_rewrite, place, name, removed))

    # --- names ---

    async def copy(self, reference: str, to: str) -> None:
        """Give a model a second name."""
        source, target = parse(reference), parse(to)
        if any(is_same(each.name, str(target)) for each in (await self._api.tags()).models or ()):
            raise Conflict(f"Ollama has a model called {target} already", next_step="Choose another name.")
        await self._api.tell("POST", "/api/copy", {"source": str(source), "destination": str(target)})

    async def remove(self, reference: str) -> None:
        """Have it remove a model."""
        await self._api.tell("DELETE", "/api/delete", {"model": str(parse(reference))})


def _rewrite(place: Place, name: Name, removed: list[str]) -> None:
    """Write the manifest of a model anew without some of its parameters or its system prompt. Blocks."""
    entry = read_store(place).find(name)
    if entry is None or entry.problem:
        raise ProviderFailed(f"{name} is damaged in Ollama", next_step=f"Pull it again: ollama pull {name}")
    path = manifest_path(place, entry.name)
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    layers = tuple(made for each in manifest.layers for made in _without(place, each, removed))
    whole = msgspec.structs.replace(manifest, layers=layers)
    write(path, msgspec.json.encode(whole) + b"\n", replace=True, mode=_MODE, aside=place.path)
    store = read_store(place)
    for layer in manifest.layers:
        if not store.users(hex_of(layer.digest)):
            blob_path(place, hex_of(layer.digest)).unlink(missing_ok=True)


def _without(place: Place, layer: Layer, removed: list[str]) -> tuple[Layer, ...]:
    if layer.kind == "system" and "system" in removed:
        return ()
    if layer.kind != "params":
        return (layer,)
    values: dict[str, Any] = msgspec.json.decode(blob_path(place, hex_of(layer.digest)).read_bytes())
    left = {name: value for name, value in values.items() if name not in removed}
    if not left:
        return ()
    data = msgspec.json.encode(left)
    digest = hashlib.sha256(data).hexdigest()
    write(blob_path(place, digest), data, replace=True, mode=_MODE)
    return (Layer(media_type=media_type("params"), digest=f"sha256:{digest}", size=len(data)),)
