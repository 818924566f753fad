"""What the operations answer: plans, states and check lists, as values that every frontend renders.

Frozen msgspec Structs like those of `papin.models`; their JSON is the documented shape of `--json` and of the HTTP API.
"""

from __future__ import annotations

from typing import Literal

from papin.errors import Problem
from papin.models import Engine, LoadedModel, Value

__all__ = [
    "CatalogStatus",
    "Check",
    "DownloadPlan",
    "KeptFile",
    "Outcome",
    "PlannedFile",
    "PluginHook",
    "PluginInfo",
    "ProviderStatus",
    "RemovalPlan",
    "Verification",
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


class PlannedFile(Value, frozen=True, kw_only=True):
    """A file of a planned download. `present` bytes are here already and are not fetched again."""

    name: str
    size: int | None
    present: int = 0


class DownloadPlan(Value, frozen=True, kw_only=True):
    """What a download would do, known before its first byte.

    `fetch` is what would come in, or None while a size is unknown; `free` is what the storage could take now.
    `installed` is the id of the model when it is there already, and then nothing is done.
    """

    ref: str
    model: str
    files: tuple[PlannedFile, ...]
    size: int | None
    fetch: int | None
    free: int
    fits: bool
    installed: str = ""


class KeptFile(Value, frozen=True, kw_only=True):
    """A file that a removal leaves, and why."""

    name: str
    size: int
    reason: str


class RemovalPlan(Value, frozen=True, kw_only=True):
    """What removing a model does: `frees` bytes, and what stays.

    `loaded_by` names the providers that have it in memory.
    """

    model: str
    frees: int
    keeps: tuple[KeptFile, ...] = ()
    loaded_by: tuple[str, ...] = ()


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
    """A provider as it is now. `state` is `ready`, `missing` (its program is not installed) or `failed`."""

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


class CatalogStatus(Value, frozen=True, kw_only=True):
    """A catalog as it is now. `models` is how many it has, where it can tell."""

    name: str
    prefix: str
    summary: str
    local: bool
    state: Literal["ready", "failed"]
    models: int | None = None
    problem: Problem | None = None
