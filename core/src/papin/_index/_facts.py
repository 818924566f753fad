"""From what a catalog told to what is kept: bounded, cleaned, and the facts to filter and sort by."""

from __future__ import annotations

import zlib
from copy import copy
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import msgspec

from papin import names
from papin._index._identity import Identity, identity
from papin.errors import NameInvalid
from papin.filenames import bits_of, parameters_of, quantization_of
from papin.memory import TYPICAL_BITS, estimate_size
from papin.models import CatalogEntry, Variant

__all__ = ["Facts", "clean", "facts_of", "learned", "pack", "unpack"]

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
    """Return `entry` within bounds and without what cannot be shown; what its own name tells is filled in.

    Raises:
        NameInvalid: it has no name that can be typed, or claims to be of another catalog.
    """
    expected = f"{prefix}:{names.check(entry.name, 'name')}"
    if entry.catalog != catalog or entry.ref != expected:
        raise NameInvalid(f"{entry.ref[:80]!a} is not {expected}", next_step="Tell the authors of the catalog.")
    name = entry.name.rpartition("/")[2]
    parameters = _number(entry.parameters) or parameters_of(name)
    variants = tuple([_variant(each, entry) for each in entry.variants[:_VARIANTS] if _is_sound(each)])
    formats = entry.formats or tuple(dict.fromkeys(each.format for each in variants if each.format))
    kept = {
        "title": _text(entry.title, _TITLE) or name,
        "summary": _text(entry.summary, _SUMMARY),
        "license": _text(entry.license, _TITLE).lower(),
        "architecture": _text(entry.architecture, _TITLE).lower(),
        "publisher": _text(entry.publisher, _TITLE),
        "base_model": _text(entry.base_model, _TITLE),
        "homepage": _text(entry.homepage, _ADDRESS),
        "parameters": parameters,
        "context_length": _number(entry.context_length),
        "downloads": _number(entry.downloads),
        "likes": _number(entry.likes),
        "trending": entry.trending if entry.trending is not None and isfinite(entry.trending) else None,
        "capabilities": tuple([_text(each, _TITLE) for each in entry.capabilities[:_WORDS]]),
        "formats": tuple([_text(each, _TITLE).lower() for each in formats[:_WORDS]]),
        "variants": variants,
    }
    # Few of them change anything, and to make an entry anew is to look at all of its fields.
    cleaned = copy(entry)
    for field, value in kept.items():
        if getattr(entry, field) is not value:
            msgspec.structs.force_setattr(cleaned, field, value)
    return cleaned


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
    """What the name of a variant tells; `filtered` is nothing for a quantization of which there may be any number."""

    quantization: str
    filtered: str
    bits: float | None
    parameters: int | None


@lru_cache(4096)  # as above
def _named(variant: str, quantization: str) -> _Named:
    known = quantization or quantization_of(variant)
    filtered = quantization_of(known).removeprefix("UD-")
    return _Named(
        _text(known, _TITLE),
        "" if filtered.endswith("BPW") else filtered,
        bits_of(known),
        parameters_of(variant),
    )


def _variant(variant: Variant, entry: CatalogEntry) -> Variant:
    """Return a variant within bounds: itself, as nearly all are."""
    texts = variant.summary or variant.license or len(variant.quantization) > _TITLE
    if not (texts or variant.capabilities or variant.bits_per_weight or variant.parameters):
        return variant
    alike = variant.capabilities == entry.capabilities
    return msgspec.structs.replace(
        variant,
        summary=_text(variant.summary, _TITLE),
        license=_text(variant.license, _TITLE).lower(),
        quantization=_text(variant.quantization, _TITLE),
        bits_per_weight=_bits(variant.bits_per_weight),
        parameters=_number(variant.parameters),
        capabilities=() if alike else variant.capabilities[:_WORDS],
    )


