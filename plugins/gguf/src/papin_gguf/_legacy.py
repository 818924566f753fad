"""Recognises what llama.cpp had before GGUF. Nothing but magic and version says what is in such a file.

The numbers behind the magic differ from program to program and have no names, so none is read: a guess would be taken
for a fact.
"""

from __future__ import annotations

from papin.errors import FormatInvalid
from papin.formats import Reading
from papin.models import Header
from papin_gguf._cursor import Cursor
from papin_gguf._refuse import truncated

_KINDS = {b"lmgg": ("ggml", ()), b"fmgg": ("ggmf", (1,)), b"tjgg": ("ggjt", (1, 2, 3)), b"algg": ("ggla", (1,))}
_LEAST = 8


def read(size: int) -> Reading:
    """Return the generator that reads the start of a legacy file of `size` bytes. Raises `FormatInvalid`."""
    if size < _LEAST:
        raise truncated(size, _LEAST)
    cursor = Cursor(size)
    magic = yield from cursor.read_bytes(4, 4)
    if magic not in _KINDS:
        raise FormatInvalid("the file is not in a legacy GGML format", next_step="Take a GGUF file of this model.")
    name, versions = _KINDS[magic]
    version = yield from cursor.read_u32()
    if versions and version not in versions:
        raise FormatInvalid(
            f"the file is not valid: there is no version {version} of {name.upper()}",
            next_step="It is damaged, or of another kind: take a GGUF file of this model.",
        )
    what = "A LoRA adapter" if name == "ggla" else "A model"
    return Header(
        format="ggml",
        version=f"{name} v{version}" if versions else name,
        header_bytes=_LEAST if versions else 4,
        warnings=(f"{what} in a format from before GGUF, which current programs do not load: take a GGUF file of it.",),
    )
