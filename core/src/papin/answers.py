"""What the operations answer: plans, states and check lists, as values that every frontend renders.

Frozen msgspec Structs like those of `papin.models`; their JSON is the documented shape of `--json` and of the HTTP API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from papin.errors import DiskSpace, Problem
from papin.inventories import Inventory
from papin.models import Engine, LoadedModel, Placement, Value
from papin.sizes import size_text

__all__ = [
    "CatalogStatus",
    "Check",
    "DamagedFile",
    "DedupePlan",
    "DownloadPlan",
    "Duplicate",
    "KeptFile",
    "Outcome",
    "PlannedFile",
    "PluginHook",
    "PluginInfo",
    "ProviderStatus",
    "ProviderView",
    "RemovalPlan",
    "RepairPlan",
    "Setting",
    "SettingsView",
    "Space",
    "Verification",
    "space_text",
]

Outcome = Literal["ok", "warning", "failed", "skipped"]


class Check(Value, frozen=True, kw_only=True):
    """One line of a verification: what was looked at, the outcome, why, and what to do about it."""

    name: str
    outcome: Outcome
    reason: str = ""
    recommendation: str = ""


class Verification(Value, frozen=True, kw_only=True):
    """The check list of one model. It passed when no check failed."""

    model: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Tell whether no check failed."""
        return all(check.outcome != "failed" for check in self.checks)


class DamagedFile(Value, frozen=True, kw_only=True):
    """A file of an installed model that is not what it was: `state` says how, `fetch` how many bytes bring it back."""

    name: str
    sha256: str
    size: int
    state: str
    fetch: int


class RepairPlan(Value, frozen=True, kw_only=True):
    """What repairing a model would bring in; nothing where no file of it is damaged."""

    model: str
    ref: str
    files: tuple[DamagedFile, ...]
    fetch: int


class PlannedFile(Value, frozen=True, kw_only=True):
    """A file of a planned download.

    `present` bytes are here already, complete, and are linked and not fetched; the models `shared_with` have them too.
    `partial` bytes are left from an attempt before, and `reused` are likely those of the version before: if so, they
    are copied and not fetched.
    """

    name: str
    size: int | None
    present: int = 0
    partial: int = 0
    reused: int = 0
    shared_with: tuple[str, ...] = ()


class Space(Value, frozen=True, kw_only=True):
    """A file system that a download would write to, in bytes; `usable` is what may be written.

    That is what is `free` without the `reserve` and what is `promised` to other downloads, and no more than the user's
    `limit` for the storage leaves, of which so much is `used`.
    """

    path: str
    free: int
    usable: int
    reserve: int = 0
    promised: int = 0
    limit: int | None = None
    used: int = 0


class DownloadPlan(Value, frozen=True, kw_only=True):
    """What a download would do, known before its first byte.

    `size` is that of all files, `fetch` what of it would come in, both None while a size is unknown; `free` is what may
    be written now, in all `spaces`. `installed` is the id of the model when it is there already, and nothing is done.
    """

    ref: str
    model: str
    files: tuple[PlannedFile, ...]
    size: int | None
    fetch: int | None
    free: int
    fits: bool
    spaces: tuple[Space, ...] = ()
    installed: str = ""

    @property
    def reused(self) -> int:
        """The bytes that are likely those of the version before; where there are any, `fetch` is an estimate."""
        return sum(file.reused for file in self.files)

    def check_fits(self) -> None:
        """Raise `DiskSpace`, with all the numbers, unless it fits."""
        if not self.fits:
            needed = "more" if self.fetch is None else size_text(self.fetch)
            rooms = "; ".join(space_text(space) for space in self.spaces)
            raise DiskSpace(
                f"{self.ref or self.model} needs {needed}: {rooms}",
                next_step="Free some space: papin storage cleanup, or set storages.store.path to a larger disk.",
            )


def space_text(space: Space) -> str:
    """Return what may be written to a file system, and why no more, in one line."""
    parts = [f"{size_text(space.free)} free", f"{size_text(space.reserve)} kept in reserve"]
    if space.promised:
        parts.append(f"{size_text(space.promised)} promised to other downloads")
    if space.limit is not None:
        parts.append(f"{size_text(space.used)} of the limit of {size_text(space.limit)} used")
    return f"{size_text(space.usable)} may be used in {space.path} ({', '.join(parts)})"


