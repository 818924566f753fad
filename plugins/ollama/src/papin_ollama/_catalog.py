"""The catalog's session: names of Ollama to the files of its registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import trio

from papin.catalogs import Page, all_of
from papin.errors import NotFound, PapinError
from papin.filenames import bits_of, parameters_of
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile
from papin.names import nearest
from papin_ollama._layers import file_name, hex_of, role
from papin_ollama._library import LIBRARY
from papin_ollama._names import TAG, Name, parse
from papin_ollama._registry import Found, Registry

__all__ = ["CatalogSession"]

_AT_ONCE = 4


class CatalogSession:
    """Resolves the names of Ollama; see `papin.catalogs` for what each method means."""

    def __init__(self, registry: Registry, *, is_chosen: bool) -> None:
        self._registry = registry
        self._is_chosen = is_chosen
        self._known = {entry.name: entry for entry in LIBRARY}

    async def refresh(self, state: str) -> Page:
        """Return the well-known models of the library, or nothing when they were told already."""
        return all_of(LIBRARY, state)

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return the model with that tag, or with the tag `latest`, as the registry has it now."""
        wanted = parse(f"{name}:{variant or TAG}")
        try:
            return self._variant(await self._registry.find(wanted))
        except NotFound as missing:
            raise self._missing(_shown(wanted), missing) from missing

    def _missing(self, name: str, missing: NotFound) -> NotFound:
        """Return the error for a model that the registry has not, with what is known to be there."""
        known = self._known.get(name.lower())
        near = [f"ollama:{each}" for each in nearest(name, self._known)]
        if known is not None:
            near = [f"ollama:{name}:{each.variant}" for each in known.variants]
        return NotFound(missing.message, next_step=f"There is: {', '.join(near)}." if near else missing.next_step)

    async def entry(self, name: str) -> CatalogEntry:
        """Return the model with the tags that are known; the first one is `latest`."""
        shown = _shown(parse(f"{name}:{TAG}"))
        known = self._known.get(shown.lower())
        tags = [TAG, *(each.variant for each in known.variants)] if known else [TAG]
        variants: dict[str, Variant] = {}
        for each in await self._find_all(name, tags):
            variants.setdefault(each.revision, each)  # a tag that is `latest` too is told once
        told = tuple(variants.values())
        if not told:
            missing = NotFound(f"Ollama's registry has no model {shown}", next_step="Check the name.")
            raise missing if known else self._missing(shown, missing)
        return CatalogEntry(
            ref=f"ollama:{shown}",
            catalog="ollama",
            name=shown,
            title=known.title if known else shown,
            summary=known.summary if known else "",
            license=known.license if known else "",
            architecture=told[0].architecture,
            parameters=told[0].parameters,
            capabilities=told[0].capabilities,
            context_length=told[0].context_length,
            formats=("gguf",),
            variants=told,
            publisher=known.publisher if known else "",
            homepage=known.homepage if known else "",
        )

    async def _find_all(self, name: str, tags: list[str]) -> list[Variant]:
        """Return the variants with those tags, in order; those that the registry does not have are left out."""
        found: dict[str, Variant] = {}
        problems: list[PapinError] = []
        limit = trio.CapacityLimiter(_AT_ONCE)

        async def ask(tag: str) -> None:
            async with limit:
                try:
                    found[tag] = await self.resolve(name, tag)
                except PapinError as error:
                    problems.append(error)

        async with trio.open_nursery() as nursery:
            for tag in tags:
                nursery.start_soon(ask, tag)
        for problem in problems:
            if not isinstance(problem, NotFound):
                raise problem
        return [found[tag] for tag in tags if tag in found]

    def _variant(self, found: Found) -> Variant:
        name, config = found.name, found.config
        shown = _shown(name)
        known = self._known.get(shown.lower())
        return Variant(
            ref=f"ollama:{shown}:{name.tag}",
            catalog="ollama",
            name=shown,
            variant=name.tag,
            files=tuple(self._files(found)),
            summary=known.summary if known else "",
            license=known.license if known else "",
            architecture=config.model_family,
            parameters=parameters_of(config.model_type),
            quantization="" if config.file_type == "unknown" else config.file_type,
            bits_per_weight=bits_of(config.file_type),
            context_length=config.context_length or None,
            capabilities=known.capabilities if known else (),
            format="gguf",
            revision=found.digest,
        )

    def _files(self, found: Found) -> Iterator[WantedFile]:
        """Yield the files: the weights, then what else is large, then what sharing it with Ollama needs again."""
        seen: Counter[str] = Counter()
        for layer in sorted(found.layers, key=lambda each: role(each.kind) == "sidecar"):
            if not layer.size:
                continue
            digest = hex_of(layer.digest)
            address = f"{self._registry.base(found.name)}/blobs/sha256:{digest}"
            yield WantedFile(
                name=file_name(layer.kind, found.name, seen[layer.kind]),
                sources=(HttpSource(url=address, user_named=self._is_chosen),),
                role=role(layer.kind),
                size=layer.size,
                sha256=digest,
            )
            seen[layer.kind] += 1


def _shown(name: Name) -> str:
    """Return the name without its tag, as a person types it."""
    return str(name).removesuffix(f":{name.tag}")
