"""An index that a team keeps, and a plain folder of model files: as catalog entries. Pure.

An index is a JSON file:

    {"papin_index": 1,
     "models": [{"name": "house-chat", "summary": "Our own.", "license": "apache-2.0", "capabilities": ["chat"],
                 "variants": [{"variant": "Q4_K_M",
                               "files": [{"url": "house-chat-Q4_K_M.gguf", "size": 4920000000, "sha256": "..."}]}]}]}

`url` is an https address, or a path that begins where the index lies and leads nowhere above it. What is not told
(`name` of a file, `role`, `quantization`, size, digest) is taken from the file's name, or is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec

from papin import names
from papin.errors import FormatInvalid, NameInvalid
from papin.filenames import bits_of, parameters_of, read_file_name
from papin.models import Capability, CatalogEntry, DownloadSource, FileRole, Variant, WantedFile
from papin.repositories import Build, builds

__all__ = ["LocalFile", "Locate", "decode", "entries_of_folder", "entries_of_index"]

Locate = Callable[[str], DownloadSource]
"""Turns the `url` of a file into where it comes from; raises `NameInvalid` for what leads elsewhere."""

Size = Annotated[int, msgspec.Meta(gt=0, lt=2**62)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    name: str = ""
    role: FileRole | None = None
    size: Size | None = None
    sha256: str | None = None


class _Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    files: tuple[_File, ...]
    variant: str = ""
    quantization: str = ""


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    variants: tuple[_Variant, ...]
    title: str = ""
    summary: str = ""
    license: str = ""
    architecture: str = ""
    parameters: Size | None = None
    context_length: Size | None = None
    capabilities: tuple[Capability, ...] = ()
    base_model: str = ""
    homepage: str = ""


class _Index(msgspec.Struct, frozen=True):
    papin_index: int
    models: tuple[_Model, ...]


def decode(data: bytes, where: str) -> tuple[_Model, ...]:
    """Return the models of an index. Raises `FormatInvalid`, saying what is wrong and where in it."""
    try:
        index = msgspec.json.decode(data, type=_Index)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatInvalid(
            f"{where} is no index of models: {str(error)[:200]}",
            next_step='It is JSON, {"papin_index": 1, "models": [...]}: see the README of papin-starter.',
        ) from error
    if index.papin_index != 1:
        raise FormatInvalid(f"{where} is an index of a later kind", next_step="Bring papin up to date.")
    return index.models


def entries_of_index(models: Sequence[_Model], catalog: str, locate: Locate, where: str) -> tuple[CatalogEntry, ...]:
    """Return the entries of an index; a name, address or digest that is not allowed refuses the whole of it."""
    try:
        return tuple(_entry(model, catalog, locate) for model in models)
    except NameInvalid as error:
        raise FormatInvalid(f"{where}: {error.message}", next_step="Correct it in the index.") from error


def _entry(model: _Model, catalog: str, locate: Locate) -> CatalogEntry:
    names.check(model.name, "name")
    variants: dict[str, Variant] = {}
    for each in model.variants:
        made = _variant(model, each, catalog, locate)
        if made.variant in variants:
            raise NameInvalid(f"{model.name} has two variants called {made.variant}")
        variants[made.variant] = made
    if not variants:
        raise NameInvalid(f"{model.name} has no variants")
    return _card(catalog, model.name, tuple(variants.values()), model)


def _variant(model: _Model, told: _Variant, catalog: str, locate: Locate) -> Variant:
    files = tuple(_file(each, locate) for each in told.files)
    weights = next((file for file in files if file.role == "weights"), None)
    if weights is None or len({file.name.lower() for file in files}) != len(files):
        raise NameInvalid(f"a variant of {model.name} has no weights, or two files of one name")
    by_name = read_file_name(weights.name)
    quantization = told.quantization or by_name.quantization
    return Variant(
        ref=f"{catalog}:{model.name}:{told.variant or quantization or 'default'}",
        catalog=catalog,
        name=model.name,
        variant=names.check(told.variant or quantization or "default", "variant"),
        files=files,
        license=model.license.lower()[:80],
        architecture=model.architecture,
        parameters=model.parameters or by_name.parameters or parameters_of(model.name),
        quantization=quantization,
        bits_per_weight=bits_of(quantization) if quantization else None,
        context_length=model.context_length,
        capabilities=model.capabilities,
        format=by_name.format,
    )


def _file(told: _File, locate: Locate) -> WantedFile:
    if "://" in told.url:
        names.parse(told.url)
    name = names.check(told.name, "file") if told.name else names.make_file_name(told.url)
    return WantedFile(
        name=name,
        sources=(locate(told.url),),
        role=told.role or read_file_name(name).role,
        size=told.size,
        sha256=None if told.sha256 is None else names.check(told.sha256, "digest"),
    )


def _card(catalog: str, name: str, variants: tuple[Variant, ...], model: _Model | None = None) -> CatalogEntry:
    first = variants[0]
    return CatalogEntry(
        ref=f"{catalog}:{name}",
        catalog=catalog,
        name=name,
        title=(model.title if model else "") or name,
        summary=model.summary if model else "",
        license=first.license,
        architecture=first.architecture,
        parameters=first.parameters,
        capabilities=first.capabilities,
        context_length=first.context_length,
        formats=tuple(sorted({each.format for each in variants if each.format})),
        variants=variants,
        base_model=model.base_model if model else "",
        homepage=model.homepage if model else "",
    )


# --- a folder without an index -----------------------------------------------------------------------------------


class LocalFile(NamedTuple):
    """What tells a file from another one in its place: bytes, and when it was changed, in nanoseconds since 1970."""

    size: int
    changed: int


def entries_of_folder(files: Mapping[str, LocalFile], catalog: str, locate: Locate) -> tuple[CatalogEntry, ...]:
    """Return what files of these paths (relative to their folder) are: builds of one stem are one model.

    The revision of a build is the time of the last change to a file of it.
    """
    found: dict[str, dict[str, Variant]] = {}
    for folder in sorted({path.rpartition("/")[0] for path in files}):
        here = {path: file for path, file in files.items() if path.rpartition("/")[0] == folder}
        for build in builds(here):
            if build.is_complete:
                name = _stem(build)
                found.setdefault(name, {}).setdefault(build.variant, _of_build(build, name, catalog, here, locate))
    return tuple(_card(catalog, name, tuple(variants.values())) for name, variants in sorted(found.items()))


def _stem(build: Build) -> str:
    """Return a name for the model: that of its file, without the quantization."""
    stem = read_file_name(build.weights[0]).stem
    plain = (
        re.sub(rf"[-_.]*{re.escape(build.quantization)}.*", "", stem, flags=re.IGNORECASE)
        if build.quantization
        else stem
    )
    return names.make_id(plain or stem, ())


def _of_build(build: Build, name: str, catalog: str, here: Mapping[str, LocalFile], locate: Locate) -> Variant:
    roles: dict[str, FileRole] = {**dict.fromkeys(build.weights, "weights"), **dict.fromkeys(build.mmproj, "mmproj")}
    roles |= dict.fromkeys(build.sidecars, "sidecar")
    files = tuple(
        WantedFile(name=names.make_file_name(path), sources=(locate(path),), role=role, size=here[path].size or None)
        for path, role in roles.items()
    )
    return Variant(
        ref=f"{catalog}:{name}:{build.variant}",
        catalog=catalog,
        name=name,
        variant=build.variant,
        files=files,
        parameters=read_file_name(build.weights[0]).parameters,
        quantization=build.quantization,
        bits_per_weight=bits_of(build.quantization) if build.quantization else None,
        format=build.format,
        revision=_time(max(here[path].changed for path in roles)),
    )


def _time(nanoseconds: int) -> str:
    """Return a time as `2026-11-27T18:14:16.123456789Z`."""
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
    except (ValueError, OverflowError, OSError):  # years that no calendar here has
        return str(nanoseconds)
