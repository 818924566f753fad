"""How fast models are on this machine: measured when somebody asks for it, and remembered by their weights."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import msgspec
import trio

from papin._operations._hashing import digest_of
from papin._operations._running import NO_SETTINGS, Running
from papin._operations._services import ignore
from papin._operations._settings import load_settings
from papin._registry import Write
from papin.errors import NotFound
from papin.events import ModelChanged
from papin.models import LoadSettings, Model, Progress, Speed
from papin.providers import Measures

OnProgress = Callable[[Progress], None]


class Measuring(Running):
    """The part of `Models` that measures."""

    async def measure(
        self,
        ref: str,
        settings: LoadSettings = NO_SETTINGS,
        *,
        provider: str | None = None,
        on_progress: OnProgress = ignore,
    ) -> Speed:
        """Measure how fast a model is here, loaded for this alone as `load` would; remember and return it.

        It takes seconds to minutes, is told step by step, and ends within a second when it is cancelled: then nothing
        is remembered.

        Raises:
            EngineMissing: the program that measures is not installed.
            FormatInvalid, ProviderFailed: nothing here can measure it; why.
            LoadFailed, OutOfMemory: as `load`.
            NotFound: there is no such model, or its files are not on this machine.
        """
        model = await self._find(ref)
        name, session = await self._runners.choose(
            model, provider, has_files=await self._has_files(model), needs=(Measures,)
        )
        sha256 = await self._weights(model, on_progress)
        machine = await trio.to_thread.run_sync(self._services.machine)
        with self._services.sessions.guard(f"provider {name}"):
            assert isinstance(session, Measures)
            measured = await session.measure(model, load_settings(model, settings), on_progress)
            speed = msgspec.convert(
                msgspec.structs.replace(
                    measured, provider=name, machine=machine.summary, measured_at=datetime.now(UTC)
                ),
                Speed,
                from_attributes=True,
            )
        await self._services.records.change(partial(_save, model.id, sha256, speed))
        return speed

    async def speeds(self, ref: str) -> tuple[Speed, ...]:
        """Return how fast a model was measured to be, the latest first: the last time on each machine.

        Raises:
            NotFound, Ambiguous: as `show`.
        """
        model = await self._find(ref)
        return await self._services.records.read(lambda read: read.speeds(model))

    async def _weights(self, model: Model, on_progress: OnProgress) -> str:
        """Return the digest of the weights, which are read where nobody did before."""
        at = next((at for at, file in enumerate(model.files) if file.role == "weights"), None)
        if at is None:
            raise NotFound(
                f"the weights of {model.id} are not on this machine", next_step=f"papin models show {model.id}"
            )
        file = model.files[at]
        if file.sha256:
            return file.sha256

        def report(done: int) -> None:
            on_progress(Progress(phase="verifying", done=done, total=file.size, file=file.name))

        digest = await digest_of(self._services, (await self._services.files.paths(model))[at], report)
        await self._providers.notice([file.size])
        return digest


def _save(model: str, sha256: str, speed: Speed, write: Write) -> None:
    write.save_speed(sha256, speed)
    write.journal(ModelChanged(model=model))