class KeptFile(Value, frozen=True, kw_only=True):
    """A file that a removal leaves, and why."""

    name: str
    size: int
    reason: str


class RemovalPlan(Value, frozen=True, kw_only=True):
    """What removing a model does: `frees` bytes, and what stays.

    `loaded_by` names the providers that have it in memory, which answer so many requests with it now as `answering`
    tells, as far as they say. `takes_back` are the places where papin shared it by a link
    that would lead nowhere; they go with it. `owner` is the provider whose model it is, where papin does not keep it.
    """

    model: str
    frees: int
    keeps: tuple[KeptFile, ...] = ()
    loaded_by: tuple[str, ...] = ()
    answering: int = 0
    takes_back: tuple[Placement, ...] = ()
    owner: str = ""


class Setting(Value, frozen=True, kw_only=True):
    """A setting of a model as it is in force, by its name in `papin.models.ModelSettings`; None: as the engine likes.

    `source` is `saved` (by the user, here), `provider` (what the program itself has set), `model` (its own default) or
    `engine`. `is_taken` is False where the provider that runs the model cannot take it.
    """

    name: str
    value: str | int | float | bool | None
    source: Literal["saved", "provider", "model", "engine"]
    is_taken: bool = True


class SettingsView(Value, frozen=True, kw_only=True):
    """All settings of a model, and the provider that would run it.

    `configures`: that program keeps settings of this model itself; if not, `fixed` says why, in a plain sentence.
    `stop` and `template` are what ends an answer there and how it puts messages together, as it tells; they are shown
    as they are, and not papin's to set.
    """

    model: str
    provider: str
    settings: tuple[Setting, ...]
    configures: bool = False
    fixed: str = ""
    stop: str = ""
    template: str = ""


class Duplicate(Value, frozen=True, kw_only=True):
    """A file of a provider with the content of a payload of papin, and so `size` bytes on disk for nothing.

    `path` is the file itself, whatever links lead to it; `kept` is papin's payload, which it becomes a link to.
    `mark` changes when the file does: what changed since the plan is left alone.
    """

    provider: str
    reference: str
    model: str
    path: str
    kept: str
    sha256: str
    size: int
    mark: str


class DedupePlan(Value, frozen=True, kw_only=True):
    """What replacing second copies by links does: it frees `frees` bytes, and nothing is removed from any program.

    `left` says in words what is stored twice and stays so, and why.
    """

    duplicates: tuple[Duplicate, ...]
    frees: int
    left: tuple[str, ...] = ()


class PluginHook(Value, frozen=True, kw_only=True):
    """Something that a plugin registered: the kind (`provider`, `catalog`, ...) and its name."""

    kind: str
    name: str
    summary: str


class PluginInfo(Value, frozen=True, kw_only=True):
    """An installed plugin: where it comes from, what it registers, and what is wrong with it.

    One that is `disabled` by the configuration was not imported, so that nobody knows what it would register.
    """

    name: str
    distribution: str
    version: str
    disabled: bool = False
    hooks: tuple[PluginHook, ...] = ()
    problems: tuple[Problem, ...] = ()


class ProviderStatus(Value, frozen=True, kw_only=True):
    """A provider as it is now. `state` is `ready`, `missing` (its program is not installed) or `failed`.

    `lacks` says of a capability that it does not have why not, in plain words. `models` counts those that it has, as
    it told last; None where it does not tell. `accepts` are the settings that it can take, by their names in
    `papin.models.ModelSettings`.
    """

    name: str
    summary: str
    distribution: str
    version: str
    state: Literal["ready", "missing", "failed"]
    capabilities: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    engine: Engine | None = None
    loaded: tuple[LoadedModel, ...] = ()
    problem: Problem | None = None
    lacks: dict[str, str] = msgspec.field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    models: int | None = None


class ProviderView(Value, frozen=True, kw_only=True):
    """A provider as it is now, and everything that it has; `inventory` is None where it keeps no models."""

    status: ProviderStatus
    inventory: Inventory | None = None


class CatalogStatus(Value, frozen=True, kw_only=True):
    """A catalog as it is now. `models` is how many of it are indexed, `refreshed_at` when it was asked last.

    `failed`: it cannot be opened, or its last refresh failed; what was indexed before can still be found.
    """

    name: str
    prefix: str
    summary: str
    local: bool
    state: Literal["ready", "failed"]
    models: int | None = None
    refreshed_at: datetime | None = None
    problem: Problem | None = None
