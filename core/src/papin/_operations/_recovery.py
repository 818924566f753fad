"""What the kernel mends when it opens: jobs whose process died, a registry that was damaged, payloads nobody uses."""

from __future__ import annotations

import logging

from papin import words
from papin._operations._removal import sweep, unwanted
from papin._operations._services import Services
from papin._registry import Registry, Write
from papin.errors import PapinError
from papin.events import ModelInstalled, RegistryRebuilt
from papin.models import Model

_log = logging.getLogger("papin.kernel")


async def recover(services: Services, registry: Registry) -> None:
    """Bring the records back to what is true. A storage that is not there now is left for the next start."""
    interrupted = await services.jobs.recover()
    try:
        if registry.needs_rebuild:
            await _rebuild(services, registry)
        elif interrupted:
            await _adopt(services)
        await _sweep_leftovers(services)
    except PapinError as error:
        _log.warning("%s %s", error.message, error.next_step)


async def _remembered(services: Services) -> list[Model]:
    found: list[Model] = []
    for name in services.plugins.storages:
        storage = await services.storage(name)
        found += await storage.remembered()
    return found


async def _rebuild(services: Services, registry: Registry) -> None:
    async with services.committing():
        models = await _remembered(services)

        def apply(write: Write) -> None:
            adopted = write.adopt(models)
            if adopted or registry.damaged:  # a registry that is merely new has nothing to tell
                write.journal(RegistryRebuilt(models=len(adopted), kept=str(registry.damaged or "")))

        await services.records.change(apply)
    if registry.damaged:  # else a command that just lists would show what is left of it as if nothing had been
        _log.warning(
            "The database was damaged and is made anew from what is stored: %s. What happened before is lost, "
            "and maybe when they were used; the damaged one is %s",
            words.count(len(models), "model"),
            registry.damaged,
        )


async def _adopt(services: Services) -> None:
    # A process that died between the sidecar and the record left a complete model that only its sidecar tells of.
    async with services.committing():
        known = set(await services.records.read(lambda read: read.model_ids()))
        missing = [model for model in await _remembered(services) if model.id not in known]
        if not missing:
            return

        def apply(write: Write) -> None:
            adopted = set(write.adopt(missing))
            for model in missing:
                if model.id in adopted:
                    write.journal(ModelInstalled(model=model.id, ref=model.ref, size=model.size))

        await services.records.change(apply)


async def _sweep_leftovers(services: Services) -> None:
    if not await services.records.read(lambda read: read.leftovers()):
        return
    async with services.committing():
        await sweep(services, await services.records.read(unwanted))
