"""From what a catalog told to what is kept: bounded, cleaned, and the facts to filter and sort by."""

from __future__ import annotations

import zlib
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import msgspec

from papin import names
from papin._index._identity import Identity, identity
from papin.errors import NameInvalid
from papin.filenames import bits_of, parameters_of, quantization_of
from papin.memory import TYPICAL_BITS, estimate_size, estimate_variant
from papin.models import CatalogEntry, Variant

__all__ = ["Facts", "clean", "facts_of", "pack", "unpack"]

_VARIANTS = 500
_FILES = 1000
_WORDS = 20
_TITLE = 200
_SUMMARY = 2000
_ADDRESS = 1000
_LARGEST = (1 << 63) - 1
_WIDEST = 64


class Facts(NamedTuple):
    """What an entry is filtered and sorted by; `parameters` and `largest` are those of the sizes that it comes in."""

    identity: Identity
    quantizations: tuple[str, ...]
    parameters: int | None
    largest: int | None
    need: int | None
    size: int | None


def _text(text: str, most: int) -> str:
    """Return a text without what is not to be seen (controls, direction marks, half characters), within bounds."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text[: 2 * most])
    return text[:most].strip()


def _number(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= _LARGEST else None


def _bits(bits: float | None) -> float | None:
    return bits if bits is not None and 0 < bits <= _WIDEST else None


def clean(entry: CatalogEntry, catalog: str, prefix: str) -> CatalogEntry:
    """Return `entry` within bounds and without what cannot be shown; what names do not tell is filled in from them.

    Raises:
        NameInvalid: it has no name that can be typed, or claims to be of another catalog.
    """
    expected = f"{prefix}:{names.check(entry.name, 'name')}"
    if entry.catalog != catalog or entry.ref != expected:
        raise NameInvalid(f"{entry.ref[:80]!a} is not {expected}", next_step="Tell the authors of the catalog.")
    name = entry.name.rpartition("/")[2]
    parameters = _number(entry.parameters) or parameters_of(name)
    variants = tuple(_variant(each, entry, parameters) for each in entry.variants[:_VARIANTS] if _is_sound(each))
    formats = entry.formats or tuple(dict.fromkeys(each.format for each in variants if each.format))
    return msgspec.structs.replace(
        entry,
        title=_text(entry.title, _TITLE) or name,
        summary=_text(entry.summary, _SUMMARY),
        license=_text(entry.license, _TITLE).lower(),
        architecture=_text(entry.architecture, _TITLE).lower(),
        publisher=_text(entry.publisher, _TITLE),
        base_model=_text(entry.base_model, _TITLE),
        homepage=_text(entry.homepage, _ADDRESS),
        parameters=parameters,
        context_length=_number(entry.context_length),
        downloads=_number(entry.downloads),
        likes=_number(entry.likes),
        trending=entry.trending if entry.trending is not None and isfinite(entry.trending) else None,
        capabilities=tuple(_text(each, _TITLE) for each in entry.capabilities[:_WORDS]),
        formats=tuple(_text(each, _TITLE).lower() for each in formats[:_WORDS]),
        variants=variants,
    )


def _is_sound(variant: Variant) -> bool:
    if not _is_variant(variant.variant) or len(variant.files) > _FILES:
        return False
    for file in variant.files:
        if file.size is not None and not 0 <= file.size <= _LARGEST:
            return False
    return variant.size is None or 0 <= variant.size <= _LARGEST


@lru_cache(1000)  # most builds are called like those of another model
def _is_variant(text: str) -> bool:
    try:
        return not text or bool(names.check(text, "variant"))
    except NameInvalid:
        return False


class _Named(NamedTuple):
    """What the name of a variant tells."""

    quantization: str
    bits: float | None
    parameters: int | None


@lru_cache(4096)  # as above
def _named(variant: str, quantization: str) -> _Named:
    known = quantization or quantization_of(variant)
    return _Named(_text(known, _TITLE), bits_of(known), parameters_of(variant))


def _variant(variant: Variant, entry: CatalogEntry, parameters: int | None) -> Variant:
    named = _named(variant.variant, variant.quantization)
    return msgspec.structs.replace(
        variant,
        summary=variant.summary and _text(variant.summary, _TITLE),
        license=variant.license and _text(variant.license, _TITLE).lower(),
        architecture=variant.architecture or entry.architecture,
        quantization=named.quantization,
        bits_per_weight=(variant.bits_per_weight and _bits(variant.bits_per_weight)) or named.bits,
        parameters=(variant.parameters and _number(variant.parameters)) or named.parameters or parameters,
        context_length=variant.context_length or entry.context_length,
        capabilities=() if variant.capabilities == entry.capabilities else variant.capabilities[:_WORDS],
    )


def facts_of(entry: CatalogEntry) -> Facts:
    """Return the facts of an entry that is clean."""
    told_needs = [estimate_variant(each) for each in entry.variants]
    usual = [estimate_size(None, entry.parameters, TYPICAL_BITS.get(each)) for each in entry.formats or ("gguf",)]
    needs = [need for need in told_needs if need is not None] or [need for need in usual if need is not None]
    sizes = [each.size for each in entry.variants if each.size is not None]
    known = {_quantization(each.quantization) for each in entry.variants}
    least, most = entry.sizes
    return Facts(
        identity=identity(entry),
        quantizations=tuple(sorted(known - {""})),
        parameters=least,
        largest=most,
        need=min(*needs, _LARGEST) if needs else None,
        size=min(sizes, default=None),
    )


@lru_cache(1000)  # as above
def _quantization(text: str) -> str:
    """Return what is filtered by: nothing for one of which there may be any number."""
    known = quantization_of(text).removeprefix("UD-")
    return "" if known.endswith("BPW") else known


# What most entries have in common, so that the first one compresses as well as a second would. It is part of what is
# stored: to change it is to change the version of the index.
_TYPICAL = msgspec.msgpack.encode(
    [
        {"quantization": quantization, "bits_per_weight": bits, "context_length": 32768}
        for quantization, bits in (("Q2_K", 3.16), ("Q5_K_M", 5.7), ("Q6_K", 6.56), ("Q8_0", 8.5), ("Q4_K_M", 4.89))
    ]
    + [
        {
            "catalog": "huggingface",
            "license": "apache-2.0",
            "architecture": "llama",
            "parameters": 8_000_000_000,
            "capabilities": ["text", "chat", "code", "vision", "tools", "reasoning", "multilingual"],
            "context_length": 131072,
            "formats": ["gguf"],
            "variants": [
                {
                    "ref": "hf:",
                    "catalog": "huggingface",
                    "name": "Instruct-GGUF",
                    "variant": "Q4_K_M",
                    "files": [
                        {
                            "name": "Instruct-Q4_K_M.gguf",
                            "sources": [
                                {
                                    "kind": "http",
                                    "url": "https://huggingface.co/resolve/main/Instruct-Q4_K_M.gguf",
                                    "user_named": False,
                                }
                            ],
                            "role": "weights",
                            "size": None,
                            "sha256": None,
                        }
                    ],
                    "summary": "",
                    "license": "",
                    "architecture": "llama",
                    "parameters": 8_000_000_000,
                    "quantization": "Q4_K_M",
                    "bits_per_weight": 4.89,
                    "context_length": None,
                    "capabilities": [],
                    "format": "",
                    "revision": "",
                    "size": None,
                }
            ],
            "base_model": "",
            "publisher": "",
            "homepage": "",
            "access": "open",
            "downloads": None,
            "likes": None,
            "trending": None,
            "created_at": None,
            "updated_at": None,
            "revision": "",
        }
    ]
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CatalogEntry)


def pack(entry: CatalogEntry) -> bytes:
    """Return an entry as it is stored."""
    packer = zlib.compressobj(1, zdict=_TYPICAL)
    return packer.compress(_encoder.encode(entry)) + packer.flush()


def unpack(data: bytes) -> CatalogEntry:
    """Return a stored entry."""
    return _decoder.decode(zlib.decompressobj(zdict=_TYPICAL).decompress(data))
