"""What a provider plugin implements: a session with a program that runs or keeps models.

A provider registers a `Provider` descriptor; its `open` gives a session, held in a task of its own for as long as the
kernel is open. What a session can do is told by which of the small interfaces below it implements, nothing else:
a session without `load` cannot load. A `reference` is always the program's own name for a model; errors are those of
`papin.errors`. Whatever a program answers is checked before it is believed: bounded, decoded, and never a path unless
`papin.names` or the program's own folder says so. `papin.testing.folder_provider` is one that can do everything, and
`python -m papin.testing NAME` tells what of one's own does not hold.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from papin.context import Context, NoSettings
from papin.inventories import Listing, ProviderDetails
from papin.models import (
    Embeddings,
    Engine,
    LoadedModel,
    LoadSettings,
    Message,
    Model,
    Placement,
    Progress,
    Reply,
    Speed,
)

__all__ = [
    "CAPABILITIES",
    "Chats",
    "Completes",
    "Configures",
    "Copies",
    "Defaults",
    "Embeds",
    "Fixed",
    "Lists",
    "Loads",
    "Measures",
    "Provider",
    "ProviderSession",
    "Pulls",
    "Removes",
    "Renames",
    "Reports",
    "Shares",
    "Shows",
    "capabilities",
    "reference_of",
]


class ProviderSession(Protocol):
    """A session; every capability is an interface of its own."""


@runtime_checkable
class Reports(Protocol):
    """Tells which program it drives, and so whether it is there at all."""

    async def engine(self) -> Engine:
        """Return the program, raising `EngineMissing` when there is none; nothing is started for it."""
        ...


@runtime_checkable
class Lists(Protocol):
    """Tells which models the program has."""

    async def models(self) -> Listing:
        """Return everything it has, from its folders where they can be read, or else as it answers.

        What is told is recorded and shown until it is asked again: when something that the list has a stamp of has
        changed (`papin.inventories.stamp`: its folders, before they are read), or when the user says so (`--refresh`).
        A program that is not here is no error: its list says that it is not present, with the stamp of where it would
        appear, or nobody ever looks there again.

        Raises:
            ProviderFailed: it is there and cannot be asked, or answers nonsense. Nobody takes that for "has nothing".
        """
        ...


@runtime_checkable
class Shows(Protocol):
    """Tells what the program knows of one model."""

    async def show(self, reference: str) -> ProviderDetails:
        """Return it. Raises `NotFound`."""
        ...


@runtime_checkable
class Pulls(Protocol):
    """Has the program fetch a model itself."""

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Return when the program has the model; cancelling stops it. `report` is told how far it is, never back.

        Raises:
            NotFound: where the program looks there is no such model.
            ProviderFailed: it failed, or its answer broke off.
            TransferTimeout: it made no progress for too long.
        """
        ...


@runtime_checkable
class Removes(Protocol):
    """Has the program remove one of its models."""

    async def remove(self, reference: str) -> None:
        """Return when the program does not have it any more. Raises `NotFound`."""
        ...


@runtime_checkable
class Loads(Protocol):
    """Loads models into memory and takes them out again."""

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Load `model`, or return it as it is when it is loaded already; renews its idle time.

        A program that runs files takes those of `model` (`context.files`); one that has models of its own takes the
        one that is placed there (`reference_of`).

        Raises:
            EngineMissing: the program is not installed, or does not run.
            NotFound: the program has no such model; it would have to be shared first.
            LoadFailed: the program refused the model or died; the message carries the end of its log.
            OutOfMemory: the memory was not enough.
        """
        ...

    async def unload(self, reference: str) -> bool:
        """Take a model out of memory; return whether it was loaded. Its memory is free on return."""
        ...

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is in memory now, whichever process loaded it; empty when the program does not run."""
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


@runtime_checkable
class Completes(Protocol):
    """Goes on with a text, without any chat template, with a model that `Loads` loaded."""

    def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open what follows `prompt`; as `Chats.chat`."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """Turns texts into vectors with a model that `Loads` loaded."""

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text. Raises `ProviderFailed` when the model does not embed."""
        ...


