"""What Ollama has in memory: loading, renewing, unloading."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import trio

from papin import names
from papin.errors import EngineMissing, NotFound, PapinError, ProviderFailed
from papin.models import LoadedModel, LoadSettings, Model
from papin.providers import reference_of
from papin_ollama._api import Api
from papin_ollama._failures import load_failure
from papin_ollama._listing import time_of
from papin_ollama._names import is_same, parse
from papin_ollama._options import for_loading
from papin_ollama._wire import Running

__all__ = ["Memory", "Note"]

# A model that is to go after its first answer has to be there for it.
_FIRST_ANSWER = 30.0
_LEAVING = 10.0
_LOOK = 0.05
_FOR_EVER = 2100


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """How papin loaded a model, which Ollama does not tell and wants to hear again with every request."""

    model: str
    loaded_at: datetime
    options: dict[str, Any] = {}
    keep_alive: float | None = None


class Memory:
    """Loads the models that Ollama has."""

    def __init__(self, api: Api, provider: str, run: Path) -> None:
        self._api = api
        self._provider = provider
        self._run = run
        self._seen: dict[str, datetime] = {}

    # --- notes ---

    def _file(self, reference: str) -> Path:
        key = hashlib.sha256(f"{self._api.address} {reference.lower()}".encode()).hexdigest()
        return names.place(self._run, f"{key}.json")

    def note(self, reference: str) -> Note | None:
        """Return how papin loaded it, if it did."""
        try:
            return msgspec.json.decode(self._file(reference).read_bytes(), type=Note)
        except (OSError, msgspec.DecodeError):
            return None

    def _write(self, reference: str, note: Note) -> None:
        path = self._file(reference)
        aside = path.with_suffix(".new")
        aside.write_bytes(msgspec.json.encode(note))
        aside.replace(path)

    # --- what is loaded ---

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in memory; nothing where Ollama does not run."""
        try:
            running = await self._running()
        except EngineMissing:
            return ()
        return tuple(self._describe(each) for each in running)

    async def _running(self) -> list[Running]:
        return (await self._api.running()).models or []

    async def _find(self, reference: str) -> Running | None:
        return next((each for each in await self._running() if is_same(each.name, reference)), None)

    def _describe(self, running: Running) -> LoadedModel:
        note = self.note(running.name)
        expires = time_of(running.expires_at)
        return LoadedModel(
            model=note.model if note else "",
            reference=running.name,
            provider=self._provider,
            address=self._api.address,
            loaded_at=note.loaded_at if note else self._seen.setdefault(running.name, datetime.now(UTC)),
            expires_at=expires if expires and expires.year < _FOR_EVER else None,
            n_ctx=running.context_length or None,
            memory=running.size or None,
        )

    # --- loading ---

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Load the model that is placed in Ollama, or renew its idle time; see `papin.providers.Loads`."""
        placed = reference_of(model, self._provider)
        if placed is None:
            raise NotFound(
                f"Ollama does not have {model.id}",
                next_step=f"Share it first: papin models share {model.id} --with {self._provider}",
            )
        reference = str(parse(placed))
        if await self._is_remote(reference):
            self._api.check_online(f"{reference} is a cloud model and was not asked")
            now = datetime.now(UTC)  # there is nothing to load
            return LoadedModel(
                model=model.id, reference=reference, provider=self._provider, address=self._api.address, loaded_at=now
            )
        known = await self._find(reference)
        before = self.note(reference) if known else None
        wanted = (before.options if before else {}) | for_loading(settings)
        if known and not before and known.context_length:
            wanted = {"num_ctx": known.context_length} | wanted
        keep = settings.keep_alive if settings.keep_alive is not None or before is None else before.keep_alive
        await self._tell_to_load(reference, wanted, keep)
        is_same = known is not None and before is not None and before.options == wanted
        loaded_at = before.loaded_at if is_same and before else datetime.now(UTC)
        note = Note(model=model.id, loaded_at=loaded_at, options=wanted, keep_alive=keep)
        await trio.to_thread.run_sync(self._write, reference, note)
        return await self._found(reference)

    async def _is_remote(self, reference: str) -> bool:
        """Tell whether it is a cloud model, which answers from another machine."""
        tags = (await self._api.tags()).models or []
        return any(is_same(each.name, reference) and (each.remote_host or each.remote_model) for each in tags)

    async def _found(self, reference: str) -> LoadedModel:
        running = await self._find(reference)
        if running is None:
            raise ProviderFailed(
                f"Ollama said that it loaded {reference}, and does not have it in memory",
                next_step="It may have unloaded it for another one: try again.",
            )
        return self._describe(running)

    async def _tell_to_load(self, reference: str, options: dict[str, Any], keep: float | None) -> None:
        body: dict[str, Any] = {"model": reference, "options": options, "stream": False}
        if keep is not None:
            body["keep_alive"] = _seconds(keep) if keep else _FIRST_ANSWER
        try:
            try:
                await self._api.ask("POST", "/api/generate", dict[str, Any], body, is_work=True)
            except ProviderFailed as error:
                if "does not support generate" not in error.message:
                    raise
                del body["stream"]
                await self._api.ask("POST", "/api/embed", dict[str, Any], body, is_work=True)
        except PapinError as error:
            raise load_failure(error, reference) from error

    async def unload(self, reference: str) -> bool:
        """Take a model out of memory; return whether it was there. It is out on return."""
        try:
            running = await self._find(reference)
        except EngineMissing:
            return False
        if running is None:
            return False
        body = {"model": running.name, "keep_alive": 0, "stream": False}
        await self._api.ask("POST", "/api/generate", dict[str, Any], body)
        with trio.move_on_after(_LEAVING):
            while await self._find(reference):  # noqa: ASYNC110  # Ollama has no event for it
                await trio.sleep(_LOOK)
        self._file(running.name).unlink(missing_ok=True)
        return True

    # --- for answers ---

    def request(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return what a request to a loaded model has to say so that it is not loaded anew."""
        note = self.note(loaded.reference)
        options = dict(note.options) if note else {"num_ctx": loaded.n_ctx} if loaded.n_ctx else {}
        body: dict[str, Any] = {"model": loaded.reference, "options": options}
        if note and note.keep_alive is not None:
            body["keep_alive"] = _seconds(note.keep_alive)
        return body


def _seconds(keep: float) -> float:
    return -1 if keep < 0 else keep
