"""The values that everything in papin speaks: models, files, sources, jobs.

All of them are frozen msgspec Structs, so they are compared by value, are encoded to JSON as they stand, and that
JSON is the documented shape of `--json` and of the HTTP API. Sizes are in bytes, digests are the 64 lower-case hex
digits of a SHA-256, times are aware `datetime`s in UTC. What is said of a model that runs stands in `papin._running`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from papin._running import (
    Embeddings,
    Engine,
    LoadedModel,
    LoadSettings,
    Message,
    ModelSettings,
    Reply,
    Speed,
    Timings,
)
from papin._value import Value
from papin.errors import Problem

__all__ = [
    "Capability",
    "CatalogEntry",
    "DownloadSource",
    "Embeddings",
    "Engine",
    "FileRole",
    "FileSource",
    "Header",
    "How",
    "HttpSource",
    "Job",
    "JobState",
    "LoadSettings",
    "LoadedModel",
    "Message",
    "Model",
    "ModelSettings",
    "PackageSource",
    "Phase",
    "Placement",
    "Progress",
    "Reply",
    "Speed",
    "StoredFile",
    "Timings",
    "Value",
    "Variant",
    "WantedFile",
]


FileRole = Literal["weights", "mmproj", "adapter", "sidecar"]
"""What a file is for. The shards of one model are all `weights`, in the order of their names."""

# --- where bytes come from ---------------------------------------------------------------------------------------


class PackageSource(Value, frozen=True, kw_only=True, tag="package", tag_field="kind"):
    """A file of an installed Python distribution, found by its metadata and never by importing it."""

    distribution: str
    path: str


class FileSource(Value, frozen=True, kw_only=True, tag="file", tag_field="kind"):
    """A file of this machine that the user named."""

    path: str


class HttpSource(Value, frozen=True, kw_only=True, tag="http", tag_field="kind"):
    """An http or https address. `user_named` tells that the user typed it, so that private hosts are allowed."""

    url: str
    user_named: bool = False


DownloadSource = PackageSource | FileSource | HttpSource


class WantedFile(Value, frozen=True, kw_only=True):
    """A file to install: what it must be, and where it may come from, in the order to try.

    `name` is a plain file name (no folders). `size` and `sha256` are None when nobody promised them.
    """

    name: str
    sources: tuple[DownloadSource, ...]
    role: FileRole = "weights"
    size: int | None = None
    sha256: str | None = None


class Variant(Value, frozen=True, kw_only=True):
    """One installable build of a model, as a catalog resolves it: everything that an installation needs.

    `ref` is what a person may type to get exactly this again (`starter:smollm2:Q4_1`). `parameters` counts weights.
    `revision` is what the catalog calls this state of it: a commit, the digest of a manifest. `size` is bytes on disk,
    summed from the files when it is not given and all of theirs are known. A list of many models may leave `files`
    empty: then only `resolve` tells them.
    """

    ref: str
    catalog: str
    name: str
    variant: str
    files: tuple[WantedFile, ...] = ()
    summary: str = ""
    license: str = ""
    architecture: str = ""
    parameters: int | None = None
    quantization: str = ""
    bits_per_weight: float | None = None
    context_length: int | None = None
    capabilities: tuple[str, ...] = ()
    format: str = ""
    revision: str = ""
    size: int | None = None

    def __post_init__(self) -> None:
        """Sum up the size where nobody gave it."""
        sizes = [file.size for file in self.files if file.size is not None] if self.size is None else ()
        if sizes and len(sizes) == len(self.files):
            msgspec.structs.force_setattr(self, "size", sum(sizes))


Capability = Literal[
    "text", "chat", "code", "embedding", "rerank", "vision", "tools", "reasoning", "multilingual",
    "transcription", "speech", "image", "video", "audio",
]  # fmt: skip
"""What a model can do, in papin's words. `text` completes, `chat` answers, `vision` sees; `transcription` is speech to
text, `speech` text to speech; `image`, `video` and `audio` are made."""


class CatalogEntry(Value, frozen=True, kw_only=True):
    """A model as a catalog shows it, with its variants; the first variant is the catalog's default choice.

    `base_model` is the model of which this is another build (`org/name`). `license` is an SPDX id where there is one,
    in lower case, and `capabilities` are of `Capability`. `access` is `gated` where a licence has to be accepted first.
    The numbers are the catalog's own: downloads of the last month, likes, and how much it is talked of just now;
    they are as old as the refresh that brought them.
    """

    ref: str
    catalog: str
    name: str
    title: str
    summary: str = ""
    license: str = ""
    architecture: str = ""
    parameters: int | None = None
    capabilities: tuple[str, ...] = ()
    context_length: int | None = None
    formats: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    base_model: str = ""
    publisher: str = ""
    homepage: str = ""
    access: Literal["open", "gated", "private"] = "open"
    downloads: int | None = None
    likes: int | None = None
    trending: float | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    revision: str = ""

    @property
    def sizes(self) -> tuple[int | None, int | None]:
        """The parameters of the smallest and of the largest size that it comes in; alike where that is one."""
        told = [self.parameters] if self.parameters else [each.parameters for each in self.variants]
        known = [each for each in told if each]
        return min(known, default=None), max(known, default=None)


# --- what is installed -------------------------------------------------------------------------------------------


class StoredFile(Value, frozen=True, kw_only=True):
    """A file of a model. `storage` names what keeps it: a storage by its digest, or else a provider (may be empty)."""

    name: str
    sha256: str
    size: int
    role: FileRole = "weights"
    format: str = ""
    storage: str = "store"


How = Literal["reflink", "hardlink", "symlink", "copy"]  # how a file got a second name: see papin.links


class Placement(Value, frozen=True, kw_only=True):
    """Where a model is usable: `reference` is the provider's own name for it, `how` is how the bytes got there."""

    provider: str
    reference: str
    how: How | Literal["in-place"]


