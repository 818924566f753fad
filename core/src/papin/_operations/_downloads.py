"""Downloads and imports: planned before the first byte, carried out as jobs, resumed by any later process."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from math import inf
from pathlib import Path
from typing import Literal

import msgspec
import trio

from papin._jobs import JobHandle
from papin._operations import _wanted
from papin._operations._bases import likely_reused, version_before
from papin._operations._bringing import Bringing
from papin._operations._called import brought, find_called
from papin._operations._catalogs import Catalogs
from papin._operations._holdings import check_linkable, holding_of, variant_of_holding
from papin._operations._hours import parse_hours
from papin._operations._limits import Limits
from papin._operations._line import Line
from papin._operations._mending import right_ones
from papin._operations._planning import Planner
from papin._operations._providers import Providers
from papin._operations._pulling import pull_request
from papin._operations._services import Services
from papin._operations._turns import Turns
from papin._operations._wanted import Request
from papin.answers import DownloadPlan
from papin.errors import Cancelled, Conflict, NameInvalid, from_problem
from papin.models import Job, Model, StoredFile, WantedFile

ENDED = ("completed", "failed", "cancelled")
_OBEYING = 3.0  # seconds that another process has to end or pause a job
RESUMABLE = ("paused", "interrupted", "failed", "cancelled")


class Downloads:
    """Bringing models in."""

    def __init__(self, services: Services, catalogs: Catalogs, providers: Providers) -> None:
        self._services = services
        self._providers = providers
        self._jobs = services.jobs
        self._catalogs = catalogs
        self._planner = Planner(services, catalogs)
        core, run = services.config.core, services.paths.run
        records, wakeups = services.records, services.jobs.wakeups
        self._limits = Limits(run, records, wakeups, core.download_limit)
        turns = Turns(Line(run, core.downloads_at_once), self._limits, records, wakeups)
        self.bringing = Bringing(services, providers, self._planner, turns)

    # --- before the first byte ---

    async def plan(
        self,
        ref: str,
        *,
        name: str | None = None,
        sha256: str | None = None,
        between: str | None = None,
        share_with: str = "",
    ) -> DownloadPlan:
        """Return what a download of `ref` would do: files, sizes, what is here already, and whether it fits.

        Raises:
            NameInvalid: the reference, the name, the digest or the hours are not well formed.
            NotFound, Ambiguous: no catalog has it, or several; or there is no provider to share it with of that name.
        """
        self._to_share(share_with)
        parse_hours(between or "")
        request = _wanted.check_request(Request(ref=ref, name=name, sha256=sha256))
        found = await self._planner.find(request, is_plan=True)
        before = await self._services.records.read(lambda read: version_before(read, found.variant))
        reused = await likely_reused(self._services, found.variant, None if found.installed else before)
        return await self._planner.plan(request, found, reused)

    # --- as a job ---

    async def start(
        self,
        ref: str,
        *,
        name: str | None = None,
        sha256: str | None = None,
        limit: int | None = None,
        between: str | None = None,
        share_with: str = "",
    ) -> Job:
        """Begin to download `ref` as a job, or join the one that is at it; return the job.

        What is installed already is not fetched again: the job is completed at once. `limit` is its own, in bytes a
        second; it runs only `between` these hours (`23:00-07:00`, or `always`, whatever the configuration
        says). None leaves them as they are. A provider to `share_with` has it too in the end, without a second copy,
        where it does not run papin's files as they are; where it cannot, the job warns of that.

        Raises:
            NameInvalid: the reference, the name, the digest, the limit or the hours are not well formed.
            NotFound: there is no provider to share it with of that name.
        """
        await self._catalogs.parse(ref)
        parse_hours(between or "")
        request = Request(ref=ref, name=name, sha256=sha256, share_with=self._to_share(share_with))
        return await self._start("download", request, _checked_limit(limit), between)

    def _to_share(self, provider: str) -> str:
        """Return the provider that is to get the model by a link of its own, or nothing where it runs papin's files."""
        return provider if provider and not self._providers.descriptor(provider).runs_files else ""

    async def plan_update(self, model: Model) -> DownloadPlan:
        """Return what bringing in the version of `model` that its catalog has now would do.

        Servers are asked for a little of new files, to tell whether their ends are here already.
        """
        request = Request(ref=model.ref, replaces=model.id)
        found = await self._planner.find(request, is_plan=True)
        reused = await likely_reused(self._services, found.variant, model)
        return await self._planner.plan(request, dataclasses.replace(found, installed=None), reused)

    async def start_update(self, model: Model) -> Job:
        """Begin to bring in the version of `model` that its catalog has now, as a job, or join the one at it."""
        return await self._start("download", Request(ref=model.ref, replaces=model.id))

    async def right_ones(self, model: Model, files: Sequence[StoredFile]) -> tuple[WantedFile, ...]:
        """Return where the right content of damaged `files` of `model` is. Raises as `start_repair` does."""
        return await right_ones(self._services, self._planner, model, files)

    async def start_repair(self, model: Model, damaged: Sequence[str]) -> Job:
        """Begin to bring in the files of `model` with these digests again, as a job, or join the one at it.

        Its error is NotFound where nobody has them any more.
        """
        digests = tuple(damaged)
        return await self._start(
            "download", Request(ref=model.ref or model.id, repairs=model.id, damaged=digests, staged=digests)
        )

    async def import_file(self, path: str | Path, *, name: str | None = None) -> Job:
        """Begin to take a model file of this machine (with its other shards) into the storage, as a job.

        Raises:
            NotFound: there is no such file.
        """
        absolute = await trio.to_thread.run_sync(_wanted.existing, Path(path))
        return await self._start("import", Request(ref=str(absolute), name=name))

    async def pull(self, provider: str, ref: str) -> Job:
        """Begin to have `provider` fetch a model itself, as a job: its own name for it, or `PROVIDER:NAME`.

        Raises:
            NotFound: there is no such provider.
            NameInvalid: nothing is called so.
        """
        self._providers.descriptor(provider)
        return await self._start("download", pull_request(provider, ref))

    async def import_from(self, provider: str, reference: str, *, name: str | None = None, copy: bool = False) -> Job:
        """Begin to take a model that `provider` has into the storage, as a job: by link, and by a copy only if allowed.

        Raises:
            NotFound: it has none of that name.
            ProviderFailed: its weights are not on this machine, or damaged.
            StorageFailed: no link leads there.
        """
        await self._providers.refresh([provider])
        holding = await holding_of(self._services, provider, reference)
        if not copy:
            await check_linkable(self._services, variant_of_holding(holding))
        request = Request(ref=holding.model.reference, name=name, provider=provider)
        return await self._start("import", request)

    async def _start(
        self,
        kind: Literal["download", "import"],
        request: Request,
        limit: int | None = None,
        between: str | None = None,
    ) -> Job:
        _wanted.check_request(request)
        # One after the other, in whichever process: two who want the same at the same moment get one job.
        async with self._services.locked("start"):
            for job in reversed(await self.list()):
                if job.subject == request.ref and await self._asked(job) == request:
                    if job.state in ("queued", "running"):
                        return await self._set_terms(job, limit, between)
                    if job.state in ("interrupted", "paused"):
                        return await self._resume(await self._set_terms(job, limit, between))
                    break
            blob, body = msgspec.json.encode(request), self._body(request)
            return await self._jobs.start(kind, request.ref, blob, body, limit=limit, between=between or "")

    async def _set_terms(self, job: Job, limit: int | None, between: str | None) -> Job:
        if limit is None and between is None:
            return job
        limit = job.limit if limit is None else limit
        hours = job.between if between is None else between
        return await self._services.records.change(lambda write: write.set_terms(job.id, limit=limit, between=hours))

    async def resume(self, ref: str, *, limit: int | None = None, between: str | None = None) -> Job:
        """Go on with a job that was paused, interrupted, failed or cancelled, by whatever `status` finds it.

        `limit` and `between` are as for `start`; None leaves them as they are. One that runs or waits gets those that
        are given, and goes on by them.

        Raises:
            NotFound: there is none.
            Conflict: it is done; or it runs or waits, and nothing is given.
            NameInvalid: the limit or the hours are not well formed.
        """
        _checked_limit(limit)
        parse_hours(between or "")
        job = await self.status(ref)
        if job.state in ("queued", "running") and (limit, between) != (None, None):
            return await self._set_terms(job, limit, between)
        if job.state not in RESUMABLE:
            then = f"papin run {job.model}" if job.state == "completed" else f"papin downloads watch {job.id}"
            raise Conflict(f"{job.id} is {job.state}", next_step=then)
        return await self._resume(await self._set_terms(job, limit, between))

    async def _resume(self, job: Job) -> Job:
        return await self._jobs.restart(job.id, self._body(await self._request(job)))

    async def _request(self, job: Job) -> Request:
        blob = await self._services.records.read(lambda read: read.job_request(job.id))
        return _wanted.as_asked(blob)

    async def _asked(self, job: Job) -> Request:
        """Return what the user asked for, without what became known since."""
        return msgspec.structs.replace(await self._request(job), staged=(), arrived={})

    def _body(self, request: Request) -> Callable[[JobHandle], Awaitable[str]]:
        return partial(self.bringing.carry_out, request)

    # --- watching ---

    async def list(self) -> tuple[Job, ...]:
        """Return the downloads and imports that are remembered, the oldest first."""
        await self._jobs.notice_dead()
        return await self._services.records.read(brought)

    async def status(self, job_id: str) -> Job:
        """Return a job by its id or the beginning of it, or the last download or import that is called so.

        It is called by what was asked for (without its catalog will do), the name it was to have, and its model.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        job = await self._services.records.read(lambda read: find_called(read, job_id))
        if job.state in ("queued", "running") and job.id in await self._jobs.notice_dead():
            job = await self._services.records.read(lambda read: read.job(job_id))
        return job

    async def cancel(self, job_id: str, *, discard: bool = False) -> Job:
        """End a job, whichever process runs it, and return it; what arrived is kept, unless it is to be discarded.

        It is over then, unless another process runs it and does not obey within a few seconds; with `discard` that is
        waited for. One that was over before only loses what arrived.

        Raises:
            NotFound, Ambiguous: none, or several; or nobody knows any more what it was to fetch.
            Conflict: it has ended already, or was completed.
        """
        job = await self.status(job_id)
        if job.state == "completed" or (job.state in ENDED and not discard):
            is_there = job.state == "completed"
            then = f"papin models remove {job.model}" if is_there else f"papin downloads cancel {job.id} --discard"
            raise Conflict(f"{job.id} is {job.state} already", next_step=then)
        if job.state not in ENDED:
            job = await self._jobs.cancel(job.id)
        job = await self._obeyed(job, inf if discard else _OBEYING)
        if discard:
            await self._planner.discard(await self._request(job), job.id)
        return job

    async def pause(self, job_id: str) -> Job:
        """Stop a job for now, whichever process runs it, and return it; what arrived is kept.

        Only `resume` lets it go on. It has stopped when this returns, unless another process runs it and does not obey
        within a few seconds.

        Raises:
            NotFound, Ambiguous: none, or several.
            Conflict: it has ended, or is paused already.
        """
        job = await self.status(job_id)
        return await self._obeyed(await self._jobs.pause(job.id), _OBEYING)

    async def _obeyed(self, job: Job, patience: float) -> Job:
        """Return a job that was asked to end once it has, or as it is when `patience` seconds are over."""
        with trio.move_on_after(patience):
            async with aclosing(self.follow(job.id)) as changes:
                async for each in changes:
                    job = each
        return job

    async def limit(self, rate: int | None, job_id: str = "") -> Job | None:
        """Limit a job, or without `job_id` all downloads together, to `rate` bytes a second; None takes a limit away.

        It holds at once, in whichever process they run. Return the job.

        Raises:
            NotFound, Ambiguous: none, or several.
            NameInvalid: the rate is not above 0.
            Conflict: the job is over.
        """
        _checked_limit(rate)
        if not job_id:
            await self._services.records.change(lambda write: write.set_speed_limit(rate))
            return None
        job = await self.status(job_id)
        if job.state == "completed":
            raise Conflict(f"{job.id} is {job.state}", next_step="Nothing is left to limit.")
        return await self._services.records.change(
            lambda write: write.set_terms(job.id, limit=rate, between=write.job(job.id).between)
        )

    async def limit_of_all(self) -> int | None:
        """Return the bytes a second that all downloads together may have, None for no limit."""
        return await self._limits.total()

    async def follow(self, job_id: str) -> AsyncGenerator[Job]:
        """Yield a job at once and whenever its record changes, and end with its final state. Close with `aclosing`.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        job = await self.status(job_id)
        async with aclosing(self._jobs.follow(job.id)) as changes:
            async for changed in changes:
                yield changed

    async def attend(self, job_id: str) -> AsyncGenerator[Job]:
        """Yield as `follow`, and go on with the job in this process when the one that had it ends before it did.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        while True:
            async with aclosing(self.follow(job_id)) as changes:
                async for job in changes:
                    if job.state != "interrupted":
                        yield job
            if job.state != "interrupted":
                return
            with suppress(Conflict):  # somebody else was quicker
                await self._resume(job)

    async def wait(self, job_id: str) -> Job:
        """Return a job once it has ended; raise its error when it failed.

        Raises:
            PapinError: what the job failed with, or `Cancelled` when it was cancelled, paused or interrupted.
        """
        async with aclosing(self.follow(job_id)) as changes:
            async for job in changes:
                last = job
        if last.state == "completed":
            return last
        if last.error is not None:
            raise from_problem(last.error)
        raise Cancelled(
            f"the download of {last.subject} was {last.state}",
            next_step=f"Go on with it: papin models download --resume {last.id}",
        )


def _checked_limit(rate: int | None) -> int | None:
    if rate is not None and rate <= 0:
        raise NameInvalid(f"{rate} bytes a second is no limit", next_step="Give one above 0, or none.")
    return rate
