"""Providers: the programs that run models, what they have loaded, and which one runs a given model."""

from __future__ import annotations

from contextlib import AbstractContextManager

from papin._operations._services import Services
from papin.answers import ProviderStatus
from papin.errors import EngineMissing, FormatInvalid, PapinError, ProviderFailed
from papin.models import LoadedModel, Model
from papin.providers import Chats, Loads, Provider, Reports, capabilities


class Runner(Loads, Chats):
    """What running a model takes: a session that loads and chats."""


class Providers:
    """The programs that run or keep models."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def _descriptor(self, name: str) -> Provider:
        descriptor: Provider = self._services.plugins.providers[name].descriptor
        return descriptor

    def _guard(self, name: str) -> AbstractContextManager[None]:
        return self._services.sessions.guard(f"provider {name}")

    async def list(self) -> tuple[ProviderStatus, ...]:
        """Return every provider as it is now; one that fails degrades itself alone."""
        return tuple([await self.status(name) for name in self._services.plugins.providers])

    async def status(self, name: str) -> ProviderStatus:
        """Return the provider of that name as it is now."""
        found = self._services.plugins.providers[name]
        problem = engine = None
        words: tuple[str, ...] = ()
        loaded: tuple[LoadedModel, ...] = ()
        state: str = "ready"
        try:
            session = await self._services.provider(name)
            words = capabilities(session)
            with self._guard(name):
                engine = await session.engine() if isinstance(session, Reports) else None
                loaded = tuple(await session.loaded()) if isinstance(session, Loads) else ()
        except PapinError as error:
            state = "missing" if isinstance(error, EngineMissing) else "failed"
            problem = error.problem()
        return ProviderStatus(
            name=name,
            summary=found.descriptor.summary,
            distribution=found.distribution,
            version=found.version,
            state="ready" if state == "ready" else "missing" if state == "missing" else "failed",
            capabilities=words,
            formats=found.descriptor.formats,
            engine=engine,
            loaded=loaded,
            problem=problem,
        )

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return what all providers have in memory; one that cannot be asked counts as having nothing."""
        found: list[LoadedModel] = []
        for name in self._services.plugins.providers:
            try:
                session = await self._services.provider(name)
                if isinstance(session, Loads):
                    with self._guard(name):
                        found += await session.loaded()
            except PapinError:
                continue  # told by `list`
        return tuple(found)

    async def runner(self, model: Model, name: str | None = None) -> tuple[str, Runner]:
        """Return the first provider, by name, that can run `model` here, and its session.

        Raises:
            FormatInvalid: no installed provider runs its format.
            EngineMissing: those that would lack their program; the first one's error.
            ProviderFailed: the provider `name` does not exist or cannot run models.
        """
        known = self._services.plugins.providers
        if name is not None and name not in known:
            raise ProviderFailed(f"there is no provider {name}", next_step=f"Providers here: {', '.join(known)}.")
        able = [each for each in known if model.format in self._descriptor(each).formats and name in (None, each)]
        problem: PapinError | None = None
        for each in able:
            try:
                return each, await self._ready(each)
            except PapinError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        raise FormatInvalid(
            f"no provider here runs {model.format or 'this'} models" if name is None else f"{name} does not run it",
            next_step="papin providers list shows what each provider runs.",
        )

    async def _ready(self, name: str) -> Runner:
        session = await self._services.provider(name)
        if isinstance(session, Reports):
            with self._guard(name):
                await session.engine()
        if not (isinstance(session, Loads) and isinstance(session, Chats)):
            raise ProviderFailed(f"{name} does not run models itself", next_step="papin providers list")
        runner: Runner = session  # type: ignore[assignment]  # an intersection of the two, which Python cannot spell
        return runner
