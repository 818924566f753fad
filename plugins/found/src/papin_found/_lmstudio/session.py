"""The session with LM Studio: its folder and its server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import trio
import trio.from_thread

from papin import names
from papin.context import Context
from papin.errors import ConfigInvalid, EngineMissing, FormatInvalid, NotFound, ProviderFailed, TransferTimeout
from papin.http import is_loopback_url
from papin.inventories import Listing
from papin.models import Embeddings, Engine, How, LoadedModel, LoadSettings, Message, Model, Placement, Progress, Reply
from papin.providers import reference_of
from papin.shares import share, take_back
from papin_found._finders import find_lmstudio
from papin_found._lmstudio.server import Server
from papin_found._lmstudio.wire import Download, Instance, ListedModel, key_of, listed_as, split_reference
from papin_found._places import Machine, lmstudio
from papin_found._session import scan
from papin_found._settings import LmStudioSettings

__all__ = ["OPTIONS", "Session", "open_session"]

OPTIONS = frozenset({
    "frequency_penalty", "logit_bias", "n_predict", "presence_penalty", "repeat_penalty", "response_format", "seed",
    "stop", "temperature", "top_k", "top_p",
})  # fmt: skip
"""The sampling options that LM Studio's server takes, by their names in llama.cpp."""

_PUBLISHER = "papin"
_SHORTEST, _LONGEST = 0.1, 2.0  # seconds between two looks at a download, which sends no events
_STALL = 120.0


@asynccontextmanager
async def open_session(context: Context[LmStudioSettings]) -> AsyncIterator[Session]:
    """Open a session; nothing is asked before somebody wants something."""
    yield Session(context)


