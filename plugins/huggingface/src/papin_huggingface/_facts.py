"""A repository of the hub in papin's words. Pure; nothing that the hub sends is believed to be well formed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from papin import names
from papin.errors import NameInvalid
from papin.filenames import bits_of, parameters_of, read_file_name
from papin.models import CatalogEntry, FileRole, HttpSource, Variant, WantedFile
from papin.repositories import Build, builds
from papin_huggingface._answers import Gguf, Repository, Sibling

__all__ = ["entry_of", "is_name", "variants_of"]

_MOST = 2**62
_LARGEST_SIDECAR = 64 << 20
_FORMATS = {"gguf": "gguf", "onnx": "onnx", "safetensors": "safetensors", "pytorch": "pytorch"}
_TASKS: dict[str, tuple[str, ...]] = {
    "text-generation": ("text",),
    "text2text-generation": ("text",),
    "conversational": ("chat", "text"),
    "image-text-to-text": ("chat", "text", "vision"),
    "visual-question-answering": ("vision",),
    "any-to-any": ("chat", "text", "vision"),
    "feature-extraction": ("embedding",),
    "sentence-similarity": ("embedding",),
    "text-ranking": ("rerank",),
    "automatic-speech-recognition": ("transcription",),
    "text-to-speech": ("speech",),
    "text-to-image": ("image",),
    "text-to-video": ("video",),
    "text-to-audio": ("audio",),
}
_TAGS: dict[str, tuple[str, ...]] = {
    "conversational": ("chat", "text"),
    "code": ("code",),
    "coding": ("code",),
    "function-calling": ("tools",),
    "tool-use": ("tools",),
    "reasoning": ("reasoning",),
    "thinking": ("reasoning",),
    "multilingual": ("multilingual",),
    "vision": ("vision",),
    "text-embeddings-inference": ("embedding",),
    "sentence-transformers": ("embedding",),
}
_SEVERAL_LANGUAGES = 3
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_LANGUAGE_TAG = re.compile(r"[a-z]{2}")  # among tags three letters are as often something else: tts, moe, rag


def is_name(text: str) -> bool:
    """Tell whether `text` is the name of a repository that papin can speak of: `org/repo`, in its own grammar."""
    try:
        return names.check(text, "name").count("/") == 1
    except NameInvalid:
        return False


def entry_of(repository: Repository, catalog: str, prefix: str, variants: tuple[Variant, ...] = ()) -> CatalogEntry:
    """Return the card of a repository whose name is one (`is_name`)."""
    gguf = repository.gguf or Gguf()
    publisher, _, title = repository.id.partition("/")
    return CatalogEntry(
        ref=f"{prefix}:{repository.id}",
        catalog=catalog,
        name=repository.id,
        title=title,
        license=_tagged(repository, "license")[:80].lower(),
        architecture=_word(gguf.architecture),
        parameters=_count(gguf.total) or parameters_of(title),
        capabilities=_capabilities(repository, gguf),
        context_length=_count(gguf.context_length),
        formats=tuple(sorted({_FORMATS[tag] for tag in repository.tags if tag in _FORMATS})),
        variants=variants,
        base_model=_base_model(repository),
        publisher=publisher,
        homepage=f"https://huggingface.co/{repository.id}",
        access="private" if repository.private else "gated" if repository.gated else "open",
        downloads=_count(repository.downloads),
        likes=_count(repository.likes),
        trending=repository.trending if repository.trending and repository.trending >= 0 else None,
        created_at=_time(repository.created_at),
        updated_at=_time(repository.last_modified),
        revision=_word(repository.sha or ""),
    )


def _word(text: str) -> str:
    return text if len(text) <= 80 and re.fullmatch(r"[\w.-]*", text) else ""  # noqa: PLR2004  # more is no word


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 < number < _MOST else None


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _tagged(repository: Repository, kind: str) -> str:
    found = (tag.partition(":")[2] for tag in repository.tags if tag.startswith(f"{kind}:"))
    return next((text for text in found if re.fullmatch(r"[\w.+-]+", text)), "")


def _base_model(repository: Repository) -> str:
    """Return the model that this is another build of, by the tag `base_model:quantized:org/name`."""
    told = [tag.split(":") for tag in repository.tags if tag.startswith("base_model:")]
    builds_of = [parts[-1] for parts in told if parts[1:2] == ["quantized"]]
    return next((name for name in builds_of if is_name(name)), "")


def _capabilities(repository: Repository, gguf: Gguf) -> tuple[str, ...]:
    found = set(_TASKS.get(repository.pipeline_tag or "", ()))
    found.update(word for tag in repository.tags for word in _TAGS.get(tag.lower(), ()))
    if gguf.chat_template:
        found.update(("chat", "text"))
    if _languages(repository) >= _SEVERAL_LANGUAGES:
        found.add("multilingual")
    if "coder" in repository.id.lower() or re.search(r"\bcode\b", repository.id.lower()):
        found.add("code")
    return tuple(sorted(found))


def _languages(repository: Repository) -> int:
    card: Any = repository.card if isinstance(repository.card, dict) else {}
    told = card.get("language")
    listed = told if isinstance(told, list) else []
    on_card = sum(1 for each in listed if isinstance(each, str) and _LANGUAGE.fullmatch(each))
    return max(on_card, sum(1 for tag in repository.tags if _LANGUAGE_TAG.fullmatch(tag)))


# --- what can be installed ---------------------------------------------------------------------------------------


def variants_of(
    repository: Repository, name: str, catalog: str, prefix: str, endpoint: str, *, user_named: bool
) -> tuple[Variant, ...]:
    """Return the complete builds of a repository at its commit; `name` is how it was asked for, revision included."""
    listed = {each.rfilename: each for each in repository.siblings if _is_path(each.rfilename)}
    entry = entry_of(repository, catalog, prefix)
    base = f"{endpoint}/{quote(repository.id)}/resolve/{quote(repository.sha or 'main', safe='')}"
    found = []
    for build in builds(listed):
        files = _files(build, listed, base, user_named=user_named)
        if files and build.is_complete:
            found.append(_variant(build, files, entry, name, prefix))
    return tuple(found)


def _is_path(path: str) -> bool:
    return bool(path) and path.isprintable() and ".." not in path.split("/") and not path.startswith("/")


def _variant(build: Build, files: tuple[WantedFile, ...], entry: CatalogEntry, name: str, prefix: str) -> Variant:
    bits = bits_of(build.quantization) if build.quantization else None
    return Variant(
        ref=f"{prefix}:{name}:{build.variant}",
        catalog=entry.catalog,
        name=name,
        variant=build.variant,
        files=files,
        license=entry.license,
        architecture=entry.architecture,
        parameters=entry.parameters or read_file_name(build.weights[0]).parameters,
        quantization=build.quantization,
        bits_per_weight=bits,
        context_length=entry.context_length,
        capabilities=entry.capabilities,
        format=build.format,
        revision=entry.revision,
    )


def _files(build: Build, listed: dict[str, Sibling], base: str, *, user_named: bool) -> tuple[WantedFile, ...]:
    """Return the files of a build under plain names, its folder left out; none when two would have the same one."""
    roles: dict[str, FileRole] = dict.fromkeys(build.weights, "weights")
    roles |= dict.fromkeys(build.mmproj, "mmproj")
    roles |= dict.fromkeys(build.sidecars, "sidecar")
    found: dict[str, WantedFile] = {}
    for path, role in roles.items():
        file = _file(listed[path], role, f"{base}/{quote(path)}", user_named=user_named)
        if role == "sidecar" and (file.size or 0) > _LARGEST_SIDECAR and not file.sha256:
            continue
        if found.setdefault(file.name.lower(), file) is not file:
            return ()
    return tuple(found.values())


def _file(sibling: Sibling, role: FileRole, url: str, *, user_named: bool) -> WantedFile:
    lfs = sibling.lfs
    size = (lfs.size if lfs else None) or sibling.size
    digest = lfs.sha256 if lfs and re.fullmatch(r"[0-9a-f]{64}", lfs.sha256) else None
    return WantedFile(
        name=names.make_file_name(sibling.rfilename),
        sources=(HttpSource(url=url, user_named=user_named),),
        role=role,
        size=_count(size),
        sha256=digest,
    )
