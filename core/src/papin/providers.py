"""What a provider plugin implements: a session with a program that runs or keeps models.

A provider registers a `Provider` descriptor; its `open` gives a session, held in a task of its own for as long as the
kernel is open. What a session can do is told by which of the small interfaces below it implements, nothing else:
a session without `load` cannot load. Names are the program's own; errors are those of `papin.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec

from papin.context import Context, NoSettings
from papin.models import Engine, LoadedModel, LoadSettings, Message, Model, Reply

__all__ = ["CAPABILITIES", "Chats", "Loads", "Provider", "ProviderSession", "Reports", "capabilities"]


class ProviderSession(Protocol):
    """A session; every capability is an interface of its own."""


@runtime_checkable
class Reports(Protocol):
    """Tells which program it drives, and so whether it is there at all."""

    async def engine(self) -> Engine:
        """Return the program, raising `EngineMissing` when there is none; nothing is started for it."""
        ...


@runtime_checkable
class Loads(Protocol):
    """Loads models into memory and takes them out again."""

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Load `model`, or return it as it is when it is loaded already; renews its idle time.

        Raises:
            EngineMissing: the program is not installed.
            LoadFailed: the program refused the model or died; the message carries the end of its log.
            OutOfMemory: the memory was not enough.
        """
        ...

    async def unload(self, model: str) -> bool:
        """Take the model with this id out of memory; return whether it was loaded. Its memory is free on return."""
        ...

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in memory now, whichever process loaded it."""
        ...


@runtime_checkable
class Chats(Protocol):
    """Answers chats with a model that `Loads` loaded."""

    def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open an answer to `messages`: an iterator of replies, ended by leaving the context.

        `options` are sampling values by their llama.cpp names (temperature, top_p, n_predict, ...).
        """
        ...


CAPABILITIES: dict[str, type] = {"reports": Reports, "loads": Loads, "chats": Chats}
"""Every capability by the word that frontends show."""


def capabilities(session: object) -> tuple[str, ...]:
    """Return the words for what `session` implements."""
    return tuple(word for word, interface in CAPABILITIES.items() if isinstance(session, interface))


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a provider. `formats` are the names of the model formats that it can run."""

    name: str
    summary: str
    open: Callable[[Context[Any]], AbstractAsyncContextManager[ProviderSession]]
    formats: tuple[str, ...] = ()
    settings: type[msgspec.Struct] = NoSettings
