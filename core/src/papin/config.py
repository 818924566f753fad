"""The configuration: one TOML file, one Struct for each plugin, and `PAPIN_...` variables over it.

    offline = false
    disabled_plugins = ["acme"]

    [providers.llamacpp]
    keep_alive = 600

    [providers.gpu-box]
    kind = "ollama"
    url = "http://gpu-box:11434"

Keys at the top are `CoreSettings`; a table `[providers.NAME]` belongs to the provider of that name, and so on for the
other kinds. `PAPIN_OFFLINE=1` and `PAPIN_PROVIDERS__LLAMACPP__KEEP_ALIVE=600` say the same and win over the file.
A table of `providers` with a `kind` is another instance of that provider, under its own name and with its own settings.
A missing or empty file means the defaults; anything that cannot be meant is a `ConfigInvalid` that names the file,
the key and the line, or the variable. Nothing is guessed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from papin._config.decoding import decode, field_names, near, overrides_of
from papin._config.instances import instances_of, kind_variables, with_kind
from papin._config.source import INSTANCES, KIND, KINDS, Source, parse, read_source, read_text
from papin._paths import Paths, find_paths
from papin.errors import ConfigInvalid

__all__ = [
    "KIND",
    "KINDS",
    "Config",
    "CoreSettings",
    "Row",
    "Tables",
    "find_file",
    "load",
    "put_table",
    "set_value",
    "shown",
]

S = TypeVar("S", bound=msgspec.Struct)

Tables = Mapping[tuple[str, str], type[msgspec.Struct]]
"""Which Struct decodes which table: `("providers", "llamacpp")` is the table `[providers.llamacpp]`."""


_HOURS = r"^$|^([01]?\d|2[0-3]):[0-5]\d-([01]?\d|2[0-3]):[0-5]\d$"


class CoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys at the top of the file. `storage` names the storage that new models go to.

    At most `downloads_at_once` downloads run at a time, all of them together with `download_limit` bytes a second (0:
    no limit), and only at the hours `download_between` (`23:00-07:00`; empty: always). The version before an update is
    kept for `keep_replaced_days`, so that one can go back. Programs that stay (`papin serve`) refresh the catalogs
    every `refresh_catalogs_days` (0: only when somebody asks), and, to tell what is stored twice, read the models of
    other programs of which there are several of one size (`read_in_background`).
    """

    offline: bool = False
    storage: str = "store"
    disabled_plugins: tuple[str, ...] = ()
    downloads_at_once: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    download_limit: Annotated[int, msgspec.Meta(ge=0)] = 0
    download_between: Annotated[str, msgspec.Meta(pattern=_HOURS)] = ""
    keep_replaced_days: Annotated[int, msgspec.Meta(ge=0, le=36500)] = 14
    refresh_catalogs_days: Annotated[int, msgspec.Meta(ge=0, le=36500)] = 0
    read_in_background: bool = True


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is in force; `source` is `default`, `file`, or the name of the variable that sets it."""

    key: str
    value: Any
    source: str


class Config:
    """The configuration as it was read; `core` are the keys at the top."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.file = source.file
        self.core = _core(source)
        self.instances: Mapping[tuple[str, str], str] = _instances(source)
        """The kind of each further instance of a provider or catalog, by its table: `("providers", "gpu-box")`."""

    def table(self, kind: str, name: str, type: type[S]) -> S:  # noqa: A002  what it is
        """Return the settings of the plugin `name`, for example `table("providers", "llamacpp", Settings)`.

        Raises:
            ConfigInvalid: a key is unknown or a value impossible.
        """
        return decode(self._source, (kind, name), type)

    def catalogs(self) -> Mapping[str, tuple[str, Any]]:
        """Return the kind of each catalog that has a table, by its name, and that table as it was written.

        The kind is the name itself where the table is that of a catalog which a plugin brings.
        """
        written = self._source.data.get("catalogs", {})
        own = {name: kind for (table, name), kind in self.instances.items() if table == "catalogs"}
        return {name: (own.get(name, name), written.get(name)) for name in {**written, **own}}

    def rows(self, tables: Tables) -> Iterator[Row]:
        """Yield every setting of papin and of `tables`, with where it comes from; what is secret is not told."""
        yield from _rows(self._source, (), self.core)
        of_instances = {(table, name): tables.get((table, kind)) for (table, name), kind in self.instances.items()}
        for (kind, name), struct in sorted({**tables, **of_instances}.items(), key=lambda item: item[0]):
            if (kind, name) in of_instances:
                yield self._kind_row(kind, name)
            if struct is not None:
                yield from _rows(self._source, (kind, name), self.table(kind, name, struct))

    def _kind_row(self, table: str, name: str) -> Row:
        variable, _ = kind_variables(self._source, table).get(name.replace("-", "_"), ("", ""))
        return Row(key=f"{table}.{name}.{KIND}", value=self.instances[table, name], source=variable or "file")


