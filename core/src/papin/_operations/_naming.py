"""Other names for models that only a provider has; papin's own keep the id that they were given."""

from __future__ import annotations

from typing import Literal

from papin._operations._running import Running
from papin.errors import NameInvalid, ProviderFailed
from papin.models import Model
from papin.providers import Copies, Renames
from papin.shelf import is_foreign

_LONGEST = 256


class Naming(Running):
    """The part of `Models` that names."""

    async def copy(self, ref: str, to: str) -> Model:
        """Give a model of a provider a second name there, without a second copy of its weights; return it.

        Raises:
            NameInvalid: it is a model of papin's own, or the name is not well formed.
            Conflict: the name is taken.
            ProviderFailed: its provider cannot do that.
        """
        return await self._name(ref, to, "copies")

    async def rename(self, ref: str, to: str) -> Model:
        """Give a model of a provider another name there; return it. What the user said of it goes with it.

        Raises:
            NameInvalid, Conflict, ProviderFailed: as `copy`.
        """
        return await self._name(ref, to, "renames")

    async def _name(self, ref: str, to: str, capability: Literal["copies", "renames"]) -> Model:
        model = await self._find(ref)
        if not is_foreign(model):
            raise NameInvalid(
                f"{model.id} is papin's own, and keeps its id",
                next_step="Take it in once more under another name: papin models import FILE --name NAME",
            )
        provider, _, reference = model.id.partition(":")
        new = _checked(to.removeprefix(f"{provider}:"))
        async with self._providers.asking(provider) as session:
            if capability == "copies" and isinstance(session, Copies):
                await session.copy(reference, new)
            elif capability == "renames" and isinstance(session, Renames):
                await session.rename(reference, new)
            else:
                why = self._providers.descriptor(provider).lacks.get(capability, "It has no way to.")
                raise ProviderFailed(f"{provider} cannot do that: {why}", next_step=f"papin providers show {provider}")
        if capability == "renames":
            await self._services.records.change(lambda write: write.move_remark(provider, reference, new))
        await self._providers.refresh([provider])
        return await self._find(f"{provider}:{new}")


def _checked(name: str) -> str:
    if not 0 < len(name) <= _LONGEST or not name.isprintable() or name.startswith(("-", "/", ".")):
        raise NameInvalid(f"{name[:60]!a} is no name for a model", next_step="Use letters, digits and . _ - :")
    return name
