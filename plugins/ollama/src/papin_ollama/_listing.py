"""What Ollama has, as papin's values: from its folder, or from its answer. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from papin.filenames import parameters_of
from papin.inventories import Listing, ProviderFile, ProviderModel
from papin.names import make_file_name
from papin_ollama._layers import file_name, role
from papin_ollama._store import Entry, Store
from papin_ollama._wire import Details, Tag, Tags

__all__ = ["from_store", "from_tags", "time_of"]

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)")
_ABILITIES = {
    "completion": ("chat", "text"),
    "tools": ("tools",),
    "vision": ("vision",),
    "embedding": ("embedding",),
    "thinking": ("reasoning",),
    "image": ("image",),
}


def time_of(text: str) -> datetime | None:
    """Return a time as Go writes it, with its nanoseconds cut to microseconds; None for the time that means none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        when = datetime.fromisoformat(f"{found[1]}{found[2] or ''}{found[3].replace('Z', '+00:00')}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return when if when.year > 1 else None


def _abilities(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for word in words for each in _ABILITIES.get(word, ())))


# --- from the folder ---------------------------------------------------------------------------------------------


def from_store(store: Store) -> Listing:
    """Return what is in the folder of an Ollama."""
    models = tuple(_of_entry(each, store) for each in store.entries)
    return Listing(models=models, unused=tuple(_unused(store)), stamps=store.stamps)


def _unused(store: Store) -> Iterable[ProviderFile]:
    """Yield the blobs that no model has, which Ollama removes when it starts, and what downloads left."""
    used = {layer.sha256 for entry in store.entries for layer in entry.layers}
    sizes = {f"sha256-{digest}": size for digest, size in store.blobs.items() if digest not in used}
    for name, size in sorted((sizes | store.others).items()):
        yield ProviderFile(name=make_file_name(name), size=size, path=f"{store.place.blobs}/{name}", role="sidecar")


def _of_entry(entry: Entry, store: Store) -> ProviderModel:
    config = entry.config
    files = () if config.remote_host else tuple(_files(entry, store))
    return ProviderModel(
        reference=str(entry.name),
        files=files,
        size=sum(file.size for file in files),
        digest=entry.digest,
        format=config.model_format,
        architecture=config.model_family,
        parameters=parameters_of(config.model_type),
        quantization=_quantization(config.file_type),
        context_length=config.context_length or None,
        capabilities=_abilities(config.capabilities or _guess(entry)),
        modified_at=datetime.fromtimestamp(entry.modified_ns / 1e9, UTC) if entry.modified_ns else None,
        state="remote" if config.remote_host else "damaged" if entry.problem else "ready",
        problem="" if config.remote_host else entry.problem,
    )


def _guess(entry: Entry) -> tuple[str, ...]:
    kinds = {layer.kind for layer in entry.layers}
    can = "embedding" if entry.config.model_family.endswith("bert") else "completion"
    return (can, "vision") if "projector" in kinds else (can,)


def _quantization(text: str) -> str:
    return "" if text.lower() == "unknown" else text


def _files(entry: Entry, store: Store) -> Iterable[ProviderFile]:
    seen: Counter[str] = Counter()
    folder = str(store.place.blobs)
    for layer in entry.layers:
        size = store.blobs.get(layer.sha256)
        if size is not None:
            yield ProviderFile(
                name=file_name(layer.kind, entry.name, seen[layer.kind]),
                size=size,
                path=f"{folder}/sha256-{layer.sha256}",
                sha256=layer.sha256,
                role=role(layer.kind),
            )
            seen[layer.kind] += 1


# --- from its answer ---------------------------------------------------------------------------------------------


def from_tags(tags: Tags) -> Listing:
    """Return what an Ollama tells that it has; where it keeps that it does not tell."""
    return Listing(models=tuple(_of_tag(each) for each in tags.models or ()))


def _of_tag(tag: Tag) -> ProviderModel:
    details = tag.details or Details()
    is_remote = bool(tag.remote_host or tag.remote_model)
    return ProviderModel(
        reference=tag.name,
        size=0 if is_remote else max(0, tag.size),
        digest=tag.digest,
        format=details.format or "",
        architecture=details.family or "",
        parameters=parameters_of(details.parameter_size or ""),
        quantization=_quantization(details.quantization_level or ""),
        context_length=details.context_length or None,
        capabilities=_abilities(tag.capabilities or ()),
        modified_at=time_of(tag.modified_at),
        state="remote" if is_remote else "ready",
    )
