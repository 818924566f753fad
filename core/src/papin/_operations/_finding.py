"""From what a person types to a model of this machine, papin's own or a provider's."""

from __future__ import annotations

from papin._operations._providers import Providers
from papin._operations._services import Services
from papin.errors import NotFound
from papin.models import Model


async def find(services: Services, providers: Providers, ref: str) -> Model:
    """Return the model that `ref` names; where nothing recorded is called so, providers that changed are asked.

    Raises:
        NotFound: none; the nearest are listed.
        Ambiguous: several.
    """
    try:
        return await services.records.read(lambda read: read.find_anywhere(ref))
    except NotFound:
        named = ref.partition(":")[0]
        if named in providers.names and ":" in ref:
            await providers.refresh([named])
        elif not await providers.refresh_stale():
            raise
    return await services.records.read(lambda read: read.find_anywhere(ref))
