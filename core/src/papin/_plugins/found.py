from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from papin._plugins.installed import EntryPoint
from papin._plugins.kinds import KINDS
from papin.errors import PapinError, PluginFailed

if TYPE_CHECKING:  # the script, which looks for its frontend only, starts without these pages
    from papin.answers import PluginInfo
    from papin.catalogs import Catalog
    from papin.events import PluginProblem
    from papin.formats import Format
    from papin.frontends import Frontend
    from papin.policies import CleanupPolicy
    from papin.providers import Provider
    from papin.recommenders import Recommender
    from papin.storages import Storage

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Found(Generic[D]):
    """A descriptor, and where it comes from; `refusal` is why it cannot be opened at all."""

    descriptor: D
    plugin: str
    distribution: str
    version: str
    refusal: PapinError | None = None


@dataclass(slots=True)
class Plugins:
    """What the installed plugins register, by kind and name, in the order of their names."""

    providers: dict[str, Found[Provider]] = field(default_factory=dict)
    catalogs: dict[str, Found[Catalog]] = field(default_factory=dict)
    templates: dict[str, Found[Catalog]] = field(default_factory=dict)
    formats: dict[str, Found[Format]] = field(default_factory=dict)
    storages: dict[str, Found[Storage]] = field(default_factory=dict)
    policies: dict[str, Found[CleanupPolicy]] = field(default_factory=dict)
    recommenders: dict[str, Found[Recommender]] = field(default_factory=dict)
    frontends: dict[str, Found[Frontend]] = field(default_factory=dict)
    _entries: list[tuple[EntryPoint, bool]] = field(default_factory=list)
    _hooks: dict[EntryPoint, list[tuple[str, Any]]] = field(default_factory=dict)
    _problems: list[tuple[EntryPoint, PluginFailed]] = field(default_factory=list)

    @property
    def problems(self) -> tuple[PluginProblem, ...]:
        """Everything that is wrong with plugins, as events."""
        from papin.events import PluginProblem  # noqa: PLC0415

        return tuple(PluginProblem(plugin=entry.name, problem=error.problem()) for entry, error in self._problems)

    def listing(self) -> tuple[PluginInfo, ...]:
        """Return every installed plugin, the disabled ones included, with what it registers and its problems."""
        from papin.answers import PluginHook, PluginInfo  # noqa: PLC0415

        return tuple(
            PluginInfo(
                name=entry.name,
                distribution=entry.distribution,
                version=entry.version,
                disabled=disabled,
                hooks=tuple(
                    PluginHook(kind=word, name=each.name, summary=each.summary)
                    for word, each in self._hooks.get(entry, ())
                ),
                problems=tuple(error.problem() for at, error in self._problems if at == entry),
            )
            for entry, disabled in self._entries
        )

    def tables(self) -> dict[tuple[str, str], type[msgspec.Struct]]:
        """Return which Struct decodes which table of the configuration, by the table's (kind, name)."""
        found: dict[tuple[str, str], type[msgspec.Struct]] = {}
        for kind in KINDS:
            for name, each in getattr(self, kind.table).items():
                settings = getattr(each.descriptor, "settings", None)
                if settings is not None:
                    found[kind.table, name] = settings
        return found

    def packages(self) -> dict[str, tuple[EntryPoint, bool]]:
        """Return the plugins by the package that each is in, and whether it is a frontend and nothing else."""
        return {
            entry.value.partition(":")[0].partition(".")[0]: (entry, {word for word, _ in registered} == {"frontend"})
            for entry, registered in self._hooks.items()
        }

    def note(self, entry: EntryPoint, *, disabled: bool = False) -> None:
        """Remember that `entry` is installed."""
        self._entries.append((entry, disabled))

    def refuse(self, entry: EntryPoint, what: str, *, next_step: str = "", cause: BaseException | None = None) -> None:
        """Remember that something is wrong with `entry`."""
        error = failure(entry, what, next_step)
        error.__cause__ = cause
        self.remember(entry, error)

    def remember(self, entry: EntryPoint, error: PluginFailed) -> None:
        """Remember `error` as a problem of `entry`."""
        self._problems.append((entry, error))

    def admit(self, entry: EntryPoint, table: str, word: str, descriptor: Any) -> None:
        """Add `descriptor`, unless somebody registered that name, or a catalog that prefix, before."""
        taken: dict[str, Found[Any]] = getattr(self, table)
        clash = _clash(taken, descriptor)
        if clash is not None:
            other, what = clash
            self.refuse(
                entry,
                f"registers the {word} {what}, which {other.plugin} ({other.distribution} {other.version}) has already",
                next_step=f"Disable one: papin config set disabled_plugins {entry.name} (or {other.plugin})",
            )
            return
        taken[descriptor.name] = Found(descriptor, entry.name, entry.distribution, entry.version)
        self._hooks.setdefault(entry, []).append((word, descriptor))


def failure(entry: EntryPoint, what: str, next_step: str = "") -> PluginFailed:
    """Return the error that says `what` is wrong with `entry`."""
    message = f"Plugin {entry.name} ({entry.distribution} {entry.version}) {what}"
    step = next_step or f"Update or remove {entry.distribution}, or tell its authors; all other plugins work."
    return PluginFailed(message, next_step=step)


def _clash(taken: dict[str, Found[Any]], descriptor: Any) -> tuple[Found[Any], str] | None:
    if descriptor.name in taken:
        return taken[descriptor.name], descriptor.name
    prefix = getattr(descriptor, "prefix", None)
    for found in taken.values():
        if prefix is not None and found.descriptor.prefix == prefix:
            return found, f"prefix {prefix}:"
    return None
