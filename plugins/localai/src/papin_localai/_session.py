"""The provider's session: LocalAI as it answers, and the folder of its models where it is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import trio

from papin import names, openai
from papin.context import Context
from papin.errors import EngineMissing, FormatInvalid, LoadFailed, NotFound, ProviderFailed, StorageFailed
from papin.http import Patience
from papin.inventories import Listing, ProviderDetails, ProviderModel
from papin.models import (
    Embeddings,
    Engine,
    LoadedModel,
    LoadSettings,
    Message,
    Model,
    Placement,
    Progress,
    Reply,
)
from papin.providers import reference_of
from papin_localai import _folder, _jobs, _share
from papin_localai._api import Api, quoted, reason
from papin_localai._configs import RUNS, as_patch, as_settings, plain
from papin_localai._settings import LocalAISettings

__all__ = ["Session", "open_session"]

_SHORT = Patience(connect=3, header=20, silence=20)
_GONE_WITHIN = 30.0
_LOOK_EVERY = 0.2
_CANCELLING = 1.0


@asynccontextmanager
async def open_session(context: Context[LocalAISettings]) -> AsyncIterator[Session]:
    """Hold a session open; nothing is asked before somebody wants to know something."""
    settings = context.settings
    async with (
        context.http.client(settings.url, token=settings.key, patience=_SHORT) as short,
        context.http.client(settings.url, token=settings.key, patience=openai.PATIENCE) as long,
    ):
        yield Session(context, Api(short, settings.url), Api(long, settings.url), openai.Api(long, "LocalAI"))


class _Named(msgspec.Struct):
    id: str = ""


class _Data(msgspec.Struct):
    data: list[_Named] = []


class _System(msgspec.Struct):
    loaded_models: list[_Named] | None = None


class _Job(msgspec.Struct):
    jobID: str = ""  # noqa: N815  # as one route calls it
    uuid: str = ""  # and as another does


class Session:
    """Drives one LocalAI."""

    def __init__(self, context: Context[LocalAISettings], api: Api, patient: Api, answers: openai.Api) -> None:
        self._context = context
        self._api = api
        self._patient = patient
        self._answers = answers

    @property
    def _root(self) -> Path | None:
        return self._context.settings.models

    async def engine(self) -> Engine:
        """Return the program; see `papin.providers.Reports`."""
        return await self._api.engine()

    # --- what it has

    async def models(self) -> Listing:
        """Return what it has: from its folder where that is known, or else as it answers."""
        root = self._root.expanduser() if self._root is not None else None
        if root is None:
            return await self._told()
        try:
            return await trio.to_thread.run_sync(_folder.read_folder, root)
        except PermissionError as error:
            told = await self._told()
            if told.is_present:
                return msgspec.structs.replace(told, unreadable=str(root))
            raise StorageFailed(
                f"the folder of LocalAI's models, {root}, cannot be read: {error.strerror}",
                next_step="Start LocalAI, which then tells what it has; or let your user read that folder.",
            ) from error

    async def _told(self) -> Listing:
        try:
            await self._api.engine()
        except EngineMissing:
            return Listing(is_present=False)
        return Listing(models=tuple(ProviderModel(reference=name) for name in await self._listed()))

    async def _listed(self) -> list[str]:
        data = (await self._api.ask("GET", "/v1/models", _Data)).data
        return [each.id for each in data if each.id and each.id.isprintable()]

    async def show(self, reference: str) -> ProviderDetails:
        """Return the configuration of a model, as far as papin has words for it."""
        config = await self._config(reference)
        parameters = {key: str(value) for key, value in plain(config.get("parameters")).items()}
        stop = config.get("stopwords")
        if isinstance(stop, list) and stop:
            parameters["stop"] = ", ".join(map(str, stop))
        templates = {key: value for key, value in plain(config.get("template")).items() if isinstance(value, str)}
        return ProviderDetails(
            reference=reference,
            template=templates.get("chat", "") or templates.get("chat_message", ""),
            system_prompt=str(config.get("system_prompt") or ""),
            license=str(config.get("license") or ""),
            parameters=parameters,
            metadata={key: value for key, value in config.items() if isinstance(value, str | int | float)},
        )

    async def _config(self, reference: str) -> dict[str, Any]:
        config = await self._api.ask("GET", f"/api/models/config-json/{quoted(reference)}", dict[str, Any])
        return plain(config.get("config")) or config

    # --- fetching and removing

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Have it install a model of its gallery (`qwen3-8b`, `localai@qwen3-8b`)."""
        job = await self._install(reference)
        try:
            status = await _jobs.wait_for(self._api, job, report, self._context.settings.patience)
        except trio.Cancelled:
            with trio.move_on_after(_CANCELLING, shield=True):
                await self._api.does("POST", f"/api/operations/{quoted(job)}/cancel")
            raise
        name = reference.rpartition("@")[2]
        if error := _jobs.failure(status, reference, is_there=name in await self._listed()):
            raise error

    async def _install(self, reference: str) -> str:
        await self._api.engine()
        answer = await self._api.send("POST", f"/api/models/install/{quoted(reference)}")
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            # An older way, whose jobs cannot be cancelled before a worker has taken them.
            job = await self._api.ask("POST", "/models/apply", _Job, {"id": reference})
        elif answer.status >= HTTPStatus.BAD_REQUEST:
            raise NotFound(f"LocalAI does not install {reference}: {reason(answer)}", next_step="Look at its gallery.")
        else:
            job = answer.json(_Job)
        if not (job.jobID or job.uuid):
            raise ProviderFailed("LocalAI took the order and gave no job for it", next_step="Its log says more.")
        return job.jobID or job.uuid

    async def remove(self, reference: str) -> None:
        """Have it delete a model, and see that it did: the job of a deletion cannot be asked for."""
        if reference not in await self._listed():
            raise NotFound(f"LocalAI has no model {reference}", next_step="papin models list shows what it has.")
        await self._api.does("POST", f"/models/delete/{quoted(reference)}")
        with trio.move_on_after(_GONE_WITHIN):  # nobody tells when it is done
            while reference in await self._listed():  # noqa: ASYNC110  # it is the only way to see
                await trio.sleep(_LOOK_EVERY)
            return
        raise ProviderFailed(f"LocalAI still has {reference}, after being told to delete it", next_step="See its log.")

    # --- memory

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:  # noqa: ARG002  # it takes none at this
        """Load a model that LocalAI has; how, stands in its configuration (`configure`)."""
        reference = self._reference(model)
        await self._api.engine()
        answer = await self._patient.send("POST", "/backend/load", {"model": reference})
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            # A version without that route loads at the first request.
            answer = await self._patient.send(
                "POST", "/v1/completions", {"model": reference, "prompt": " ", "max_tokens": 1}
            )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise LoadFailed(
                f"LocalAI could not load {reference}: {reason(answer)}",
                next_step="Its log says more; a missing backend has to be installed in LocalAI.",
            )
        return self._loaded(model.id, reference)

    def _reference(self, model: Model) -> str:
        reference = reference_of(model, self._context.name)
        if reference is None:
            raise NotFound(
                f"LocalAI does not have {model.id}",
                next_step=f"Share it first: papin models share {model.id} --with {self._context.name}",
            )
        return reference

    def _loaded(self, model: str, reference: str) -> LoadedModel:
        return LoadedModel(
            model=model,
            reference=reference,
            provider=self._context.name,
            address=self._context.settings.url,
            loaded_at=datetime.now(UTC),
        )

    async def unload(self, reference: str) -> bool:
        """Take a model out of its memory; where LocalAI does not run, nothing is in it."""
        try:
            return await self._patient.does("POST", "/backend/shutdown", {"model": reference})
        except EngineMissing:
            return False

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in its memory. It does not tell since when."""
        try:
            system = await self._api.ask("GET", "/system", _System)
        except EngineMissing:
            return ()
        return [self._loaded(each.id, each.id) for each in system.loaded_models or () if each.id]

    # --- answers

    def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open an answer; see `papin.providers.Chats`."""
        return self._answers.chat(loaded.reference, messages, options)

    def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open what follows a text; see `papin.providers.Completes`."""
        return self._answers.complete(loaded.reference, prompt, options)

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text; see `papin.providers.Embeds`."""
        return await self._answers.embed(loaded.reference, texts)

    # --- settings

    async def settings(self, reference: str) -> Mapping[str, str | int | float | bool]:
        """Return what its configuration sets, by papin's names."""
        return as_settings(await self._config(reference))

    async def configure(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        """Change its configuration, which counts from the next loading on; a loaded model is unloaded for that."""
        path = f"/api/models/config-json/{quoted(reference)}"
        if not await self._api.does("PATCH", path, as_patch(settings)):
            raise NotFound(f"LocalAI has no model {reference}", next_step="papin models list shows what it has.")
        await self.unload(reference)

    # --- sharing

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Link the files into its folder with a configuration; see `papin.providers.Shares`."""
        if model.format not in RUNS:
            raise FormatInvalid(
                f"LocalAI does not run {model.format or 'this'} models", next_step="papin providers list"
            )
        root = await self._writable_root()
        reference = names.check(name or model.id, "file")
        how = await trio.to_thread.run_sync(lambda: _share.place(root, model, reference, paths, copy=copy))
        if not await self._shows(reference, wanted=True):
            await trio.to_thread.run_sync(_share.take_back, root, reference)
            raise ProviderFailed(
                f"LocalAI does not list {reference} after it was put into {root}",
                next_step="Check that this is the folder it uses: papin config set providers.localai.models PATH",
            )
        return Placement(provider=self._context.name, reference=reference, how=how)

    async def unshare(self, reference: str) -> None:
        """Remove the links and the configuration that `share` made."""
        root = await self._writable_root()
        await trio.to_thread.run_sync(_share.take_back, root, names.check(reference, "file"))
        await self._shows(reference, wanted=False)

    async def _writable_root(self) -> Path:
        if self._root is None:
            raise StorageFailed(
                "papin does not know the folder of LocalAI's models",
                next_step="Say where it is: papin config set providers.localai.models /path/to/models",
            )
        root = self._root.expanduser()
        if not await trio.to_thread.run_sync(root.is_dir):
            raise EngineMissing(
                f"the folder of LocalAI's models, {root}, is not there",
                next_step="Start LocalAI once, or correct the folder: papin config set providers.localai.models PATH",
            )
        return root

    async def _shows(self, reference: str, *, wanted: bool) -> bool:
        """Have a LocalAI that runs read its folder again; return whether it lists the model then as it should."""
        try:
            await self._api.does("POST", "/models/reload")
            return (reference in await self._listed()) == wanted
        except EngineMissing:
            return True  # it reads the folder when it starts
