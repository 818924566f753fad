"""What a pickle would do, without doing it: its opcodes are walked by `pickletools`, and nothing is ever loaded.

Only what the weights of a model need is known to be harmless: the opcodes that make plain containers, texts and
numbers, and a handful of names of PyTorch (torch/_weights_only_unpickler.py has a longer list, which was too long
before: CVE-2025-32434). A list of what is harmful always lacks something, so whatever else stands there makes a pickle
unsafe, and what cannot be walked is unsafe as well.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["STORAGES", "Pickle", "walk"]

_MOST_STEPS = 400_000
_SHOWN = 5
_REMEMBERED = 100
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.]{0,79}", re.ASCII)

# The name, the bytes of an element.
STORAGES = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8), "IntStorage": ("I32", 4), "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1), "BoolStorage": ("BOOL", 1), "ComplexFloatStorage": ("C64", 8),
    "ComplexDoubleStorage": ("C128", 16),
}  # fmt: skip
_HARMLESS = {
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
    *(f"torch.{name}" for name in STORAGES),
}
_TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING"}
_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1"}
_GETS = {"BINGET", "LONG_BINGET"}
_PUTS = {"BINPUT", "LONG_BINPUT"}
_OTHERS = {
    "PROTO", "FRAME", "MARK", "STOP", "NEWTRUE", "NEWFALSE", "BINFLOAT", "EMPTY_DICT", "EMPTY_LIST",
    "EMPTY_TUPLE", "EMPTY_SET", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "APPEND", "APPENDS", "SETITEM", "SETITEMS",
    "ADDITEMS", "REDUCE", "BUILD", "BINPERSID", "SHORT_BINBYTES", "BINBYTES",
}  # fmt: skip


@dataclass(slots=True)
class Pickle:
    """What was seen: where it ends, the tensors' storages by their keys, and what is dangerous about it."""

    end: int = 0
    storages: dict[str, tuple[str, int]] = field(default_factory=dict)
    dangers: Counter[str] = field(default_factory=Counter)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to tell of it; nothing where only tensors would come of it."""
        if not self.dangers:
            return ()
        named = ", ".join([*self.dangers][:_SHOWN])
        return (f"unsafe pickle: whoever loads it lets it use {named}",)


class _Walker:
    """Follows what would be pushed, as far as names and storages need it: the last texts, numbers and names in a row.

    Nothing that is allowed takes a text off again and leaves the one before it, so texts in a row are the top of the
    stack.
    """

    def __init__(self) -> None:
        self.found = Pickle()
        self._row: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _TEXTS or name in _NUMBERS or name == "NONE":
            self._push(argument)
        elif name in _GETS:
            self._push(self._memo.get(argument))
        elif name in _PUTS or name == "MEMOIZE":
            self._memo[len(self._memo) if argument is None else argument] = self._row[-1] if self._row else None
        elif name == "GLOBAL":
            self._name(str(argument).replace(" ", ".", 1))
        elif name == "STACK_GLOBAL":
            texts = self._row[-2:]
            is_plain = len(texts) == 2 and all(isinstance(each, str) for each in texts)  # noqa: PLR2004
            self._name(".".join(texts) if is_plain else "")
        elif name in _OTHERS:
            if name == "BINPERSID":
                self._storage()
            elif name == "TUPLE" and len(self._row) >= 5:  # noqa: PLR2004  # what names a storage
                # In the old form a sixth says of which other storage it is a part: of none.
                self._row = [tuple(self._row[:-1][-5:] if self._row[-1] is None else self._row[-5:])]
                return
            if name not in ("PROTO", "FRAME"):
                self._row = []
        else:
            self._danger(f"the opcode {name}")
            self._row = []

    def _push(self, value: Any) -> None:
        self._row = [*self._row[-5:], value]

    def _name(self, name: str) -> None:
        if name not in _HARMLESS:
            self._danger(name if _PLAIN_NAME.fullmatch(name) else "a name that it hides")
        self._push(_Named(name))

    def _storage(self) -> None:
        """Note the storage that a persistent id tells: ("storage", its type, its key, the device, its elements)."""
        told = self._row[-1] if self._row else None
        if isinstance(told, tuple) and len(told) == 5:  # noqa: PLR2004  # as told above
            word, kind, key, _, count = told
            known = STORAGES.get(kind.name.removeprefix("torch.")) if isinstance(kind, _Named) else None
            if word == "storage" and known and isinstance(key, str) and isinstance(count, int) and count >= 0:
                self.found.storages[key] = (kind.name.removeprefix("torch."), count)
                return
        self._danger("an object of its own")

    def _danger(self, what: str) -> None:
        if len(self.found.dangers) < _REMEMBERED:
            self.found.dangers[what] += 1


@dataclass(frozen=True, slots=True)
class _Named:
    """Something that was imported."""

    name: str


def walk(data: bytes, start: int = 0) -> Pickle | None:
    """Return what the pickle that begins at `start` would do, or None where it does not end in `data`, or never."""
    walker = _Walker()
    try:
        for number, (name, argument, at) in enumerate(_opcodes(data, start)):
            if number >= _MOST_STEPS:
                return None
            walker.step(name, argument)
            if name == "STOP":
                walker.found.end = at + 1
                return walker.found
    except (ValueError, ArithmeticError, LookupError):  # whatever pickletools makes of damaged bytes
        return None
    return None


def _opcodes(data: bytes, start: int) -> Iterator[tuple[str, Any, int]]:
    file = io.BytesIO(data)
    file.seek(start)
    for opcode, argument, at in pickletools.genops(file):
        yield opcode.name, argument, at or 0
