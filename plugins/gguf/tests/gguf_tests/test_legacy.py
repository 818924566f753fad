"""The formats from before GGUF: recognised by their magic, never guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from papin.errors import FormatInvalid
from papin.formats import read_file
from papin.testing.formats import drive
from papin_gguf._legacy import read
from papin_gguf.plugin import papin_formats

from .writer import tiny

FORMATS = tuple(papin_formats())


@pytest.mark.parametrize(
    ("magic", "number", "version"),
    [
        (b"lmgg", 32000, "ggml"),
        (b"lmgg", 0xFFFFFFFF, "ggml"),
        (b"fmgg", 1, "ggmf v1"),
        (b"tjgg", 1, "ggjt v1"),
        (b"tjgg", 2, "ggjt v2"),
        (b"tjgg", 3, "ggjt v3"),
        (b"algg", 1, "ggla v1"),
    ],
)
def test_kind_and_version_are_told_and_nothing_else(magic: bytes, number: int, version: str) -> None:
    data = magic + number.to_bytes(4, "little") + b"\xff" * 100
    header = drive(read(len(data)), data)
    assert (header.format, header.version) == ("ggml", version)
    assert (header.parameters, header.architecture, header.quantization, header.expected_size) == (None, "", "", None)
    assert "take a GGUF file" in header.warnings[0]


@pytest.mark.parametrize(
    "data",
    [
        b"lmgg",
        b"tjgg\3\0\0",
        b"tjgg\4\0\0\0" + b"\0" * 50,
        b"tjgg\0\0\0\0" + b"\0" * 50,
        b"fmgg\2\0\0\0" + b"\0" * 50,
        b"algg\xff\xff\xff\xff",
        b"GGUF\3\0\0\0",
    ],
)
def test_what_is_none_of_them_is_refused(data: bytes) -> None:
    with pytest.raises(FormatInvalid) as caught:
        drive(read(len(data)), data)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("name", "data", "expected"), [("model.gguf", b"tjgg\3\0\0\0" + b"\0" * 50, "ggml"), ("model.bin", tiny(), "gguf")]
)
def test_content_counts_and_not_the_name(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert read_file(FORMATS, path).format == expected