class Model(Value, frozen=True, kw_only=True):
    """A model of this machine. `id` is short, stable and typeable; `ref` is where it came from, or empty.

    One that only a provider has is called `PROVIDER:REFERENCE`, and has that provider as its `source`.
    `size` is of all files, shared ones too; `duplicated` bytes are there again; papin sees no file of one `elsewhere`.
    Where it may not read them, `unreadable` is the folder of this machine that they are in.
    `settings` are the user's own words for how to load and run it, by the names of `ModelSettings`.
    """

    id: str
    ref: str
    files: tuple[StoredFile, ...]
    installed_at: datetime
    source: str = ""
    revision: str = ""
    format: str = ""
    architecture: str = ""
    parameters: int | None = None
    quantization: str = ""
    context_length: int | None = None
    license: str = ""
    capabilities: tuple[str, ...] = ()
    favourite: bool = False
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    settings: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    placements: tuple[Placement, ...] = ()
    last_used_at: datetime | None = None
    uses: int = 0
    size: int = 0
    duplicated: int = 0
    elsewhere: bool = False
    unreadable: str = ""


class Header(Value, frozen=True, kw_only=True):
    """What a model file says of itself, read from its first bytes only.

    `tensor_bytes` is the size of all tensor data; `expected_size` is the least size of a file that is not truncated.
    `metadata` holds the plain scalar key/values; long arrays are told as their length.
    `shard` is (number from 0, count). `sampling` is how its makers want it sampled, by the names of `ModelSettings`.
    """

    format: str
    version: str = ""
    architecture: str = ""
    name: str = ""
    parameters: int | None = None
    quantization: str = ""
    bits_per_weight: float | None = None
    context_length: int | None = None
    layers: int | None = None
    embedding_length: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    key_length: int | None = None
    value_length: int | None = None
    vocabulary: int | None = None
    has_chat_template: bool = False
    tensors: int = 0
    tensor_bytes: int = 0
    header_bytes: int = 0
    expected_size: int | None = None
    shard: tuple[int, int] | None = None
    sampling: dict[str, int | float] = msgspec.field(default_factory=dict)
    metadata: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    warnings: tuple[str, ...] = ()


# --- jobs --------------------------------------------------------------------------------------------------------

Phase = Literal["queued", "resolving", "downloading", "verifying", "committing", "measuring"]

JobState = Literal["queued", "running", "paused", "interrupted", "completed", "failed", "cancelled"]
"""`interrupted`: its process ended before it did; `paused`: the user stopped it for now. Both can be resumed.
`queued`: its process has it, and it waits for something, which `Job.waiting` tells."""


class Progress(Value, frozen=True, kw_only=True):
    """How far it is: `speed` in bytes a second, `remaining` in seconds, not `resumable` if what comes could be lost.

    `done` and `total` are bytes, and steps while something is `measuring`.
    """

    phase: Phase
    done: int = 0
    total: int | None = None
    speed: float | None = None
    remaining: float | None = None
    file: str = ""
    resumable: bool = True
    silent_since: datetime | None = None  # nothing came since then, once that is some seconds ago

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1, or None while the total is unknown."""
        return None if not self.total else min(1.0, self.done / self.total)


class Job(Value, frozen=True, kw_only=True):
    """A long operation as it is recorded. `subject` is what the user asked for; `model` the id once it is known.

    `waiting` says what a queued job waits for and until when, in plain words; `waits_until` is that time, if there is
    one. `limit` is in bytes a second, None for none of its own; `between` is the time of day at which alone it runs,
    `23:00-07:00`; `always` for any, and empty for that of the configuration. `warnings` are sentences about what it got
    over: a source that was wrong, for example.
    """

    id: str
    kind: Literal["download", "import", "verify"]
    subject: str
    state: JobState
    created_at: datetime
    updated_at: datetime
    model: str = ""
    progress: Progress | None = None
    error: Problem | None = None
    waiting: str = ""
    waits_until: datetime | None = None
    limit: int | None = None
    between: str = ""
    warnings: tuple[str, ...] = ()
