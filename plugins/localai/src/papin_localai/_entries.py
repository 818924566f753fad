"""Entries of a gallery's index as papin's catalog entries: pure, and nothing in an index is believed.

The index is a YAML list; its shape is that of `gallery/index.yaml` of LocalAI. An entry names the files it consists of,
mostly with their SHA-256, and may name other entries that are further builds of the same model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from papin import names
from papin.errors import NameInvalid
from papin.filenames import bits_of, parameters_of, quantization_of, read_file_name
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile
from papin_localai._configs import capabilities_of, plain

__all__ = ["entries_of", "source_of"]

_HUB = "https://huggingface.co"
_MOST_FILES = 200
_MOST_VARIANTS = 50
_SUMMARY = 2000
_TAGS = {
    "chat": "chat",
    "instruction-tuned": "chat",
    "llm": "text",
    "code": "code",
    "coding": "code",
    "embeddings": "embedding",
    "embedding": "embedding",
    "reranker": "rerank",
    "vision": "vision",
    "multimodal": "vision",
    "function-calling": "tools",
    "tools": "tools",
    "reasoning": "reasoning",
    "thinking": "reasoning",
    "multilingual": "multilingual",
    "asr": "transcription",
    "speech-recognition": "transcription",
    "transcription": "transcription",
    "stt": "transcription",
    "tts": "speech",
    "text-to-speech": "speech",
    "text-to-image": "image",
    "image-generation": "image",
    "video-generation": "video",
    "image-to-video": "video",
}


def entries_of(items: Any, catalog: str) -> dict[str, CatalogEntry]:
    """Return the models of an index by their names; what papin could not fetch or name is left out.

    An entry that is only another build of a model stands under its own name and among the variants of that model.
    """
    raw = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    own = {name: item for item in raw if (name := _name(item))}
    builds = {name: build for name, item in own.items() if (build := _build(item, name, catalog)) is not None}
    return {name: _entry(own[name], name, catalog, _variants(own[name], name, builds)) for name in builds}


def _name(item: Mapping[str, Any]) -> str:
    try:
        return names.check(str(item.get("name") or "").replace(":", "-"), "name")
    except NameInvalid:
        return ""


def _variants(item: Mapping[str, Any], name: str, builds: Mapping[str, Variant]) -> tuple[Variant, ...]:
    """Return the builds of a model, each under a name of its own, its own one first."""
    listed = item.get("variants") if isinstance(item.get("variants"), list) else []
    others = [str(plain(each).get("model")) for each in listed or ()][:_MOST_VARIANTS]
    found: dict[str, Variant] = {}
    for each in (name, *others):
        build = builds.get(each)
        if build is None:
            continue
        word = build.variant if build.variant not in found else each.replace("/", "-")
        found.setdefault(word, _called(build, name, word))
    return tuple(found.values())


def _called(build: Variant, name: str, word: str) -> Variant:
    return msgspec.structs.replace(build, ref=f"{build.catalog}:{name}:{word}", name=name, variant=word)


def _build(item: Mapping[str, Any], name: str, catalog: str) -> Variant | None:
    files = _files(item)
    weights = next((file for file in files if file.role == "weights"), None)
    if weights is None:
        return None
    told = read_file_name(weights.name)
    quantization = told.quantization or quantization_of(name)
    word = quantization or told.format or "default"
    overrides = plain(item.get("overrides"))
    context = overrides.get("context_size")
    return Variant(
        ref=f"{catalog}:{name}:{word}",
        catalog=catalog,
        name=name,
        variant=word,
        files=files,
        license=_license(item),
        parameters=told.parameters or parameters_of(name),
        quantization=quantization,
        bits_per_weight=bits_of(quantization) if quantization else None,
        context_length=context if isinstance(context, int) and context > 0 else None,
        capabilities=_capabilities(item),
        format=told.format,
    )


def _files(item: Mapping[str, Any]) -> tuple[WantedFile, ...]:
    """Return the files of an entry; none at all when one of them cannot be had or two have the same name."""
    listed = item.get("files")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_FILES:
        return ()
    found: dict[str, WantedFile] = {}
    for each in map(plain, listed):
        source = source_of(str(each.get("uri") or ""))
        name = names.make_file_name(str(each.get("filename") or each.get("uri") or ""))
        if source is None or name.lower() in found:
            return ()
        digest = str(each.get("sha256") or "").lower()
        found[name.lower()] = WantedFile(
            name=name,
            sources=(source,),
            role=read_file_name(name).role,
            sha256=digest if re.fullmatch(r"[0-9a-f]{64}", digest) else None,
        )
    return tuple(found.values())


def source_of(uri: str) -> HttpSource | None:
    """Return the address that a file's URI means (`huggingface://org/repo/path[@branch]`, `https://...`), or None.

    The other schemes that LocalAI knows name whole repositories or images, which are not one file.
    """
    if match := re.fullmatch(r"(?:huggingface|hf)://([^/@]+/[^/@]+)/([^@]+?)(?:@([^@]+))?", uri):
        repository, path, branch = match.groups()
        if ".." in uri:
            return None
        return HttpSource(url=f"{_HUB}/{quote(repository)}/resolve/{quote(branch or 'main', safe='')}/{quote(path)}")
    try:
        parsed = names.parse(uri) if uri.startswith("https://") else None
    except NameInvalid:
        return None
    return HttpSource(url=uri) if isinstance(parsed, names.UrlRef) else None


def _entry(item: Mapping[str, Any], name: str, catalog: str, variants: tuple[Variant, ...]) -> CatalogEntry:
    urls = [url for url in item.get("urls") or () if isinstance(url, str)] if isinstance(item.get("urls"), list) else []
    homepage = next((url for url in urls if url.startswith("https://")), "")
    first = variants[0]
    return CatalogEntry(
        ref=f"{catalog}:{name}",
        catalog=catalog,
        name=name,
        title=name,
        summary=_summary(item.get("description")),
        license=first.license,
        parameters=first.parameters,
        context_length=first.context_length,
        capabilities=first.capabilities,
        formats=tuple(sorted({each.format for each in variants if each.format})),
        variants=variants,
        base_model=_base_model(urls),
        homepage=homepage[:500],
    )


def _summary(text: Any) -> str:
    """Return the first paragraph that says something; an index quotes whole pages with headings and notes."""
    if not isinstance(text, str):
        return ""
    paragraphs = re.split(r"\n\s*\n", text[: 4 * _SUMMARY])
    telling = (each for each in paragraphs if not re.match(r"\s*(?:[#>|*\-=!<\[]|$)", each))
    return " ".join(next(telling, "").split())[:_SUMMARY]


def _base_model(urls: Sequence[str]) -> str:
    found = [match[1] for url in urls if (match := re.match(rf"{_HUB}/([\w.-]+/[\w.-]+?)/?$", url))]
    # The repository that holds the files is another one than that of the model they were made of.
    return next((each for each in found if not each.lower().endswith("gguf")), "")


def _license(item: Mapping[str, Any]) -> str:
    text = item.get("license")
    return text.strip().lower()[:80] if isinstance(text, str) else ""


def _capabilities(item: Mapping[str, Any]) -> tuple[str, ...]:
    tags = item.get("tags") if isinstance(item.get("tags"), list) else []
    found = {_TAGS[tag] for each in tags or () if (tag := str(each).lower()) in _TAGS}
    found.update(capabilities_of(plain(item.get("overrides"))))
    if "chat" in found:
        found.add("text")
    return tuple(sorted(found))
