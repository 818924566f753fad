"""The documents of the API that are not values of papin themselves: what is asked, and thin wrappings of answers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from papin.models import CatalogEntry, LoadSettings, Message, Model

__all__ = [
    "AskedSettings",
    "AvailableModel",
    "CatalogsRequest",
    "ChatRequest",
    "CompletionRequest",
    "DownloadRequest",
    "EditRequest",
    "EmbeddingRequest",
    "Health",
    "ImportRequest",
    "InstalledModel",
    "Limit",
    "LoadRequest",
    "NameRequest",
    "PullRequest",
    "RefreshRequest",
    "ResumeRequest",
    "SettingsRequest",
    "ShareRequest",
    "Unloaded",
    "UnshareRequest",
    "available",
    "installed",
]


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all request documents share: a field that nobody knows is an error."""


class DownloadRequest(_Asked, frozen=True, kw_only=True):
    """A download: `ref` is what a person would type; with a `url`, `ref` is only the wished name.

    `provider` names where the model should be usable; empty leaves it to papin. `limit` is in bytes a second, `between`
    the time of day at which alone it runs (`23:00-07:00`); null leaves both to the configuration.
    """

    ref: str
    name: str = ""
    sha256: str = ""
    url: str = ""
    provider: str = ""
    limit: int | None = None
    between: str | None = None


class ResumeRequest(_Asked, frozen=True, kw_only=True):
    """How a download goes on: as it was, where a field is null."""

    limit: int | None = None
    between: str | None = None


class Limit(_Asked, frozen=True, kw_only=True):
    """How many bytes a second; null for no limit."""

    limit: int | None


class AskedSettings(LoadSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is to be loaded; what is left out is as it is saved for the model, or as the provider has it."""


class LoadRequest(_Asked, frozen=True, kw_only=True):
    """How to load a model, and with which provider; empty leaves it to papin."""

    settings: AskedSettings = AskedSettings()
    provider: str = ""


class ChatRequest(_Asked, frozen=True, kw_only=True):
    """A chat. `options` are sampling values by their llama.cpp names; without `stream` one document is answered.

    `provider` is to answer; empty leaves it to papin.
    """

    messages: Annotated[tuple[Message, ...], msgspec.Meta(min_length=1)]
    options: dict[str, Any] = {}
    settings: AskedSettings = AskedSettings()
    stream: bool = True
    provider: str = ""


class CompletionRequest(_Asked, frozen=True, kw_only=True):
    """A text to go on with, just as it stands; the rest is as in a chat."""

    prompt: str
    options: dict[str, Any] = {}
    settings: AskedSettings = AskedSettings()
    stream: bool = True
    provider: str = ""


class EmbeddingRequest(_Asked, frozen=True, kw_only=True):
    """Texts to turn into vectors."""

    texts: tuple[str, ...]
    settings: AskedSettings = AskedSettings()
    provider: str = ""


class ShareRequest(_Asked, frozen=True, kw_only=True):
    """Where a model is to be usable, and under which name; `copy` allows to store it a second time."""

    provider: str
    name: str = ""
    copy: bool = False


class NameRequest(_Asked, frozen=True, kw_only=True):
    """The other name of a model, where its provider keeps it."""

    name: str


class UnshareRequest(_Asked, frozen=True, kw_only=True):
    """The provider from which a share is taken back."""

    provider: str


class ImportRequest(_Asked, frozen=True, kw_only=True):
    """A model that a provider has, by that provider's name for it, to be taken into papin's storage."""

    provider: str
    reference: str
    name: str = ""
    copy: bool = False


class SettingsRequest(_Asked, frozen=True, kw_only=True):
    """Settings to save for a model, null to take one away; with a `provider`, those that it keeps itself."""

    settings: dict[str, str | int | float | bool | None]
    provider: str = ""


class EditRequest(_Asked, frozen=True, kw_only=True):
    """What the user says of a model; what is left out stays. `settings` are saved as the route for them does."""

    favourite: bool | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    add_collections: tuple[str, ...] = ()
    remove_collections: tuple[str, ...] = ()
    settings: dict[str, str | int | float | bool | None] = {}


class PullRequest(_Asked, frozen=True, kw_only=True):
    """A model that a provider is to fetch by its own means: that provider's name for it, or `PROVIDER:NAME`."""

    provider: str
    ref: str


class RefreshRequest(_Asked, frozen=True, kw_only=True):
    """The providers to ask anew; none for all of them."""

    providers: tuple[str, ...] = ()


class AddCatalogRequest(_Asked, frozen=True, kw_only=True):
    """A catalog of one's own: its name, and the whole path of a folder or the web address of an index."""

    name: str
    address: str


class CatalogsRequest(_Asked, frozen=True, kw_only=True):
    """Which catalogs to refresh; none means all."""

    catalogs: tuple[str, ...] = ()


class Unloaded(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model was in memory before it was taken out."""

    model: str
    unloaded: bool


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Says that the server answers, and nothing else."""

    status: str = "ok"


class InstalledModel(Model, frozen=True, kw_only=True):
    """An installed model in the list of all models."""

    installed: bool = True


class AvailableModel(CatalogEntry, frozen=True, kw_only=True):
    """A model of a catalog in the list of all models; its id is its reference."""

    id: str
    installed: bool = False


def installed(model: Model) -> InstalledModel:
    """Return `model` for the list of all models."""
    return InstalledModel(**msgspec.structs.asdict(model))


def available(entry: CatalogEntry) -> AvailableModel:
    """Return `entry` for the list of all models."""
    return AvailableModel(id=entry.ref, **msgspec.structs.asdict(entry))