def _fill(entry: CatalogEntry) -> CatalogEntry:
    """Fill in what the variants of an entry, which nobody else has yet, do not tell and their names or it do."""
    put = msgspec.structs.force_setattr
    for each in entry.variants:
        named = _named(each.variant, each.quantization)
        if each.quantization != named.quantization:
            put(each, "quantization", named.quantization)
        if not each.bits_per_weight:
            put(each, "bits_per_weight", named.bits)
        if not each.parameters:
            put(each, "parameters", named.parameters or entry.parameters)
        if not each.architecture:
            put(each, "architecture", entry.architecture)
        if not each.context_length:
            put(each, "context_length", entry.context_length)
    return entry


def facts_of(entry: CatalogEntry) -> Facts:
    """Return the facts of an entry that is clean."""
    quantizations: set[str] = set()
    sizes: list[int] = []
    parameters = {entry.parameters} if entry.parameters else set()
    guessed: list[tuple[float, int, float]] = []
    for each in entry.variants:
        named = _named(each.variant, each.quantization)
        quantizations.add(named.filtered)
        told = each.parameters or named.parameters or entry.parameters
        if told and not entry.parameters:
            parameters.add(told)
        if each.size is not None:
            sizes.append(each.size)
        elif told and (bits := each.bits_per_weight or named.bits or TYPICAL_BITS.get(each.format)):
            guessed.append((told * bits, told, bits))
    return Facts(
        identity=identity(entry),
        quantizations=tuple(sorted(quantizations - {""})),
        parameters=min(parameters, default=None),
        largest=max(parameters, default=None),
        need=_need(entry, min(sizes, default=None), min(guessed, default=None)),
        size=min(sizes, default=None),
    )


def _need(entry: CatalogEntry, size: int | None, guessed: tuple[float, int, float] | None) -> int | None:
    """Return the memory that the smallest variant needs; where none tells anything, the usual build of its formats."""
    needs = [estimate_size(size, None, None)]
    if guessed is not None:
        needs.append(estimate_size(None, *guessed[1:]))
    elif size is None:
        needs = [estimate_size(None, entry.parameters, TYPICAL_BITS.get(each)) for each in entry.formats or ("gguf",)]
    return min((min(each, _LARGEST) for each in needs if each is not None), default=None)


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
    # With a table of codes of its own an entry is 6 % smaller, and takes longer to write and twice as long to read.
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, strategy=zlib.Z_FIXED, zdict=_TYPICAL)
    return packer.compress(_encoder.encode(entry)) + packer.flush()


def unpack(data: bytes) -> CatalogEntry:
    """Return a stored entry."""
    return _fill(_stored(data))


def learned(told: CatalogEntry, data: bytes) -> CatalogEntry:
    """Return what a catalog tells with what was found out of the same files before and it does not tell: see `show`."""
    before = _stored(data)
    there = {each.ref: each for each in before.variants}
    variants = tuple([_learned(each, there.get(each.ref)) for each in told.variants])
    if variants == told.variants:
        return told
    return msgspec.structs.replace(
        told,
        variants=variants,
        architecture=told.architecture or before.architecture,
        parameters=told.parameters or before.parameters,
        context_length=told.context_length or before.context_length,
    )


def _learned(told: Variant, before: Variant | None) -> Variant:
    if before is None or not told.files or before.revision != told.revision or not _are_same(told, before):
        return told
    return msgspec.structs.replace(
        told,
        size=before.size if told.size is None else told.size,
        quantization=told.quantization or before.quantization,
        bits_per_weight=told.bits_per_weight or before.bits_per_weight,
    )


def _are_same(told: Variant, before: Variant) -> bool:
    """Tell whether two variants have the same files, as far as is told now: a list may tell no sizes."""
    pairs = zip(told.files, before.files, strict=False)
    return len(told.files) == len(before.files) and all(
        (now.name, now.sources) == (then.name, then.sources)
        and now.size in (None, then.size)
        and now.sha256 in (None, then.sha256)
        for now, then in pairs
    )


def _stored(data: bytes) -> CatalogEntry:
    return _decoder.decode(zlib.decompressobj(-zlib.MAX_WBITS, _TYPICAL).decompress(data))
