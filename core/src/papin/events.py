"""Everything that can happen, as frozen tagged Structs, and the envelope in which they travel.

Events are hints and the registry is the truth: who missed some (`Lagged`) reads the state again. Events that tell of
a recorded change are journalled in the same transaction and carry a sequence number; progress is not journalled.

On the wire an event is one JSON object, with `seq` null for what is not journalled:

    {"seq": 12, "at": "2026-01-01T00:00:00Z", "event": {"type": "model_installed", "model": "smollm2", ...}}

A type that this version does not know becomes `UnknownEvent` and is
passed on byte by byte. A plugin's own events are subclasses of `Event` with a dotted tag, `tag="acme.indexed"`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from papin.errors import Problem
from papin.models import Progress

__all__ = [
    "CatalogRefreshed",
    "CleanupDone",
    "DiskSpaceLow",
    "DownloadCancelled",
    "DownloadCompleted",
    "DownloadFailed",
    "DownloadInterrupted",
    "DownloadPaused",
    "DownloadProgressed",
    "DownloadQueued",
    "DownloadResumed",
    "DownloadStarted",
    "DownloadWarned",
    "Envelope",
    "Event",
    "Lagged",
    "ModelChanged",
    "ModelDamaged",
    "ModelInstalled",
    "ModelLoadFailed",
    "ModelLoaded",
    "ModelLoading",
    "ModelRemoved",
    "ModelUnloaded",
    "ModelUpdateAvailable",
    "PluginProblem",
    "ProviderAppeared",
    "ProviderChanged",
    "ProviderVanished",
    "RegistryRebuilt",
    "UnknownEvent",
    "decode",
    "encode",
]


def _tag(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_tag):
    """The base of all events; the tag of `ModelInstalled` is `model_installed`."""


class DownloadQueued(Event, frozen=True, kw_only=True):
    """A download (or an import) is recorded as job `job`."""

    job: str
    subject: str


class DownloadStarted(Event, frozen=True, kw_only=True):
    """Its first byte is being fetched, by it or by the job that it waits for; `total` is in bytes where it is known."""

    job: str
    subject: str
    total: int | None = None


class DownloadProgressed(Event, frozen=True, kw_only=True):
    """How far a download is. Not journalled."""

    job: str
    progress: Progress


class DownloadWarned(Event, frozen=True, kw_only=True):
    """It got over something that its user should know: a source that was wrong, for example."""

    job: str
    message: str


class DownloadCompleted(Event, frozen=True, kw_only=True):
    """Everything of it is on disk, verified and recorded as `model`."""

    job: str
    model: str


class DownloadFailed(Event, frozen=True, kw_only=True):
    """It ended with an error; what arrived is kept."""

    job: str
    problem: Problem


class DownloadInterrupted(Event, frozen=True, kw_only=True):
    """Its process ended before it did; it can be resumed."""

    job: str


class DownloadPaused(Event, frozen=True, kw_only=True):
    """The user stopped it for now; it goes on when the user says so, and never by itself."""

    job: str


class DownloadResumed(Event, frozen=True, kw_only=True):
    """It goes on, after it was paused, interrupted, cancelled or failed."""

    job: str
    subject: str


class DownloadCancelled(Event, frozen=True, kw_only=True):
    """The user cancelled it."""

    job: str


class CatalogRefreshed(Event, frozen=True, kw_only=True):
    """What a catalog has was asked for anew: so many models are new or changed, so many are gone."""

    catalog: str
    changed: int = 0
    gone: int = 0


class ModelUpdateAvailable(Event, frozen=True, kw_only=True):
    """The catalog that `model` came from has another version of it; `fetch` is how many bytes of it are not here."""

    model: str
    ref: str = ""
    weights: bool = True
    fetch: int | None = None


class ModelInstalled(Event, frozen=True, kw_only=True):
    """`model` is new in the registry."""

    model: str
    ref: str = ""
    size: int = 0


class ModelChanged(Event, frozen=True, kw_only=True):
    """The user changed favourite, tags, collections or settings, or a placement changed."""

    model: str


class ModelRemoved(Event, frozen=True, kw_only=True):
    """`model` is gone from the registry; `freed` bytes came back."""

    model: str
    freed: int = 0


class ModelDamaged(Event, frozen=True, kw_only=True):
    """A verification found that a file of `model` is not what it was."""

    model: str
    file: str


class ModelLoading(Event, frozen=True, kw_only=True):
    """`provider` began to load `model`."""

    model: str
    provider: str


class ModelLoaded(Event, frozen=True, kw_only=True):
    """`model` is in memory and answers."""

    model: str
    provider: str


class ModelLoadFailed(Event, frozen=True, kw_only=True):
    """`model` could not be loaded, or its engine died."""

    model: str
    provider: str
    problem: Problem


class ModelUnloaded(Event, frozen=True, kw_only=True):
    """`model` is no longer in memory; `reason` is one of `asked`, `idle`, `gone`."""

    model: str
    provider: str
    reason: str = "asked"


class ProviderAppeared(Event, frozen=True, kw_only=True):
    """A program that keeps or runs models is there, and was not before."""

    provider: str


class ProviderVanished(Event, frozen=True, kw_only=True):
    """A program that was there does not answer any more. What it had is remembered, not taken for deleted."""

    provider: str


class ProviderChanged(Event, frozen=True, kw_only=True):
    """The models of a provider are others than when papin last looked, by its own names for them."""

    provider: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class DiskSpaceLow(Event, frozen=True, kw_only=True):
    """The file system at `path` has only `free` bytes left."""

    path: str
    free: int


class CleanupDone(Event, frozen=True, kw_only=True):
    """A cleanup removed `models` and freed `freed` bytes."""

    models: tuple[str, ...]
    freed: int


class PluginProblem(Event, frozen=True, kw_only=True):
    """A plugin degraded: it could not be loaded, opened, or it crashed. Not journalled."""

    plugin: str
    problem: Problem


class RegistryRebuilt(Event, frozen=True, kw_only=True):
    """The database was damaged; it was rebuilt from what the storages hold, with this many models."""

    models: int
    kept: str
    """Where the damaged file was put."""


class Lagged(Event, frozen=True, kw_only=True):
    """So many events were missed; read the state again. Never journalled.

    On the bus: this subscriber fell behind. First in an answer of the journal: they are no longer kept.
    """

    missed: int


class UnknownEvent(Event, frozen=True, kw_only=True, tag="unknown"):
    """An event of a type that this version does not know; `raw` is its JSON as it came."""

    type_name: str
    raw: bytes


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its sequence number (None: not journalled) and its time."""

    at: datetime
    event: Event
    seq: int | None = None


