"""Making a model of papin usable in Ollama without a second copy, and taking that back.

There are two ways. By Ollama's own API: the file becomes a blob by a link, and `/api/create` makes a model of it;
Ollama finds the chat template, but versions from 0.30 on write the file anew, and it has to run. By the manifest: the
link, the small layers and the manifest are written as Ollama would write them. Whichever comes first, the result is
checked, and what is wrong with it makes it the other one's turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import trio

from papin import locks
from papin.context import Folders
from papin.errors import Conflict, NameInvalid, NotFound, PapinError, ProviderFailed, StorageFailed
from papin.models import Model, Placement
from papin_ollama._api import Api
from papin_ollama._creating import create_with_template, is_bare
from papin_ollama._models import Models
from papin_ollama._names import Name, parse
from papin_ollama._places import Place, unwritable
from papin_ollama._recipe import Recipe, make_recipe
from papin_ollama._shares import Notes, Share, has_weights, link_blobs, plan, take_back, write_manifest
from papin_ollama._templates import chat_template, template_for
from papin_ollama._uploading import send, take_back_sent
from papin_ollama._wire import Show

__all__ = ["Sharing"]

_SIDECAR = 4 << 20
_UNDOING = 10.0


class _Job(msgspec.Struct, frozen=True, kw_only=True):
    """A share on its way; `is_running` tells whether Ollama is there to be asked."""

    name: Name
    place: Place
    recipe: Recipe
    paths: dict[str, Path]
    copy: bool
    is_running: bool


class Sharing:
    """Shares and unshares, one at a time of all papin processes."""

    def __init__(self, api: Api, models: Models, provider: str, folders: Folders) -> None:
        self._api = api
        self._models = models
        self._provider = provider
        self._notes = Notes(folders.data)
        self._lock = folders.run / "share.lock"

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Make `model` usable as `name`; see `papin.providers.Shares`."""
        # An id of papin may have a plus in it, and a name of Ollama may not.
        wanted = parse(name if name not in {"", model.id} else model.id.replace("+", "-"))
        recipe = await trio.to_thread.run_sync(_recipe, model, tuple(paths))
        by_digest = {file.sha256: path for file, path in zip(model.files, paths, strict=True)}
        async with locks.hold(self._lock):
            place = await self._models.place()
            if copy and (place is None or place.state != "write"):
                return await self._send(wanted, recipe, by_digest)
            place = await self._writable(place)
            entry = (await self._models.read(place)).find(wanted)
            job = _Job(
                name=entry.name if entry else wanted,
                place=place,
                recipe=recipe,
                paths=by_digest,
                copy=copy,
                is_running=await self._api.answers(),
            )
            if entry is not None and (entry.problem or not has_weights(entry, recipe.digests)):
                raise Conflict(
                    f"Ollama has another model called {entry.name}",
                    next_step="Share it under another name (--name).",
                )
            share = self._notes.find(job.name) if entry else None
            if share is None:
                share = await trio.to_thread.run_sync(plan, place, job.name, recipe, by_digest, entry)
            share = share if entry else await self._make(job, share)
            await trio.to_thread.run_sync(self._notes.add, job.name, share)
        return Placement(provider=self._provider, reference=str(job.name), how=share.how)

    async def _send(self, name: Name, recipe: Recipe, paths: dict[str, Path]) -> Placement:
        known = self._notes.find(name)
        share = await send(self._api, name, recipe, paths)
        if share.is_ours or known is None:
            await trio.to_thread.run_sync(self._notes.add, name, share)
        return Placement(provider=self._provider, reference=str(name), how="copy")

    async def _writable(self, place: Place | None) -> Place:
        if place is None:
            engine = await self._api.engine()
            raise StorageFailed(
                f"Ollama at {engine.address} does not keep its models in a folder that papin knows",
                next_step="Let papin send it a copy (--copy). Or, if they are on this machine, tell the folder: "
                f"papin config set providers.{self._provider}.models PATH",
            )
        if place.state != "write":
            raise unwritable(place)
        return place

    async def _make(self, job: _Job, share: Share) -> Share:
        ways = [self._by_api, self._by_manifest]
        if job.recipe.is_exact:
            ways.reverse()
        if not job.is_running:
            ways = [self._by_manifest]
        problem: PapinError | None = None
        for way in ways:
            try:
                return await self._try(job, share, way)
            except Conflict:
                raise
            except PapinError as error:
                problem = error
        assert problem is not None
        raise problem

    async def _try(self, job: _Job, share: Share, way: Callable[[_Job], Awaitable[None]]) -> Share:
        # Noted first: what a crash leaves behind is taken back by the note.
        await trio.to_thread.run_sync(self._notes.add, job.name, share)
        check = trio.from_thread.check_cancelled
        async with self._undone(job, share):
            make = partial(link_blobs, job.place, job.recipe, job.paths, copy=job.copy, check=check)
            how = await trio.to_thread.run_sync(make)
            await way(job)
            await self._check(job)
        return msgspec.structs.replace(share, how=how)

    @asynccontextmanager
    async def _undone(self, job: _Job, share: Share) -> AsyncIterator[None]:
        """Leave nothing of an attempt that fails or is cancelled."""
        try:
            yield
        except BaseException as error:
            with trio.move_on_after(_UNDOING, shield=True):
                # In a conflict somebody else made that name meanwhile.
                whatever = not isinstance(error, Conflict)
                await trio.to_thread.run_sync(partial(take_back, job.place, job.name, share, whatever=whatever))
                self._notes.forget(job.name)
            raise

    async def _by_manifest(self, job: _Job) -> None:
        await trio.to_thread.run_sync(write_manifest, job.place, job.name, job.recipe)

    async def _by_api(self, job: _Job) -> None:
        await create_with_template(self._api, job.recipe, str(job.name))

    async def _show(self, reference: str) -> Show:
        return await self._api.ask("POST", "/api/show", Show, {"model": reference})

    async def _check(self, job: _Job) -> None:
        """Fail unless Ollama has just the model that was shared, and no second copy of it."""
        entry = (await self._models.read(job.place)).find(job.name)
        if entry is None or entry.problem or not has_weights(entry, job.recipe.digests):
            why = entry.problem or "it wrote the file anew" if entry else "it does not have it"
            raise ProviderFailed(
                f"Ollama did not take {job.name} as it is: {why}",
                next_step="Nothing of it is left there; look at Ollama's log.",
            )
        if not job.is_running:
            return
        try:
            shown = await self._show(str(job.name))
        except NotFound as error:
            raise StorageFailed(
                f"Ollama at {self._api.address} keeps its models somewhere else than in {job.place.path}",
                next_step=f"Tell the folder: papin config set providers.{self._provider}.models PATH",
            ) from error
        except PapinError as error:
            raise _unusable(job, error) from error
        if job.recipe.template and is_bare(shown):
            raise ProviderFailed(f"Ollama has no chat template for {job.name}", next_step="Try it again.")

    async def unshare(self, reference: str) -> None:
        """Take back what `share` made; see `papin.providers.Shares`."""
        try:
            name = parse(reference)
        except NameInvalid:
            return  # Ollama cannot have a model of that name
        async with locks.hold(self._lock):
            share = self._notes.find(name)
            if share is None:
                await self._refuse_foreign(name)
            elif share.is_ours and not share.folder:
                await take_back_sent(self._api, name, share)
            elif share.is_ours:
                await self._take_back(name, share)
            self._notes.forget(name)

    def forget(self, reference: str) -> None:
        """Know that Ollama removed it."""
        self._notes.forget(parse(reference))

    def renamed(self, reference: str, to: str) -> None:
        """Know that it has another name."""
        share = self._notes.find(parse(reference))
        if share is not None:
            self._notes.add(parse(to), msgspec.structs.replace(share, reference=str(parse(to))))
            self._notes.forget(parse(reference))

    async def _take_back(self, name: Name, share: Share) -> None:
        place = Place(path=Path(share.folder), state="write")
        try:
            await trio.to_thread.run_sync(take_back, place, name, share)
        except FileNotFoundError:
            return  # the whole folder is gone
        except OSError as error:
            raise StorageFailed(
                f"{name} could not be taken out of Ollama's folder {place.path}: {error.strerror}",
                next_step="Check the permissions of that folder, then try again.",
            ) from error

    async def _refuse_foreign(self, name: Name) -> None:
        place = await self._models.place()
        if place and place.state != "closed" and (await self._models.read(place)).find(name):
            raise Conflict(
                f"{name} is a model of Ollama's own: papin did not share it",
                next_step=f"To remove it from Ollama, type: ollama rm {name}",
            )


def _recipe(model: Model, paths: tuple[Path, ...]) -> Recipe:
    files = list(zip(model.files, paths, strict=True))
    small = [(file, path) for file, path in files if file.role == "sidecar" and file.size <= _SIDECAR]
    weights = [path for file, path in files if file.role == "weights"]
    try:
        sidecars = {file.name: path.read_bytes() for file, path in small}
        template = template_for(chat_template(weights[0])) if weights else None
    except OSError as error:
        raise StorageFailed(
            f"a file of {model.id} cannot be read: {error.strerror}", next_step=f"papin models verify {model.id}"
        ) from error
    return make_recipe(model, sidecars, template)


def _unusable(job: _Job, error: PapinError) -> PapinError:
    """Return what it means that Ollama cannot open the model it has."""
    status = job.paths[job.recipe.weights].stat()
    if status.st_mode & 0o004 or status.st_uid == job.place.manifests.stat().st_uid:
        return error
    return StorageFailed(
        f"Ollama runs as the user {job.place.owner}, who may not read papin's file of {job.name}",
        next_step="Let papin copy it (--copy), or run Ollama as your own user.",
    )
