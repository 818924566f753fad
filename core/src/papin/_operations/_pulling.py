"""Letting a provider fetch a model itself, as a job like any other download."""

from __future__ import annotations

import msgspec

from papin._jobs import JobHandle
from papin._operations._providers import Providers
from papin._operations._services import Services
from papin._operations._wanted import Request
from papin.errors import NameInvalid, ProviderFailed
from papin.models import Progress
from papin.providers import Pulls

_LONGEST = 1024


def pull_request(provider: str, ref: str) -> Request:
    """Return the request to have `provider` fetch `ref`, which may begin with its name and a colon.

    Raises:
        NameInvalid: nothing is called so.
    """
    reference = ref.removeprefix(f"{provider}:")
    if not 0 < len(reference) <= _LONGEST or not reference.isprintable() or reference.startswith("-"):
        raise NameInvalid(f"{reference[:60]!a} is no name of a model", next_step=f"papin providers show {provider}")
    return Request(ref=reference, provider=provider, through=True)


async def pull(services: Services, providers: Providers, request: Request, handle: JobHandle) -> str:
    """Have the provider of `request` fetch its model; return papin's id for it.

    Raises:
        ProviderFailed: it cannot fetch models, or failed to.
        NotFound, TransferTimeout: as it says.
    """
    provider = request.provider
    furthest = 0

    def report(progress: Progress) -> None:
        nonlocal furthest
        furthest = max(furthest, progress.done)  # some programs count back when a piece has to be fetched again
        handle.report(msgspec.structs.replace(progress, done=furthest))

    async with providers.asking(provider) as session:
        if not isinstance(session, Pulls):
            why = providers.descriptor(provider).lacks.get("pulls", "It has no way to.")
            raise ProviderFailed(f"{provider} cannot fetch models itself: {why}", next_step="Leave --through out.")
        await session.pull(request.ref, report)
    await providers.refresh([provider])
    shelf = await services.records.read(lambda read: read.shelf())
    found = shelf.holder(provider, request.ref)
    return found[1].id if found else f"{provider}:{request.ref}"