def _instances(source: Source) -> dict[tuple[str, str], str]:
    return {(table, name): kind for table in INSTANCES for name, kind in instances_of(source, table).items()}


def find_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the configuration file is, or would be; it is not read.

    Raises:
        ConfigInvalid: `PAPIN_HOME` is no folder of its own.
    """
    return find_paths(environ).config_file


def load(file: Path | Paths | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration; None reads the file at its usual place. Blocks for the reading of a small file.

    Raises:
        ConfigInvalid: it cannot be read or decoded. Tables of plugins are decoded when they are asked for.
    """
    if file is None:
        file = find_paths(environ)
    return Config(read_source(file.config_file if isinstance(file, Paths) else file, environ))


def set_value(file: Path, key: str, text: str, tables: Tables) -> Any:
    """Set `key` (`offline`, `providers.llamacpp.keep_alive`) in `file`, keeping comments; return the value.

    The value is checked before anything is written, and is durable on return.

    Raises:
        ConfigInvalid: there is no such key, or the value is not one for it, or the file was broken before.
        StorageFailed: it cannot be written.
    """
    from papin._config.editing import edit  # noqa: PLC0415  reading a configuration does not need it

    keys = tuple(key.split("."))
    if keys[0] not in KINDS:
        return edit(file, ((), CoreSettings), keys, text)
    struct = _struct_for(file, keys, text, tables) if len(keys) > 2 else None  # noqa: PLR2004  kind, name, key
    if struct is None:
        known = [".".join((*path, field)) for path, kind in tables.items() for field in field_names(kind)]
        raise ConfigInvalid(f"There is no setting {key}", next_step=near(key, known))
    return edit(file, (keys[:2], struct), keys[2:], text)


def put_table(file: Path, path: tuple[str, ...], values: Mapping[str, Any] | None) -> None:
    """Put a whole table (`("catalogs", "team")`) into `file`, or take it out (None), keeping everything else.

    Raises:
        ConfigInvalid: the file was broken before, or papin cannot change it so.
        StorageFailed: it cannot be written.
    """
    from papin._config.editing import edit_table  # noqa: PLC0415  reading a configuration does not need it

    edit_table(file, path, values)


def _struct_for(file: Path, keys: tuple[str, ...], text: str, tables: Tables) -> type[msgspec.Struct] | None:
    """Return what decodes the table that `keys` lead into, where `text` may be the kind of a new instance."""
    if keys[0] not in INSTANCES:
        return tables.get((keys[0], keys[1]))
    kinds = {name: struct for (table, name), struct in tables.items() if table == keys[0]}
    if keys[2:] == (KIND,):
        return with_kind(keys[0], text, kinds)
    source = Source(file=file, text="", data=parse(file, read_text(file)))
    return kinds.get(instances_of(source, keys[0]).get(keys[1], keys[1]))


def _core(source: Source) -> CoreSettings:
    for override in source.overrides:
        if override.path[0] in KINDS and len(override.path) < 3:  # noqa: PLR2004  kind, name, key
            raise ConfigInvalid(
                f"The variable {override.variable} names no setting",
                next_step=f"Name one: PAPIN_{override.path[0].upper()}__NAME__KEY",
            )
    for kind in KINDS:
        tables = source.data.get(kind, {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise source.refuse((kind,), f"it must hold tables: [{kind}.NAME]")
    known = field_names(CoreSettings)
    for key in source.data.keys() - {*known, *KINDS}:
        raise source.refuse((key,), "there is no such setting", next_step=near(key, (*known, *KINDS)))
    return decode(source, (), CoreSettings)


_SECRETS = ("token", "key", "password", "secret")


def _rows(source: Source, path: tuple[str, ...], settings: msgspec.Struct) -> Iterator[Row]:
    variables = {each.path[len(path) :]: each.variable for each in overrides_of(source, path)}
    table: Any = source.data
    for key in path:
        table = table.get(key, {})
    for key, value in msgspec.to_builtins(settings, enc_hook=str).items():
        above = next((name for keys, name in variables.items() if keys[0] == key), None)
        row = ".".join((*path, key))
        yield Row(key=row, value=shown(row, value), source=above or ("file" if key in table else "default"))


def shown(key: str, value: Any) -> Any:
    """Return the value of a setting as it may be shown: a secret is not."""
    return "(set, not shown)" if value and key.endswith(_SECRETS) else value