class Session:
    """Lists by the folder where it is here, and drives the server."""

    def __init__(self, context: Context[LmStudioSettings]) -> None:
        self._context = context
        self._server = Server(context.http, context.name, context.settings)
        self._is_here = is_loopback_url(self._server.address)
        self._ids: dict[str, str] = {}
        self._since: dict[str, datetime] = {}
        self._instances: dict[str, str] = {}

    def _root(self) -> Path:
        chosen = self._context.settings.folder
        return Path(chosen).expanduser() if chosen else lmstudio(Machine.this())

    async def engine(self) -> Engine:
        """Return the program: with an address while its server runs, with its folder where that is here."""
        path = await trio.to_thread.run_sync(self._root) if self._is_here else None
        folder = str(path) if path is not None and await trio.Path(path).is_dir() else ""
        try:
            await self._server.models()
        except EngineMissing:
            if not folder:
                raise
            return Engine(name="LM Studio", path=folder)
        return Engine(name="LM Studio", path=folder, address=self._server.address)

    async def models(self) -> Listing:
        """Return the models in its folder, or, where that is not here, what its server lists."""
        found = await self._on_disk()
        if found.is_present:
            return found
        try:
            return Listing(models=tuple(listed_as(each) for each in await self._server.models()))
        except EngineMissing:
            return found

    async def _on_disk(self) -> Listing:
        if not self._is_here:
            return Listing(is_present=False)
        check = trio.from_thread.check_cancelled
        return await trio.to_thread.run_sync(lambda: scan(self._root(), find_lmstudio, check))

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Load `model`, or return it as it is; see `papin.providers.Loads`."""
        listed = await self._wanted(model)
        self._ids[listed.key] = model.id
        reference = reference_of(model, self._context.name) or listed.key
        for instance in listed.loaded_instances:
            if settings.n_ctx in (None, instance.config.context_length):
                return self._loaded(listed, instance, reference)
            await self._server.unload(instance.id)
        options = {"context_length": settings.n_ctx, "flash_attention": settings.flash_attn}
        made = await self._server.load(
            listed.key, {name: value for name, value in options.items() if value is not None}
        )
        config = made.load_config or Instance(id="").config
        return self._loaded(listed, Instance(id=made.instance_id, config=config), reference)

    async def _wanted(self, model: Model) -> ListedModel:
        """Return the server's entry for `model`."""
        listed = await self._server.models()
        reference = reference_of(model, self._context.name)
        wanted = {reference, model.id, *(key for key, known in self._ids.items() if known == model.id)}
        if found := next((each for each in listed if each.key in wanted), None):
            return found
        on_disk = {each.reference: each for each in (await self._on_disk()).models}
        found = key_of(on_disk[reference], listed) if reference in on_disk else None
        if found is None:
            raise NotFound(
                f"LM Studio lists nothing that is clearly {reference or model.id}",
                next_step=f"Type: papin models share {model.id} --with {self._context.name}",
            )
        return found

    async def unload(self, reference: str) -> bool:
        """Take every instance of a model out of memory; see `papin.providers.Loads`."""
        found = False
        for listed, known in await self._running():
            instances = [each.id for each in listed.loaded_instances]
            if reference in {known, listed.key, self._ids.get(listed.key), *instances}:
                found = True
                self._since.pop(known, None)
                for instance in instances:
                    await self._server.unload(instance)
        return found

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in memory; nothing where no server answers."""
        return [self._loaded(listed, listed.loaded_instances[0], known) for listed, known in await self._running()]

    async def _running(self) -> list[tuple[ListedModel, str]]:
        """Return the server's models that are in memory, with the names that the list of papin has for them."""
        try:
            listed = await self._server.models()
        except EngineMissing:
            return []
        running = [each for each in listed if each.loaded_instances]
        on_disk = (await self._on_disk()).models if running else ()
        known = {entry.key: each.reference for each in on_disk if (entry := key_of(each, listed)) is not None}
        return [(each, known.get(each.key, each.key)) for each in running]

    def _loaded(self, listed: ListedModel, instance: Instance, reference: str) -> LoadedModel:
        self._instances[reference] = instance.id
        return LoadedModel(
            model=self._ids.get(listed.key, ""),
            reference=reference,
            provider=self._context.name,
            address=self._server.address,
            loaded_at=self._since.setdefault(reference, datetime.now(UTC)),
            n_ctx=instance.config.context_length,
        )

    async def _instance(self, loaded: LoadedModel) -> str:
        if loaded.reference not in self._instances:
            await self.loaded()
        return self._instances.get(loaded.reference, loaded.reference)

    @asynccontextmanager
    async def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open an answer; see `papin.providers.Chats`."""
        wanted, instance = _taken(options), await self._instance(loaded)
        async with self._server.asking() as api, api.chat(instance, messages, wanted) as replies:
            yield replies

    @asynccontextmanager
    async def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open what follows `prompt`; see `papin.providers.Completes`."""
        wanted, instance = _taken(options), await self._instance(loaded)
        async with self._server.asking() as api, api.complete(instance, prompt, wanted) as replies:
            yield replies

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return vectors; see `papin.providers.Embeds`."""
        async with self._server.asking() as api:
            return await api.embed(await self._instance(loaded), texts)

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Have LM Studio fetch a model; see `papin.providers.Pulls`. It has no way to be told to stop."""
        state = await self._server.download(*split_reference(reference))
        last, since, pause = -1, trio.current_time(), _SHORTEST
        while state.status not in {"completed", "already_downloaded"}:
            if state.status == "failed" or not state.job_id:
                raise ProviderFailed(f"LM Studio could not fetch {reference}", next_step="Its window says why.")
            report(_progress(state, reference))
            if state.downloaded_bytes != last:
                last, since = state.downloaded_bytes, trio.current_time()
            if trio.current_time() - since > _STALL:
                raise TransferTimeout(
                    f"LM Studio got nothing of {reference} for {_STALL:.0f} s", next_step="Look at its window."
                )
            await trio.sleep(pause)
            pause = min(2 * pause, _LONGEST)
            now = await self._server.download_status(state.job_id)
            state = msgspec.structs.replace(now, job_id=now.job_id or state.job_id)

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Link the files into `papin/<name>/` of its folder; see `papin.providers.Shares`."""
        if model.format != "gguf":
            raise FormatInvalid(f"LM Studio does not run {model.format} models", next_step="Share a GGUF build of it.")
        called = names.check(name or model.id, "file")
        how = await trio.to_thread.run_sync(self._link, called, model, paths, copy)
        start = f"{_PUBLISHER}/{called}/"
        listed = [each for each in (await self._on_disk()).models if each.reference.startswith(start)]
        if len(listed) != 1 or listed[0].state != "ready":
            await trio.to_thread.run_sync(take_back, self._note(called))
            raise FormatInvalid(
                f"LM Studio would not take these files for one model: {', '.join(path.name for path in paths)}",
                next_step=f"Type: papin models verify {model.id}",
            )
        return Placement(provider=self._context.name, reference=listed[0].reference, how=how)

    def _link(self, called: str, model: Model, paths: Sequence[Path], copy: bool) -> How:  # noqa: FBT001  # for a thread
        root = self._root()
        if not self._is_here or not root.is_dir():
            raise EngineMissing(
                f"LM Studio keeps no models here: there is no folder {root}",
                next_step=f"Start it once, or type: papin config set providers.{self._context.name}.folder FOLDER",
            )
        pairs = zip(model.files, paths, strict=True)
        files = {names.make_file_name(file.name): path for file, path in pairs if file.role in {"weights", "mmproj"}}
        return share(names.place(root, _PUBLISHER, called), files, self._note(called), allow_copy=copy)

    async def unshare(self, reference: str) -> None:
        """Take the links back; see `papin.providers.Shares`."""
        publisher, _, rest = reference.partition("/")
        if publisher == _PUBLISHER:
            await trio.to_thread.run_sync(self._unlink, names.check(rest.partition("/")[0], "file"))

    def _unlink(self, called: str) -> None:
        if take_back(self._note(called)):
            with contextlib.suppress(OSError):  # more of papin's models are in it
                (self._root() / _PUBLISHER).rmdir()

    def _note(self, called: str) -> Path:
        return names.place(self._context.folders.data / "shares", f"{called}.json")


def _taken(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options, which LM Studio has to know: it would ignore others without a word."""
    for option in options:
        if option not in OPTIONS:
            near = names.nearest(option, OPTIONS) or ["temperature", "top_p", "n_predict"]
            raise ConfigInvalid(f"LM Studio has no option {option!r:.40}", next_step=f"There is: {', '.join(near)}")
    return options


def _progress(state: Download, reference: str) -> Progress:
    speed = state.bytes_per_second or None
    left = (state.total_size_bytes or 0) - state.downloaded_bytes
    return Progress(
        phase="downloading",
        done=max(0, state.downloaded_bytes),
        total=state.total_size_bytes or None,
        speed=speed,
        remaining=left / speed if speed and left > 0 else None,
        file=reference,
    )
