"""The session with a llama-server, whichever of the two it is when it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from papin.context import Context
from papin.errors import EngineMissing, NotFound, PapinError, ProviderFailed
from papin.http import is_loopback_url
from papin.inventories import Listing, ProviderDetails, closed
from papin.links import is_same_file
from papin.models import Embeddings, Engine, LoadedModel, LoadSettings, Message, Model, Placement, Progress, Reply
from papin.providers import reference_of
from papin_llamacpp._options import translate
from papin_llamacpp._servers import presets
from papin_llamacpp._servers.files import seen_files
from papin_llamacpp._servers.router import Router
from papin_llamacpp._servers.server import Server
from papin_llamacpp._servers.settings import ServerSettings
from papin_llamacpp._servers.sharing import Sharing
from papin_llamacpp._servers.watch import Watch
from papin_llamacpp._servers.wire import ListedModel, Meta, Props, details, file_of, provider_model

__all__ = ["Session", "open_session"]

_SINGLE = "A llama-server with one model has the settings that it was started with; as a router it keeps them."


@asynccontextmanager
async def open_session(context: Context[ServerSettings]) -> AsyncIterator[Session]:
    """Hold a session open; nothing is asked before somebody wants something."""
    async with trio.open_nursery() as nursery:
        yield Session(context, nursery)
        nursery.cancel_scope.cancel()


class Session:
    """Drives a llama-server that somebody else started."""

    def __init__(self, context: Context[ServerSettings], nursery: trio.Nursery) -> None:
        self._context = context
        self._server = Server(context.http, context.name, context.settings)
        self._is_here = is_loopback_url(self._server.address)
        self._watch = Watch(self._server, context.name, context.publish, nursery)
        self._router = Router(self._server, self._watch, context.name)
        self._sharing = Sharing(context, self._server, self._router)
        self._since: dict[str, datetime] = {}

    async def engine(self) -> Engine:
        """Return the program that answers, and in which role."""
        props = await self._look()
        role = "llama-server (router)" if props and props.is_router else "llama-server"
        return Engine(name=role, version=(props.build_info if props else "") or "", address=self._server.address)

    async def models(self) -> Listing:
        """Return what the server lists; a router's models that lie on this machine with their files."""
        try:
            props = await self._look()
        except EngineMissing:
            return Listing(is_present=False)
        if props is None:
            raise ProviderFailed(
                f"the llama-server at {self._server.address} is still loading its model", next_step="Ask in a moment."
            )
        listed = await self._server.models()
        return await trio.to_thread.run_sync(self._describe, listed, props)

    def _describe(self, listed: Sequence[ListedModel], props: Props) -> Listing:
        paths = [file_of(each) if props.is_router else Path(props.model_path or "") for each in listed]
        models = [
            provider_model(each, props, seen_files(path, each, is_here=self._is_here))
            for each, path in zip(listed, paths, strict=True)
        ]
        local = [path for path in paths if self._is_here and path is not None and path.is_absolute()]
        return Listing(models=tuple(models), unreadable=closed(local))

    async def show(self, reference: str) -> ProviderDetails:
        """Return what the server says of one model, loading nothing for it; see `papin.providers.Shows`."""
        listed, props = await self._told(reference)
        return details(listed, props, presets.pairs(listed.status.preset or "", reference))

    async def _told(self, reference: str) -> tuple[ListedModel, Props]:
        """Return one model and what the server says of it, which is nothing while a router does not run it."""
        props = await self._look()
        listed = await self._router.listed(reference)
        if props is not None and props.is_router:
            running = listed.status.value in {"loaded", "sleeping"}
            props = await self._server.props_of(reference) if running else None
        return listed, props or Props()

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:  # noqa: ARG002  # it takes none
        """Have a router load `model`; a single one is asked whether it has it. See `papin.providers.Loads`."""
        while (props := await self._look()) is None:  # it loads its model
            await self._watch.wait_change()
        if not props.is_router:
            return await self._the_single_one(model, props)
        reference = (await self._router.wanted(model)).id
        self._watch.ids[reference] = model.id
        return self._loaded(await self._router.load(reference))

    async def unload(self, reference: str) -> bool:
        """Have a router unload; a single model stays for as long as its server runs."""
        props = await self._look_if_here()
        if props is None:
            return False
        found = next((each for each in await self._server.models() if reference in self._names(each)), None)
        if found is None:
            return False
        if not props.is_router:
            raise ProviderFailed(
                f"{reference} stays loaded for as long as the llama-server at {self._server.address} runs",
                next_step="End that server where it was started.",
            )
        self._since.pop(found.id, None)
        return await self._router.unload(found)

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in memory, and what of it answers now; nothing where no server answers."""
        props = await self._look_if_here()
        if props is None:
            return []
        listed = await self._server.models()
        if not props.is_router:
            counts = await self._server.answering([""])
            return [self._loaded(each, n_ctx=props.n_ctx, answering=counts[""]) for each in listed[:1]]
        running = [each for each in listed if each.status.value == "loaded"]
        counts = await self._server.answering(each.id for each in running)
        return [self._loaded(each, answering=counts[each.id]) for each in running]

    @asynccontextmanager
    async def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open an answer; see `papin.providers.Chats`."""
        wanted = translate(options)
        async with self._server.asking() as api, api.chat(loaded.reference, messages, wanted) as replies:
            yield replies

    @asynccontextmanager
    async def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open what follows `prompt`; see `papin.providers.Completes`."""
        wanted = translate(options)
        async with self._server.asking() as api, api.complete(loaded.reference, prompt, wanted) as replies:
            yield replies

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return vectors; see `papin.providers.Embeds`."""
        async with self._server.asking() as api:
            return await api.embed(loaded.reference, texts)

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Have a router fetch a model; see `papin.providers.Pulls`."""
        await self._need_router()
        await self._router.pull(reference, report)

    async def remove(self, reference: str) -> None:
        """Have a router remove what it fetched; see `papin.providers.Removes`."""
        await self._need_router()
        await self._router.remove(reference)

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Put links to the files into a router's folder; see `papin.providers.Shares`."""
        await self._need_router()
        placement = await self._sharing.share(model, paths, name=name, copy=copy)
        self._watch.ids[placement.reference] = model.id
        return placement

    async def unshare(self, reference: str) -> None:
        """Take the links back; see `papin.providers.Shares`."""
        await self._sharing.unshare(reference)

    async def settings(self, reference: str) -> Mapping[str, str | int | float | bool]:
        """Return what a server has in force for a model, and else what a router's presets hold for it.

        See `papin.providers.Configures`; a router unloads a model whose presets are changed, so the two agree.
        """
        kept = await self._sharing.settings(reference) if await self._is_router() else {}
        _, props = await self._told(reference)
        return {**kept, **props.in_force}

    async def fixed(self, reference: str) -> str:  # noqa: ARG002  # it is so for the only model that it has
        """Return why a server with one model keeps no settings; see `papin.providers.Fixed`."""
        return "" if await self._is_router() else _SINGLE

    async def configure(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        """Change a router's presets; see `papin.providers.Configures`."""
        await self._need_router()
        await self._sharing.configure(reference, settings)

    async def _is_router(self) -> bool:
        props = await self._look()
        return props is not None and props.is_router

    async def _need_router(self) -> None:
        if not await self._is_router():
            raise ProviderFailed(
                f"the llama-server at {self._server.address} serves one model and takes no others",
                next_step="Start it as a router: llama-server --models-dir FOLDER --models-preset FILE",
            )

    async def _look(self) -> Props | None:
        props = await self._server.props()
        if props is not None and props.is_router:
            self._watch.start()
        return props

    async def _look_if_here(self) -> Props | None:
        try:
            return await self._look()
        except EngineMissing:
            return None

    def _names(self, listed: ListedModel) -> tuple[str, ...]:
        return (listed.id, *(listed.aliases or ()), self._watch.ids.get(listed.id, listed.id))

    async def _the_single_one(self, model: Model, props: Props) -> LoadedModel:
        listed = await self._server.models()
        if not listed:
            raise ProviderFailed(f"the llama-server at {self._server.address} lists nothing", next_step="Ask again.")
        served = listed[0]
        wanted = reference_of(model, self._context.name) or model.id
        if wanted not in (served.id, *(served.aliases or ())) and not await self._is_its_file(model, props):
            raise NotFound(
                f"the llama-server at {self._server.address} has {served.id} and nothing else",
                next_step="Start it with this model, or as a router (llama-server --models-dir FOLDER), "
                f"or type: papin run {model.id} --provider llamacpp",
            )
        self._watch.ids[served.id] = model.id
        return self._loaded(served, n_ctx=props.n_ctx)

    async def _is_its_file(self, model: Model, props: Props) -> bool:
        if not (self._is_here and props.model_path):
            return False
        served = Path(props.model_path)
        try:
            paths = await self._context.files.paths(model)
        except PapinError:
            return False
        return await trio.to_thread.run_sync(lambda: any(is_same_file(path, served) for path in paths))

    def _loaded(self, listed: ListedModel, *, n_ctx: int | None = None, answering: int | None = None) -> LoadedModel:
        return LoadedModel(
            model=self._watch.ids.get(listed.id, ""),
            reference=listed.id,
            provider=self._context.name,
            address=self._server.address,
            loaded_at=self._since.setdefault(listed.id, datetime.now(UTC)),
            n_ctx=n_ctx or (listed.meta or Meta()).n_ctx,
            answering=answering,
        )
