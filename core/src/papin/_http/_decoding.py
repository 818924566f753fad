"""Decoding JSON that may be large, so that nobody else waits long for it.

The decoder keeps the interpreter to itself until it is done, in whichever thread: a list of 100 000 models is half a
second. So a large body is decoded in a thread, and its lists are first cut into their items (2 ms a MB) and these then
decoded one by one, between which other threads have their turn.
"""

from __future__ import annotations

import types
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
import trio

from papin.errors import TransferFailed

__all__ = ["BAD", "LARGE", "decode", "not_understood"]

T = TypeVar("T")
LARGE = 256 << 10
"""From how many bytes on a body is decoded in a thread: what is less takes a few milliseconds."""

BAD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


async def decode(body: bytes, kind: type[T], where: str) -> T:
    """Return `body` decoded as `kind`; `where` it came from is told in the error. Raises `TransferFailed`."""
    try:
        if len(body) < LARGE:
            await trio.lowlevel.checkpoint()
            return msgspec.json.decode(body, type=kind)
        return await trio.to_thread.run_sync(_decode_large, body, kind, abandon_on_cancel=True)
    except BAD as error:
        raise not_understood(where, error) from error


def not_understood(where: str, error: Exception) -> TransferFailed:
    """Return the error for an answer from `where` that could not be decoded."""
    return TransferFailed(
        f"{where} answered something else than the JSON that was expected: {str(error)[:200]}",
        next_step="Check that the address is the right one, and the version of the program behind it.",
    )


def _decode_large(body: bytes, kind: type[T]) -> T:
    """Return the same as the decoder does, a list or those of a Struct item by item. Raises what it raises."""
    if get_origin(kind) is list:
        each = msgspec.json.Decoder(get_args(kind)[0])
        items: Any = [each.decode(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw])]
        return items  # type: ignore[no-any-return]
    split = _split(kind)  # type: ignore[arg-type]  # mypy thinks that a class may have no hash
    if split is None:
        return msgspec.json.decode(body, type=kind)
    rough = msgspec.json.decode(body, type=split.rough)
    values = {name: getattr(rough, name) for name in split.names}
    for name, decoder in split.items.items():
        if values[name] is not None:
            values[name] = [decoder.decode(item) for item in values[name]]
    return kind(**values)


class _Split(NamedTuple):
    """A Struct like another one whose lists hold the text of their items, and what decodes these, by field."""

    rough: Any
    names: tuple[str, ...]
    items: dict[str, msgspec.json.Decoder[Any]]


@lru_cache(maxsize=64)
def _split(kind: Any) -> _Split | None:
    """Return how to decode `kind` in pieces, or None where it has none."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    known = msgspec.structs.fields(kind)
    found = {field.name: item for field in known if (item := _item(field.type)) is not None}
    if not found:
        return None
    fields = [_rough(field, is_list=field.name in found) for field in known]
    renamed = {field.name: field.encode_name for field in known}
    rough = msgspec.defstruct(kind.__name__, fields, kw_only=True, rename=renamed)
    decoders = {name: msgspec.json.Decoder(item) for name, item in found.items()}
    return _Split(rough=rough, names=tuple(renamed), items=decoders)


def _item(kind: Any) -> Any:
    """Return what a list, or a list that may be missing, holds; None for anything else."""
    kinds = [each for each in _kinds(kind) if each is not types.NoneType]
    is_list = len(kinds) == 1 and get_origin(kinds[0]) is list
    return get_args(kinds[0])[0] if is_list else None


def _kinds(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in {types.UnionType, Union} else (kind,)


def _rough(field: msgspec.structs.FieldInfo, *, is_list: bool) -> Any:
    kind: Any = field.type
    if is_list:
        kind = list[msgspec.Raw] | None if types.NoneType in _kinds(kind) else list[msgspec.Raw]
    if field.required:
        return field.name, kind
    if field.default is not msgspec.NODEFAULT:
        return field.name, kind, field.default
    return field.name, kind, msgspec.field(default_factory=field.default_factory)