@runtime_checkable
class Measures(Protocol):
    """Measures how fast a model is on this machine."""

    async def measure(self, model: Model, settings: LoadSettings, report: Callable[[Progress], None]) -> Speed:
        """Load `model` so for this alone, and return how fast it reads and writes; takes seconds to minutes.

        `report` is told the steps as the phase `measuring`. Cancelling ends it within a second. What the kernel knows
        better (who, where and when) may be left out of the answer.

        Raises:
            EngineMissing: the program that measures is not installed.
            LoadFailed, OutOfMemory: as `Loads.load`.
            ProviderFailed: it ended without figures.
        """
        ...


@runtime_checkable
class Configures(Protocol):
    """Reads and changes the settings that the program itself keeps for a model, in papin's words.

    The names are the fields of `papin.models.ModelSettings`; those that a program can take are its descriptor's
    `accepts`.
    """

    async def settings(self, reference: str) -> Mapping[str, str | int | float | bool]:
        """Return what the program has set for it. Raises `NotFound`."""
        ...

    async def configure(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        """Set values; None takes one away. Weights are not written again. Raises `NotFound`."""
        ...


@runtime_checkable
class Fixed(Protocol):
    """Tells that a program which could keep settings (`Configures`) keeps none for a model, as it was started."""

    async def fixed(self, reference: str) -> str:
        """Return why, in a plain sentence, or nothing where it does keep them."""
        ...


@runtime_checkable
class Defaults(Protocol):
    """Tells how the program loads a model when nobody says otherwise, so that what is in force can be shown.

    No capability that a user asks for by its word, and so not among `CAPABILITIES`.
    """

    def defaults(self, model: Model) -> LoadSettings:
        """Return those values, as the provider's configuration and the model itself make them. Asks nobody."""
        ...


@runtime_checkable
class Copies(Protocol):
    """Gives a model a second name, without a second copy of its weights."""

    async def copy(self, reference: str, to: str) -> None:
        """Do so. Raises `NotFound`, and `Conflict` when the name is taken."""
        ...


@runtime_checkable
class Renames(Protocol):
    """Gives a model another name."""

    async def rename(self, reference: str, to: str) -> None:
        """Do so. Raises `NotFound`, and `Conflict` when the name is taken."""
        ...


@runtime_checkable
class Shares(Protocol):
    """Makes a model of papin usable in the program without a second copy of it, and takes that back."""

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Make the files `paths` of `model` known to the program as `name`; return where it is and how it got there.

        By reflink, else hard link, else symlink, else by naming the files where they are (`papin.links`); by a copy
        only if `copy` allows it. Checked afterwards: the program lists it and no bytes were stored again. Doing it
        twice is once. `name` is the user's; where it is empty, one is made of the model's id.

        Raises:
            Conflict: the program has another model of that name.
            FormatInvalid: it does not run this format.
            StorageFailed: its folder cannot be written; nothing of the attempt is left.
            EngineMissing: the program is not there.
        """
        ...

    async def unshare(self, reference: str) -> None:
        """Take back what `share` made, and nothing else. One that is not there any more is fine."""
        ...


CAPABILITIES: dict[str, type] = {
    "reports": Reports,
    "lists": Lists,
    "shows": Shows,
    "pulls": Pulls,
    "removes": Removes,
    "loads": Loads,
    "chats": Chats,
    "completes": Completes,
    "embeds": Embeds,
    "measures": Measures,
    "configures": Configures,
    "copies": Copies,
    "renames": Renames,
    "shares": Shares,
}
"""Every capability by the word that frontends show."""


def capabilities(session: object) -> tuple[str, ...]:
    """Return the words for what `session` implements."""
    return tuple(word for word, interface in CAPABILITIES.items() if isinstance(session, interface))


def reference_of(model: Model, provider: str) -> str | None:
    """Return the name that the provider `provider` has for `model`, or None where it does not have it."""
    return next((each.reference for each in model.placements if each.provider == provider), None)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a provider. `formats` are the names of the model formats that it can run.

    A provider with `runs_files` loads a model of papin from its files; others have to have it themselves first.
    `accepts` are the settings that it can take, by their names in `papin.models.ModelSettings`. `lacks` says for a
    capability that it does not have why not, in plain words, for frontends that show it greyed out.
    """

    name: str
    summary: str
    open: Callable[[Context[Any]], AbstractAsyncContextManager[ProviderSession]]
    formats: tuple[str, ...] = ()
    runs_files: bool = False
    accepts: tuple[str, ...] = ()
    lacks: Mapping[str, str] = {}
    settings: type[msgspec.Struct] = NoSettings
