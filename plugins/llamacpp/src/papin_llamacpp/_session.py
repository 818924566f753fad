"""The provider's session: finds, starts and ends engines."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import trio

from papin.context import Context
from papin.errors import StorageFailed
from papin.events import ModelUnloaded
from papin.locks import hold
from papin.models import Embeddings, Engine, LoadedModel, LoadSettings, Message, Model, Progress, Reply, Speed
from papin_llamacpp import _bench
from papin_llamacpp._chat import Asking
from papin_llamacpp._choices import defaults_for, find_engine, is_as_wanted, resolve
from papin_llamacpp._deaths import stop, wait_until_dead
from papin_llamacpp._failures import explain, tail
from papin_llamacpp._launch import launch
from papin_llamacpp._records import Engines
from papin_llamacpp._settings import LlamaCppSettings
from papin_llamacpp._slots import answering
from papin_llamacpp._spec import Ready, Record, Spec

__all__ = ["Session", "open_session"]


@asynccontextmanager
async def open_session(context: Context[LlamaCppSettings]) -> AsyncIterator[Session]:
    """Hold a session open; the engines that it loads outlive it."""
    async with trio.open_nursery() as nursery:
        yield Session(context, nursery)
        nursery.cancel_scope.cancel()


class Session:
    """Drives the engines of this machine, whichever papin process started them."""

    def __init__(self, context: Context[LlamaCppSettings], nursery: trio.Nursery) -> None:
        self._context = context
        self._nursery = nursery
        self._engines = Engines(context.folders.run)
        self._asking = Asking(context.http, self._engines, self._ended)
        self._watched: set[str] = set()

    async def engine(self) -> Engine:
        """Return the program that would load a model, starting nothing."""
        return await trio.to_thread.run_sync(find_engine, self._context.settings.engine)

    def defaults(self, model: Model) -> LoadSettings:
        """Return how `model` is loaded when nobody says otherwise; see `papin.providers.Defaults`."""
        return defaults_for(model, self._context.settings)

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Load `model`, or renew the engine that has it in memory as wanted; see `papin.providers.Loads`."""
        async with self._alone(model.id):
            record = await self._reusable(model, settings)
            if record is None:
                record = await self._start(model, settings)
        if record.engine not in self._watched:
            self._watched.add(record.engine)
            self._nursery.start_soon(self._watch, record)
        return await trio.to_thread.run_sync(self._describe, record)

    async def unload(self, reference: str) -> bool:
        """End the engine of the model `reference`; its memory is free on return."""
        async with self._alone(reference):
            records = await trio.to_thread.run_sync(self._engines.of, reference)
            for record in records:
                await stop(self._engines, record)
        return bool(records)

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in memory, whichever process loaded it, and what of it answers now."""
        records = await trio.to_thread.run_sync(self._engines.alive)
        found = await trio.to_thread.run_sync(lambda: list(map(self._describe, records)))
        counts: dict[str, int | None] = {}

        async def ask(record: Record) -> None:
            async with self._context.http.client(record.address, token=record.key) as client:
                counts[record.engine] = await answering(client)

        async with trio.open_nursery() as nursery:
            for record in records:
                nursery.start_soon(ask, record)
        told = zip(records, found, strict=True)
        return [msgspec.structs.replace(each, answering=counts[record.engine]) for record, each in told]

    def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open an answer; see `papin.providers.Chats`."""
        return self._asking.chat(loaded, messages, options)

    def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open what follows `prompt`; see `papin.providers.Completes`."""
        return self._asking.complete(loaded, prompt, options)

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return vectors; see `papin.providers.Embeds`."""
        return await self._asking.embed(loaded, texts)

    async def measure(self, model: Model, settings: LoadSettings, report: Callable[[Progress], None]) -> Speed:
        """Measure `model` with llama-bench, loaded as `load` would; see `papin.providers.Measures`."""
        paths = await self._context.files.paths(model)
        how = resolve(model, settings, self._context.settings)
        return await _bench.measure(model.id, _first(model, paths, "weights"), how, report)

    @asynccontextmanager
    async def _alone(self, model: str) -> AsyncIterator[None]:
        """Be the only one, of all processes, that loads or unloads `model`."""
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(hold(self._engines.loading_lock(model)))
            except OSError as error:
                raise _unwritable(self._engines.run, error) from error
            yield

    async def _reusable(self, model: Model, settings: LoadSettings) -> Record | None:
        """Return the engine that has `model` as wanted, renewed; end those that have it otherwise."""
        sha256 = _weights(model)
        for record in await trio.to_thread.run_sync(self._engines.of, model.id):
            if is_as_wanted(record, sha256, settings):
                self._engines.touch(record.engine, settings.keep_alive)
                return record
            await stop(self._engines, record)
            self._publish_end(record, "asked")
        return None

    async def _start(self, model: Model, settings: LoadSettings) -> Record:
        program = (await self.engine()).path
        paths = await self._context.files.paths(model)
        defaults = self._context.settings
        keep_alive = defaults.keep_alive if settings.keep_alive is None else settings.keep_alive
        try:
            engine, lock = self._engines.reserve(keep_alive)
        except OSError as error:
            raise _unwritable(self._engines.run, error) from error
        spec = Spec(
            engine=engine,
            model=model.id,
            sha256=_weights(model),
            path=_first(model, paths, "weights"),
            mmproj=_first(model, paths, "mmproj"),
            run=str(self._engines.run),
            settings=resolve(model, settings, defaults),
            keep_alive=keep_alive,
            program=program,
            lock_fd=lock,
        )
        return await self._launch(spec)

    async def _launch(self, spec: Spec) -> Record:
        log = self._engines.path(spec.engine, ".log")
        is_up = False
        try:
            answer = await launch(spec, log)
            if isinstance(answer, Ready):
                is_up = True
                return answer.record
            raise explain(spec.model, answer, tail(log.read_bytes(), spec.path))
        except OSError as error:
            raise _unwritable(self._engines.run, error) from error
        finally:
            os.close(spec.lock_fd)  # the host has its own, if it lives
            if not is_up:
                self._engines.forget(spec.engine)

    async def _watch(self, record: Record) -> None:
        """Tell when an engine that this session uses ends without being asked to."""
        last_word = await wait_until_dead(self._engines, record.engine)
        if last_word == "asked":
            self._watched.discard(record.engine)
        else:
            self._ended(record, "idle" if last_word == "idle" else "gone")

    def _ended(self, record: Record, reason: str = "gone") -> None:
        """Tell once that an engine is no more: a command that asked it may end before its watch has noticed."""
        if record.engine in self._watched:
            self._watched.discard(record.engine)
            self._engines.forget(record.engine)
            self._publish_end(record, reason)

    def _describe(self, record: Record) -> LoadedModel:
        used = self._engines.used(record.engine)
        expires = None
        if used is not None and used[1] >= 0:
            expires = datetime.fromtimestamp(used[0] / 1e9, UTC) + timedelta(seconds=used[1])
        return LoadedModel(
            model=record.model,
            reference=record.model,
            provider=self._context.name,
            address=record.address,
            loaded_at=record.loaded_at,
            expires_at=expires,
            pid=record.pid,
            n_ctx=record.n_ctx,
            memory=_memory(record.pid),
        )

    def _publish_end(self, record: Record, reason: str) -> None:
        # What somebody asks of a provider is told by who asks; only what happens besides is told here.
        self._context.publish(ModelUnloaded(model=record.model, provider=self._context.name, reason=reason))


def _weights(model: Model) -> str:
    return next((file.sha256 for file in model.files if file.role == "weights"), "")


def _first(model: Model, paths: Sequence[Path], role: str) -> str:
    """Return the path of the first file with that role; llama.cpp finds the further shards beside it."""
    return next((str(path) for file, path in zip(model.files, paths, strict=True) if file.role == role), "")


def _memory(pid: int) -> int | None:
    """Return the bytes of main memory that an engine holds, its mapped weights included."""
    try:
        host = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (host, *host.children(recursive=True)))
    except psutil.Error:
        return None


def _unwritable(run: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"The folder for running engines, {run}, cannot be written: {error.strerror}",
        next_step="Make it writable, or set PAPIN_HOME to a folder that is.",
    )
