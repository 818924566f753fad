"""What the job of a download or an import does: fetch, install, and look after what that leaves to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from papin._jobs import JobHandle
from papin._operations._aftercare import look_after
from papin._operations._elsewhere import over_now
from papin._operations._install import install
from papin._operations._mending import mend
from papin._operations._planning import Found, Planner, staging_keys
from papin._operations._providers import Providers
from papin._operations._pulling import pull
from papin._operations._services import Services
from papin._operations._turns import Turns
from papin._operations._wanted import Request, as_asked
from papin._operations._whole import Whole
from papin._transfers import Pace
from papin.errors import PapinError
from papin.models import Model, Progress

__all__ = ["Bringing"]


class Bringing:
    """Carries out the requests that jobs keep."""

    def __init__(self, services: Services, providers: Providers, planner: Planner, turns: Turns) -> None:
        self._services = services
        self._providers = providers
        self._planner = planner
        self._turns = turns
        self.after_update: Callable[[str], Awaitable[Model]] | None = None
        """What is left to do when a model was updated, told its id; set by who knows."""
        self.share_again: Callable[[str], Awaitable[None]] | None = None
        """Links what a model, told its id, has now into other programs again; set by who knows."""
        self.share: Callable[[str, str], Awaitable[Model]] | None = None
        """Makes a model, told its id, usable in a provider too; set by who knows."""

    async def carry_out(self, request: Request, handle: JobHandle) -> str:
        """Do what a job's request says, a download when it may; return the id of the model."""
        job = await self._services.records.read(lambda read: read.job(handle.id))
        if job.kind != "download":
            return await self._bring_in(request, handle)
        bring_in = partial(self._bring_in, request, handle)
        return await self._turns.run(job, handle, bring_in, self._services.config.core.download_between)

    async def _bring_in(self, request: Request, handle: JobHandle, pace: Pace | None = None) -> str:
        if request.through:
            return await pull(self._services, self._providers, request, handle)
        if request.repairs:
            return await self._repair(request, handle, pace)
        model = await self._install(request, handle, pace)
        if request.share_with and self.share is not None:
            await _or_warn(handle, self.share(model, request.share_with))
        return model

    async def _install(self, request: Request, handle: JobHandle, pace: Pace | None) -> str:
        # As it is recorded now: it may be begun again in this process, and then knows what arrived.
        blob, over_before = await self._services.records.read(
            lambda read: (read.job_request(handle.id), over_now(read))
        )
        request = as_asked(blob)
        before = handle.latest or Progress(phase="queued")
        handle.report(Progress(phase="resolving", done=before.done, total=before.total))
        found = await self._planner.find(request, is_plan=False)
        whole = Whole(found.sizes, handle.report, done=before.done)
        if found.installed is not None and not request.replaces:
            whole.finished(found.installed.size)
            whole.committing()
            return found.installed.id
        await self._remember_staged(request, found, handle)
        (await self._planner.plan(request, found)).check_fits()
        model = await install(
            self._services,
            found.variant,
            request.name,
            whole,
            handle=handle,
            over_before=over_before,
            pace=pace,
            replaces=request.replaces,
        )
        if request.replaces and self.after_update is not None:
            await _or_warn(handle, self.after_update(model.id))
        await self._providers.notice(file.size for file in model.files)
        await look_after(self._services)
        return model.id

    async def _repair(self, request: Request, handle: JobHandle, pace: Pace | None) -> str:
        over_before = await self._services.records.read(over_now)
        users = await mend(self._services, self._planner, request, handle=handle, over_before=over_before, pace=pace)
        if self.share_again is not None:
            for user in users:
                await _or_warn(handle, self.share_again(user))
        return request.repairs

    async def _remember_staged(self, request: Request, found: Found, handle: JobHandle) -> None:
        """Keep with the job under which keys its files arrive, so that they can be discarded without asking anybody."""
        staged = staging_keys(found.variant)
        if staged != request.staged:
            blob = msgspec.json.encode(msgspec.structs.replace(request, staged=staged))
            await self._services.records.change(lambda write: write.set_request(handle.id, blob))


async def _or_warn(handle: JobHandle, work: Awaitable[object]) -> None:
    """Do what comes after a model is installed; it stays so where that fails, and the job tells why."""
    try:
        await work
    except PapinError as error:
        handle.warn(f"{error.message} {error.next_step}".strip())
