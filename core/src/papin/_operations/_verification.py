"""Going through the check list of one model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from papin._operations import _checks
from papin._operations._hashing import read_foreign
from papin._operations._headers import read_header
from papin._operations._services import Services
from papin._transfers import Digest
from papin.answers import Check, Verification
from papin.errors import PapinError
from papin.events import ModelDamaged
from papin.models import Header, Model, Progress, StoredFile
from papin.shelf import is_foreign

OnCheck = Callable[[Check], None]
OnProgress = Callable[[Progress], None]


async def verify(
    services: Services,
    runner_of: Callable[[Model], Awaitable[str]],
    model: Model,
    on_check: OnCheck,
    on_progress: OnProgress,
) -> Verification:
    """Return the outcome of every check, telling each as it comes."""
    checks: list[Check] = []

    def tell(check: Check) -> None:
        checks.append(check)
        on_check(check)

    tell(_checks.integrity_check(await read_whole(services, model, on_progress), model))
    header, format_error = await _header_of(services, model)
    tell(_checks.format_check(header, format_error))
    runner, runner_error = await _runner_of(runner_of, model)
    tell(_checks.provider_check(runner, runner_error))
    machine = await trio.to_thread.run_sync(services.machine)
    tell(_checks.memory_check(header, model, machine))
    return Verification(model=model.id, checks=tuple(checks))


async def read_whole(services: Services, model: Model, on_progress: OnProgress) -> Sequence[_checks.Verdict]:
    """Read all files of a model; return each with what was found: `ok`, `damaged` or `missing`."""
    verdicts = []
    before = 0
    for file in model.files:
        verdicts.append((file, await _read_one(services, model, file, before, on_progress)))
        before += file.size
    return verdicts


async def _read_one(services: Services, model: Model, file: StoredFile, before: int, on_progress: OnProgress) -> str:
    def report(done: int) -> None:
        on_progress(Progress(phase="verifying", done=before + done, total=model.size, file=file.name))

    if is_foreign(model):
        return await read_foreign(services, model, file, report)
    storage = await services.storage(file.storage)
    known = await services.records.read(lambda read: read.sums(file.storage, file.sha256))
    digest = None if known else Digest()
    verdict = await storage.verify(file.sha256, report=report, into=digest)
    if verdict != "ok":
        await services.records.change(lambda write: write.journal(ModelDamaged(model=model.id, file=file.name)))
    elif digest and digest.hexdigest() == file.sha256:
        sums = digest.sums  # found right, it can be repaired by chunks from now on
        await services.records.change(lambda write: write.keep_sums(file.storage, file.sha256, sums), durable=False)
    return verdict


async def _header_of(services: Services, model: Model) -> tuple[Header | None, PapinError | None]:
    try:
        return await read_header(services, model), None
    except PapinError as error:
        return None, error


async def _runner_of(runner_of: Callable[[Model], Awaitable[str]], model: Model) -> tuple[str, PapinError | None]:
    try:
        return await runner_of(model), None
    except PapinError as error:
        return "", error