class _Wire(msgspec.Struct):
    at: datetime
    event: msgspec.Raw
    seq: int | None = None


class _Type(msgspec.Struct):
    type: str


_encoder = msgspec.json.Encoder()
_wire = msgspec.json.Decoder(_Wire)
_type = msgspec.json.Decoder(_Type)
_known: dict[str, msgspec.json.Decoder[Event]] = {}


def _decoders() -> dict[str, msgspec.json.Decoder[Event]]:
    if not _known:
        kinds = [kind for kind in Event.__subclasses__() if kind.__module__ == __name__ and kind is not UnknownEvent]
        _known.update({str(kind.__struct_config__.tag): msgspec.json.Decoder(kind) for kind in kinds})
    return _known


def encode(envelope: Envelope) -> bytes:
    """Return the JSON of `envelope`, on one line."""
    if isinstance(envelope.event, UnknownEvent):
        return _encoder.encode(_Wire(at=envelope.at, event=msgspec.Raw(envelope.event.raw), seq=envelope.seq))
    return _encoder.encode(envelope)


def decode(data: bytes | str) -> Envelope:
    """Return the envelope that `data` holds.

    Raises:
        msgspec.DecodeError: `data` is no envelope.
    """
    wire = _wire.decode(data)
    name = _type.decode(wire.event).type
    decoder = _decoders().get(name)
    event = decoder.decode(wire.event) if decoder else UnknownEvent(type_name=name, raw=bytes(wire.event))
    return Envelope(at=wire.at, event=event, seq=wire.seq)
