"""Which provider runs a model: where it is loaded already, else who runs files, else who has it. The choice is pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from papin._operations._providers import Providers
from papin.errors import FormatInvalid, PapinError, ProviderFailed
from papin.models import Model
from papin.providers import Loads, Provider, ProviderSession, Reports, Shares, reference_of
from papin.shelf import is_foreign


def candidates(
    model: Model, providers: Mapping[str, Provider], *, loaded_in: Collection[str], has_files: bool
) -> tuple[str, ...]:
    """Return the providers that may run `model`, the best first."""
    able = [name for name, each in providers.items() if can_run(model, name, each, has_files=has_files)]
    placed = [each.provider for each in model.placements if each.provider in able]
    files = [name for name in able if providers[name].runs_files and name not in placed]
    # A model that only a provider has is that provider's to run; papin's own are run from their files.
    order = [*placed, *files] if is_foreign(model) else [*files, *placed]
    return tuple(dict.fromkeys([*(name for name in order if name in loaded_in), *order]))


def can_run(model: Model, name: str, provider: Provider, *, has_files: bool) -> bool:
    """Tell whether a provider may run `model`: it has it, or runs files of its format."""
    if reference_of(model, name) is not None:
        return True
    return provider.runs_files and has_files and model.format in provider.formats


class Runners:
    """Chooses who runs a model."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def choose(
        self,
        model: Model,
        name: str | None,
        *,
        has_files: bool,
        needs: Sequence[type] = (Loads,),
        besides: Mapping[str, PapinError] = MappingProxyType({}),
    ) -> tuple[str, ProviderSession]:
        """Return the first provider that can run `model` now and implements `needs`, and its session.

        `besides` have failed to, and why; where nobody else can, the first of these errors is raised.

        Raises:
            FormatInvalid: no provider here can.
            ProviderFailed: the provider `name` does not exist, cannot be asked, or does not have it.
        """
        known = {each: self._providers.descriptor(each) for each in self._providers.names}
        if name is not None:
            self._providers.descriptor(name)
            if not can_run(model, name, known[name], has_files=has_files):
                raise await self._not_there(model, name)
            return name, await self._ready(name, needs)
        able = candidates(model, known, loaded_in=(), has_files=has_files)
        if len(able) > 1:
            loaded_in = {each.provider for each in await self._providers.loaded(able) if each.model == model.id}
            able = candidates(model, known, loaded_in=loaded_in, has_files=has_files)
        left = [each for each in able if each not in besides]
        return await self._first(model, left, needs, next(iter(besides.values()), None))

    async def _first(
        self, model: Model, able: Iterable[str], needs: Sequence[type], problem: PapinError | None
    ) -> tuple[str, ProviderSession]:
        for each in able:
            try:
                return each, await self._ready(each, needs)
            except PapinError as error:
                problem = problem or error
        raise problem or FormatInvalid(
            f"no provider here runs {model.format or 'this'} models",
            next_step="papin providers list shows what each provider runs.",
        )

    async def _ready(self, name: str, needs: Sequence[type]) -> ProviderSession:
        async with self._providers.asking(name, bounded=True) as session:
            lacking = [need.__name__.lower() for need in needs if not isinstance(session, need)]
            if not lacking and isinstance(session, Reports):
                await session.engine()
        if lacking:
            reasons = self._providers.descriptor(name).lacks
            why = reasons.get(lacking[0], f"it has no {lacking[0]}")
            raise ProviderFailed(f"{name} cannot do that: {why}", next_step=f"papin providers show {name}")
        return session

    async def _not_there(self, model: Model, name: str) -> ProviderFailed:
        async with self._providers.asking(name, bounded=True) as session:
            shares = isinstance(session, Shares)
        if not shares or is_foreign(model):
            step = "papin providers list shows what each provider runs."
            return ProviderFailed(f"{name} does not run {model.id}", next_step=step)
        return ProviderFailed(
            f"{name} does not have {model.id}",
            next_step=f"Share it first, which takes no space: papin models share {model.id} --with {name}",
        )
