"""Both formats pass the suite that ships with papin."""

from __future__ import annotations

import pytest

from papin.formats import Format
from papin.testing.formats import FormatSuite
from papin_gguf.plugin import papin_formats

from .writer import ARRAY, BOOL, F32, F64, I64, STRING, U8, U64, Gguf, Pair, Tensor, number, text, tiny

GGUF, GGML = papin_formats()


class TestGguf(FormatSuite):
    @pytest.fixture
    def descriptor(self) -> Format:
        return GGUF

    @pytest.fixture
    def samples(self) -> tuple[bytes, ...]:
        return (
            Gguf().build(),
            tiny(),
            tiny(version=2),
            tiny(order=">"),
            Gguf(
                pairs=(
                    number("general.alignment", 1),
                    Pair("nan", F64, float("nan")),
                    Pair("most", U64, 2**64 - 1),
                    Pair("least", I64, -(2**63)),
                    Pair("none", ARRAY, (STRING, [])),
                    Pair("bytes", ARRAY, (U8, [1, 2, 3])),
                    Pair("flags", ARRAY, (BOOL, [True, False])),
                    Pair("floats", ARRAY, (F32, [1.5])),
                    text("odd", "\x1b[2J\u202e\u0000\ud7ff"),
                ),
                tensors=(Tensor("a", (3,), 24), Tensor("b", (), 24), Tensor("c", (0, 5), 0)),
                alignment=1,
            ).build(),
        )


class TestGgml(FormatSuite):
    @pytest.fixture
    def descriptor(self) -> Format:
        return GGML

    @pytest.fixture
    def samples(self) -> tuple[bytes, ...]:
        return tuple(magic + b"\1\0\0\0" + b"\7" * 32 for magic in (b"lmgg", b"fmgg", b"tjgg", b"algg"))
