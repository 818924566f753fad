"""The settings of a model: what is saved here, what a provider keeps itself, and what it cannot take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from papin._operations._inventories import BOUND
from papin._operations._running import Running
from papin._operations._settings import checked_settings, effective
from papin.answers import SettingsView
from papin.errors import NameInvalid, NotFound, PapinError, ProviderFailed
from papin.inventories import ProviderDetails
from papin.models import Model
from papin.providers import Configures, Defaults, Shows, reference_of

Settings = Mapping[str, str | int | float | bool]


class Configuring(Running):
    """The part of `Models` that has to do with settings."""

    async def settings(self, ref: str, *, provider: str | None = None) -> SettingsView:
        """Return every setting of a model with its value and source, for `provider` or the one that would run it.

        Raises:
            NotFound: there is no such model, or provider.
        """
        model = await self._find(ref)
        name = await self._runner_or(model, provider)
        theirs, configures = await self._theirs(model, name) if name else ({}, False)
        accepts = self._providers.descriptor(name).accepts if name else None
        return SettingsView(
            model=model.id, provider=name, settings=effective(model, theirs, accepts), configures=configures
        )

    async def _runner_or(self, model: Model, provider: str | None) -> str:
        if provider is not None:
            return self._providers.descriptor(provider).name
        try:
            name, _ = await self._runners.choose(model, None, has_files=await self._has_files(model))
        except PapinError:
            return ""
        return name

    async def _theirs(self, model: Model, provider: str) -> tuple[Settings, bool]:
        """Return what the program itself has in force for a model, and whether it keeps settings of its own."""
        reference = reference_of(model, provider)
        async with self._providers.asking(provider, bound=BOUND) as session:
            defaults = msgspec.to_builtins(session.defaults(model)) if isinstance(session, Defaults) else {}
            if reference is None or not isinstance(session, Configures):
                return defaults, False
            return {**defaults, **await session.settings(reference)}, True

    async def details(self, ref: str, *, provider: str | None = None) -> ProviderDetails:
        """Return what `provider`, or the first that can tell, says of a model: template, prompt, licence, settings.

        Raises:
            NotFound: there is no such model, or no provider has it.
            ProviderFailed: no provider that has it tells more.
        """
        model = await self._find(ref)
        places = [each for each in model.placements if provider in (None, each.provider)]
        if not places:
            raise NotFound(
                f"{provider or 'no other program'} has {model.id}", next_step="papin providers list shows who is here."
            )
        for each in places:
            async with self._providers.asking(each.provider, bound=BOUND) as session:
                if isinstance(session, Shows):
                    return await session.show(each.reference)
        raise ProviderFailed(
            f"{', '.join(each.provider for each in places)} tells no more of {model.id}",
            next_step=f"papin models show {model.id}",
        )

    async def configure(self, ref: str, provider: str, change: Mapping[str, Any]) -> SettingsView:
        """Change what a provider itself keeps for a model, for all who use it there; None takes a value away.

        Raises:
            NameInvalid: there is no such setting, it is of another type, or the provider cannot take it.
            NotFound: the provider does not have the model.
            ProviderFailed: it keeps no settings.
        """
        model = await self._find(ref)
        descriptor = self._providers.descriptor(provider)
        values = {**dict.fromkeys(change), **checked_settings({}, change)}
        refused = sorted(set(values) - set(descriptor.accepts))
        if refused:
            raise NameInvalid(
                f"{provider} cannot take {', '.join(refused)}", next_step=f"It takes {', '.join(descriptor.accepts)}."
            )
        reference = reference_of(model, provider)
        if reference is None:
            raise NotFound(f"{provider} does not have {model.id}", next_step=f"papin models share {model.id}")
        async with self._providers.asking(provider) as session:
            if not isinstance(session, Configures):
                why = descriptor.lacks.get("configures", "It keeps no settings.")
                raise ProviderFailed(f"{provider} cannot be configured: {why}", next_step="Save them here instead.")
            await session.configure(reference, values)
        return await self.settings(ref, provider=provider)
