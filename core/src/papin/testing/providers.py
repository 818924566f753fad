"""The suite for providers."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from papin.context import Context
from papin.errors import EngineMissing, PapinError, ProviderFailed
from papin.models import Engine, LoadedModel, LoadSettings, Message, Model, Reply
from papin.providers import Chats, Completes, Embeds, Loads, Provider, Reports, capabilities
from papin.testing._provider_keeping import KeepingSuite
from papin.testing._provider_manners import MannersSuite
from papin.testing.contexts import KnownFiles, make_context
from papin.testing.samples import sample_models

__all__ = ["ProviderSuite"]

QUESTION = (Message(role="user", content="Say one word, and then another."),)


class ProviderSuite(MannersSuite, KeepingSuite):
    """Override `descriptor`; and `model`, with a model and its files, to test loading and answering with it.

    With `stranger`, a model that the provider does not have, sharing is tested too; with `kept`, the name of one that
    it has, everything that changes or removes one; with `pullable`, the name of one that it can fetch, fetching.
    """

    @pytest.fixture
    def model(self) -> tuple[Model, tuple[Path, ...]] | None:
        """Return a model that the provider can run, and the paths of its files; None when there is none."""
        return None

    @pytest.fixture
    def context(
        self,
        descriptor: Provider,
        settings: dict[str, Any],
        model: tuple[Model, tuple[Path, ...]] | None,
        tmp_path: Path,
    ) -> Context[Any]:
        """Return what the provider is opened with: it finds the files of `model`, and no others."""
        files = KnownFiles({model[0].id: model[1]} if model else {})
        return make_context(descriptor, tmp_path, files=files, **settings)

    def test_descriptor_is_well_formed(self, descriptor: Provider) -> None:
        """A name that can be typed, a summary of one line, and the names of formats."""
        assert descriptor.name == descriptor.name.lower()
        assert descriptor.summary
        assert "\n" not in descriptor.summary
        assert isinstance(descriptor.formats, tuple)

    @pytest.mark.trio
    async def test_opens_and_closes_and_opens_again(self, descriptor: Provider, context: Context[Any]) -> None:
        """Opening needs no program to be there, and leaves nothing that a second opening trips over."""
        for _ in range(2):
            async with self.opened(descriptor, context) as session:
                assert capabilities(session), "a session that can do nothing"

    @pytest.mark.trio
    async def test_capabilities_are_async(self, descriptor: Provider, context: Context[Any]) -> None:
        """What can block is async, and `chat` gives an async context manager at once."""
        async with self.opened(descriptor, context) as session:
            for name in ("engine", "load", "unload", "loaded"):
                assert inspect.iscoroutinefunction(getattr(session, name, self.opened_nothing)), name

    async def opened_nothing(self) -> None:
        """Stand in for a method that a session does not have."""

    @pytest.mark.trio
    async def test_reports_its_engine_or_that_it_is_missing(self, descriptor: Provider, context: Context[Any]) -> None:
        """The program has a name; one that is missing is an `EngineMissing` that says how to get it."""
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Reports):
                pytest.skip("it does not report its program")
            try:
                engine = await session.engine()
            except EngineMissing as error:
                engine = Engine(name=error.next_step)
            assert isinstance(engine, Engine)
            assert engine.name, "a program without a name, or one that is missing without a word on how to get it"

    @pytest.mark.trio
    async def test_loaded_is_a_sequence(self, descriptor: Provider, context: Context[Any]) -> None:
        """Whatever is loaded is told as `LoadedModel`s of this provider."""
        async with self.loading(descriptor, context) as session:
            for each in tuple(await session.loaded()):
                assert isinstance(each, LoadedModel)
                assert each.provider == descriptor.name

    @pytest.mark.trio
    async def test_unloading_what_is_not_loaded_is_false(self, descriptor: Provider, context: Context[Any]) -> None:
        """Nothing to unload is an answer and not an error."""
        async with self.loading(descriptor, context) as session:
            assert await session.unload("never-loaded-by-anybody") is False

    @pytest.mark.trio
    async def test_a_model_without_files_is_refused(self, descriptor: Provider, context: Context[Any]) -> None:
        """A model whose files are gone is an expected error; a provider that needs no files may load it."""
        stranger = sample_models(1, 1)[0]
        async with self.loading(descriptor, context) as session:
            try:
                await session.load(stranger, LoadSettings())
            except PapinError:
                assert stranger.id not in {each.model for each in await session.loaded()}
            else:
                assert await session.unload(stranger.id)

    @pytest.mark.trio
    async def test_loads_and_unloads(
        self, descriptor: Provider, context: Context[Any], model: tuple[Model, tuple[Path, ...]] | None
    ) -> None:
        """Loading twice is loading once; what is loaded is listed until it is unloaded, which is true once."""
        async with self.running(descriptor, context, model) as (session, loaded):
            assert loaded.provider == descriptor.name
            again = await session.load(_wanted(model), LoadSettings())
            assert (again.model, again.pid) == (loaded.model, loaded.pid)
            assert [each.model for each in await session.loaded()].count(loaded.model) == 1
            assert await session.unload(loaded.model) is True
            assert loaded.model not in {each.model for each in await session.loaded()}
            assert await session.unload(loaded.model) is False

    @pytest.mark.trio
    async def test_answers(
        self, descriptor: Provider, context: Context[Any], model: tuple[Model, tuple[Path, ...]] | None
    ) -> None:
        """An answer is a stream of replies that ends with the reason why it ended."""
        async with self.running(descriptor, context, model) as (session, loaded):
            replies = [each async for each in self.answer(session, loaded)]
            assert all(isinstance(each, Reply) for each in replies)
            assert "".join(each.text for each in replies)
            assert replies[-1].finish_reason
            assert not any(each.finish_reason for each in replies[:-1])

    @pytest.mark.trio
    async def test_completes(
        self, descriptor: Provider, context: Context[Any], model: tuple[Model, tuple[Path, ...]] | None
    ) -> None:
        """A text is gone on with as a chat is answered."""
        async with self.running(descriptor, context, model) as (session, loaded):
            if not isinstance(session, Completes):
                pytest.skip("it does not complete")
            async with session.complete(loaded, "Once upon a", {"n_predict": 8}) as replies:
                found = [each async for each in replies]
            assert "".join(each.text for each in found)
            assert [bool(each.finish_reason) for each in found] == [False] * (len(found) - 1) + [True]

    @pytest.mark.trio
    async def test_embeds(
        self, descriptor: Provider, context: Context[Any], model: tuple[Model, tuple[Path, ...]] | None
    ) -> None:
        """A vector for each text, all of one length; a model that does not embed is an expected error."""
        async with self.running(descriptor, context, model) as (session, loaded):
            if not isinstance(session, Embeds):
                pytest.skip("it does not embed")
            try:
                found = await session.embed(loaded, ("a cat", "a kitten", "an anvil"))
            except ProviderFailed:
                return
            assert len(found.vectors) == 3  # noqa: PLR2004  the texts
            assert len({len(vector) for vector in found.vectors}) == 1
            assert all(isinstance(number, float) for number in found.vectors[0])

    @pytest.mark.trio
    async def test_an_answer_can_be_stopped(
        self, descriptor: Provider, context: Context[Any], model: tuple[Model, tuple[Path, ...]] | None
    ) -> None:
        """After an answer was left or cancelled in its middle, the next one comes as if nothing had been."""
        async with self.running(descriptor, context, model) as (session, loaded):
            async with session.chat(loaded, QUESTION, {}) as replies:
                await anext(replies)
            with trio.CancelScope() as scope:
                async with session.chat(loaded, QUESTION, {}) as replies:
                    await anext(replies)
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
            assert scope.cancelled_caught
            assert [each async for each in self.answer(session, loaded)]

    async def answer(self, session: Chats, loaded: LoadedModel) -> AsyncIterator[Reply]:
        """Yield the replies of a short answer."""
        async with session.chat(loaded, QUESTION, {"n_predict": 8}) as replies:
            async for reply in replies:
                yield reply

    @asynccontextmanager
    async def loading(self, descriptor: Provider, context: Context[Any]) -> AsyncIterator[Any]:
        """Open a session that loads, or skip."""
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Loads):
                pytest.skip("it does not load models")
            yield session

    @asynccontextmanager
    async def running(
        self, descriptor: Provider, context: Context[Any], model: tuple[Model, tuple[Path, ...]] | None
    ) -> AsyncIterator[tuple[Any, LoadedModel]]:
        """Open a session that has loaded the model of the fixture `model`, or skip."""
        if model is None:
            pytest.skip("there is no model to test with: give --model FILE, or override the fixture `model`")
        async with self.loading(descriptor, context) as session:
            loaded = await session.load(model[0], LoadSettings(n_ctx=256))
            assert loaded.model == model[0].id
            try:
                yield session, loaded
            finally:
                with trio.CancelScope(shield=True):
                    await session.unload(loaded.model)


def _wanted(model: tuple[Model, tuple[Path, ...]] | None) -> Model:
    assert model is not None
    return model[0]
