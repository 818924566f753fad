"""How large the variants of a model are whose catalog does not say: their servers are asked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import trio

from papin._operations._probe import probe_all
from papin.errors import PapinError
from papin.http import Http
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile

__all__ = ["sized"]

_MOST_FILES = 24  # that are asked for: a page is not to be a crawl
_LARGEST = 1 << 50  # bytes; what is said to be larger is a lie, or nothing for this machine


async def sized(http: Http, entry: CatalogEntry, known: Mapping[str, int]) -> CatalogEntry:
    """Return `entry` with the sizes of its variants, as far as their servers tell them; `known` are sizes by address.

    A server's word is no promise of the catalog: the files stay without a size, which a download finds out itself.
    """
    found: dict[str, int] = {}
    asked = 0
    async with trio.open_nursery() as nursery:

        async def ask(variant: Variant) -> None:
            size = await _size_of(http, variant, known)
            if size is not None:
                found[variant.ref] = size

        for variant in entry.variants:
            asked += len(variant.files)
            if variant.size is None and variant.files and asked <= _MOST_FILES:
                nursery.start_soon(ask, variant)
    if not found:
        return entry
    told = [msgspec.structs.replace(each, size=found.get(each.ref, each.size)) for each in entry.variants]
    return msgspec.structs.replace(entry, variants=tuple(told))


async def _size_of(http: Http, variant: Variant, known: Mapping[str, int]) -> int | None:
    sizes = {file.name: file.size or _known(file, known) for file in variant.files}
    try:
        probes = await probe_all(http, [file for file in variant.files if sizes[file.name] is None])
    except PapinError:
        return None
    sizes |= {name: probe.size for name, probe in probes.items()}
    told = [size for size in sizes.values() if size is not None and size < _LARGEST]
    return sum(told) if len(told) == len(sizes) else None


def _known(file: WantedFile, known: Mapping[str, int]) -> int | None:
    urls = [source.url for source in file.sources if isinstance(source, HttpSource)]
    return next((known[url] for url in urls if url in known), None)
