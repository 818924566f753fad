"""The settings of a model: what is saved here, what a provider keeps itself, and what it cannot take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from papin._operations._headers import sampling_of
from papin._operations._running import Running
from papin._operations._settings import checked_settings, effective
from papin.answers import SettingsView
from papin.errors import NameInvalid, NotFound, PapinError, ProviderFailed
from papin.inventories import ProviderDetails
from papin.models import LoadedModel, Model
from papin.providers import Configures, Defaults, Fixed, Loads, ProviderSession, Shows, reference_of

_NOBODY = "Nothing here runs it now."


class _Theirs(NamedTuple):
    """What a provider has in force for a model; see `papin._operations._settings.effective`."""

    values: Mapping[str, str | int | float | bool]
    follows_model: bool
    fixed: str
    shown: ProviderDetails | None = None


def _in_memory(loaded: Sequence[LoadedModel], model: Model, reference: str | None) -> Mapping[str, int]:
    """Return the context that the model has in memory now, where its program tells."""
    contexts = [each.n_ctx for each in loaded if {each.model, each.reference} & {model.id, reference}]
    return {"n_ctx": contexts[0]} if contexts and contexts[0] is not None else {}


async def _shown(session: ProviderSession, reference: str | None) -> ProviderDetails | None:
    """Return what a program tells of the model besides, where it does."""
    if reference is None or not isinstance(session, Shows):
        return None
    try:
        return await session.show(reference)
    except PapinError:  # it is more than was asked for
        return None


class Configuring(Running):
    """The part of `Models` that has to do with settings."""

    async def settings(self, ref: str, *, provider: str | None = None) -> SettingsView:
        """Return every setting of a model with its value and source, for `provider` or the one that would run it.

        Raises:
            NotFound: there is no such model, or provider.
        """
        model = await self._find(ref)
        name = await self._runner_or(model, provider)
        theirs = await self._theirs(model, name) if name else _Theirs({}, follows_model=True, fixed=_NOBODY)
        accepts = self._providers.descriptor(name).accepts if name else None
        defaults = await self._defaults(model) if theirs.follows_model else {}
        settings = effective(model, theirs.values, accepts, defaults)
        return SettingsView(
            model=model.id,
            provider=name,
            settings=settings,
            configures=not theirs.fixed,
            fixed=theirs.fixed,
            stop=theirs.shown.parameters.get("stop", "") if theirs.shown else "",
            template=theirs.shown.template if theirs.shown else "",
        )

    async def _defaults(self, model: Model) -> Mapping[str, Any]:
        return {"n_ctx": model.context_length, **await sampling_of(self._services, model)}

    async def _runner_or(self, model: Model, provider: str | None) -> str:
        if provider is not None:
            return self._providers.descriptor(provider).name
        try:
            name, _ = await self._runners.choose(model, None, has_files=await self._has_files(model))
        except PapinError:
            return ""
        return name

    async def _theirs(self, model: Model, provider: str) -> _Theirs:
        """Return what the program itself has in force for a model: in memory, as it is configured, or by default."""
        reference = reference_of(model, provider)
        async with self._providers.asking(provider, bounded=True) as session:
            follows_model = isinstance(session, Defaults)
            defaults = msgspec.to_builtins(session.defaults(model)) if isinstance(session, Defaults) else {}
            fixed = await self._fixed(session, provider, reference)
            shown = await _shown(session, reference)
            kept = await session.settings(reference) if reference and isinstance(session, Configures) else {}
            loaded: Sequence[LoadedModel] = ()
            with suppress(PapinError):  # what is in memory is more than was asked for
                loaded = await session.loaded() if isinstance(session, Loads) else ()
            values = {**defaults, **kept, **_in_memory(loaded, model, reference)}
            return _Theirs(values, follows_model=follows_model, fixed=fixed, shown=shown)

    async def _fixed(self, session: ProviderSession, provider: str, reference: str | None) -> str:
        """Return why the program keeps no settings of the model itself, or nothing where it does."""
        if not isinstance(session, Configures):
            return self._providers.descriptor(provider).lacks.get("configures", "It keeps no settings.")
        if reference is None:
            return f"{provider} does not have the model itself."
        return await session.fixed(reference) if isinstance(session, Fixed) else ""

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
            async with self._providers.asking(each.provider, bounded=True) as session:
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
            why = await self._fixed(session, provider, reference)
            if why or not isinstance(session, Configures):
                raise ProviderFailed(f"{provider} cannot be configured: {why}", next_step="Save them here instead.")
            await session.configure(reference, values)
        return await self.settings(ref, provider=provider)
