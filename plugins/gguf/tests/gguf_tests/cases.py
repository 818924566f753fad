"""The hostile and odd files of the fault list, each with its verdict: a word of the refusal, or None where it loads."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from .writer import (
    ARRAY,
    BOOL,
    F32,
    I32,
    LLAMA,
    STRING,
    U8,
    U16,
    U32,
    U64,
    Gguf,
    Pair,
    Tensor,
    number,
    text,
    tiny,
)

I32_MAX = 2**31 - 1
I64_MAX = 2**63 - 1
U64_MAX = 2**64 - 1

Case = tuple[str, bytes, str | None]


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def one(tensor: Tensor, **changes: Any) -> bytes:
    return Gguf(tensors=(tensor,), **changes).build()


def pair(raw: bytes, key: str = "k") -> bytes:
    return Gguf(pairs=(Pair(key, raw=raw),)).build()


def llama_cpp() -> Iterator[Case]:
    """The hand-made cases of llama.cpp's test-gguf, by their names."""
    yield "HEADER_BAD_MAGIC", tiny(magic=b"FUGG"), "does not begin with GGUF"
    yield "HEADER_BAD_VERSION_0", tiny(version=0), "version 0"
    yield "HEADER_BAD_VERSION_1", tiny(version=1), "version 1"
    yield "HEADER_BAD_VERSION_FUTURE", tiny(version=4), "version 4"
    yield "HEADER_BAD_N_KV", tiny(pair_count=-1), "key/value pairs"
    yield "HEADER_BAD_N_TENSORS", tiny(tensor_count=-1), "tensors"
    yield "HEADER_EMPTY", Gguf().build(), None
    yield "KV_BAD_KEY_SIZE", Gguf(pairs=(Pair("k", key_length=U64_MAX),)).build(), "a key has"
    yield "KV_EMPTY_KEY", Gguf(pairs=(number("", 1),)).build(), "a key has 0"
    yield "KV_BAD_TYPE", pair(u32(13) + u64(0)), "unknown type 13"
    yield "KV_DUPLICATE_KEY", Gguf(pairs=(number("k", 1), number("k", 1))).build(), "twice"
    yield "KV_BAD_ALIGN", Gguf(pairs=(number("general.alignment", 13),)).build(), "power of two"
    yield "KV_WRONG_TYPE_ALIGN", Gguf(pairs=(Pair("general.alignment", I32, 32),)).build(), "must be uint32"
    yield "KV_SUCCESS", Gguf(pairs=LLAMA).build(), None
    yield "TENSORS_BAD_NAME_SIZE", one(Tensor("n" * 64)), "64 bytes"
    yield "TENSORS_BAD_N_DIMS", one(Tensor("t", (2, 2, 2, 2, 2))), "5 dimensions"
    yield "TENSORS_BAD_SHAPE", one(Tensor("t", (-1, 2), offset=0), data=b""), "negative"
    yield "TENSORS_NE_TOO_BIG", one(Tensor("t", (4 * I32_MAX, 4 * I32_MAX)), data=b""), "more weights"
    yield "TENSORS_NBYTES_TOO_BIG", one(Tensor("t", (I32_MAX, I32_MAX, 2), 27), data=b""), "more bytes"
    yield "TENSORS_BAD_TYPE", one(Tensor("t", code=999)), "unknown type 999"
    yield "TENSORS_BAD_OFFSET", one(Tensor("t", offset=-1)), "is at"
    yield "TENSORS_DUPLICATE_NAME", Gguf(tensors=(Tensor("t"), Tensor("t"))).build(), "twice"
    yield "TENSORS_BAD_ALIGN", one(Tensor("t"), pairs=(number("general.alignment", 13),)), "power of two"
    two = (Tensor("a", (3,)), Tensor("b", (3,)))
    fine = (number("general.alignment", 1),)
    yield "TENSORS_INCONSISTENT_ALIGN", Gguf(tensors=two, pairs=fine).build(), "must be at 12"
    yield "TENSORS_ZERO_DIM", one(Tensor("t", (0, 7))), None
    yield "TENSORS_SUCCESS", Gguf(tensors=two).build(), None
    yield "TENSORS_CUSTOM_ALIGN", Gguf(tensors=two, pairs=fine, alignment=1).build(), None
    yield "DATA_NOT_ENOUGH_DATA", one(Tensor("t", (32, 2)), cut=1), "truncated"
    yield "DATA_BAD_ALIGN", tiny(pairs=(number("general.alignment", 13),)), "power of two"
    yield "DATA_INCONSISTENT_ALIGN", tiny(pairs=fine), "must be at"
    huge = (Tensor("a", (I64_MAX - 63,), 24), Tensor("b", (I64_MAX - 63,), 24))
    yield "DATA_MEM_SIZE_OVERFLOW", Gguf(tensors=huge, data=b"").build(), "larger than any file"
    yield "DATA_SUCCESS", tiny(), None
    yield "DATA_CUSTOM_ALIGN", tiny(pairs=fine, alignment=1), None


def others() -> Iterator[Case]:
    """The cases of Ollama and of gguf-parser-go, and what advisories tell of."""
    yield "four_byte_file", b"GGUF", "truncated"
    yield "v1_zero_length_string", tiny(version=1, pairs=(text("k", ""),)), "version 1"
    yield "oversized_string", pair(u32(STRING) + u64(1 << 62)), "truncated"
    yield "string_of_all_ones", pair(u32(STRING) + u64(U64_MAX)), "truncated"
    yield "string_of_a_gibibyte", pair(u32(STRING) + u64(1 << 30)), "truncated"
    yield "oversized_array", pair(u32(ARRAY) + u32(U8) + u64(1 << 62)), "truncated"
    yield "array_len_max_u8", pair(u32(ARRAY) + u32(U8) + u64(U64_MAX)), "truncated"
    yield "array_len_overflow_u64", pair(u32(ARRAY) + u32(U64) + u64((1 << 61) + 1)), "truncated"
    yield "array_of_2_24_strings", pair(u32(ARRAY) + u32(STRING) + u64(1 << 24)), "strings"
    yield "array_of_missing_strings", pair(u32(ARRAY) + u32(STRING) + u64(5) + u64(0) * 4), "truncated"
    yield "array_string_all_ones", pair(u32(ARRAY) + u32(STRING) + u64(2) + u64(U64_MAX) * 2), "truncated"
    yield "array_string_past_the_end", pair(u32(ARRAY) + u32(STRING) + u64(2) + u64(9) * 2), "truncated"
    yield "nested_array", pair(u32(ARRAY) + u32(ARRAY) + u64(1) + u32(U8) + u64(0)), "array of array"
    deep = b"".join(u32(ARRAY) + u64(1) for _ in range(10_000))
    yield "deeply_nested_array", pair(u32(ARRAY) + deep + u32(U8) + u64(0)), "array of array"
    yield "array_of_unknown_type", pair(u32(ARRAY) + u32(13) + u64(0)), "unknown type 13"
    yield "array_of_type_all_ones", pair(u32(ARRAY) + u32(0xFFFFFFFF) + u64(1)), "unknown type"
    yield "zero_alignment", Gguf(pairs=(number("general.alignment", 0),)).build(), "power of two"
    yield "alignment_of_two_gibibytes", tiny(pairs=(number("general.alignment", 1 << 31),)), "must be at"
    yield "alignment_is_a_string", Gguf(pairs=(text("general.alignment", "32"),)).build(), "must be uint32"
    yield (
        "alignment_twice",
        Gguf(pairs=(number("general.alignment", 8), number("general.alignment", 16))).build(),
        "twice",
    )
    yield "elements_overflow", one(Tensor("t", (1 << 32, 1 << 32)), data=b""), "more weights"
    yield "elements_wrap_to_small", one(Tensor("t", (1 << 32, 1 << 32, 1 << 32, 4)), data=b""), "more weights"
    yield "zero_hides_overflow", one(Tensor("t", (0, 1 << 62, 1 << 62)), data=b""), "more weights"
    yield "too_many_dimensions", one(Tensor("t", (1,), dimensions=0xFFFFFFFF)), "4294967295 dimensions"
    yield "row_is_no_whole_block", one(Tensor("t", (33, 2), 2)), "whole blocks of 32"
    yield "row_of_k_quant_is_no_whole_block", one(Tensor("t", (128, 2), 12)), "whole blocks of 256"
    yield "scalar_of_a_block_type", one(Tensor("t", (), 2)), "whole blocks"
    yield "type_removed", one(Tensor("t", code=31)), "Q4_0_4_4"
    yield "type_gap", one(Tensor("t", code=5)), "Q4_3"
    yield "no_data_at_all", one(Tensor("t"), data=b""), "truncated"
    yield "half_of_the_data", tiny(cut=400), "truncated"
    yield "tensor_far_behind_the_file", one(Tensor("t", (1 << 40,), 24), data=b"x"), "truncated"
    yield "offset_all_ones", one(Tensor("t", offset=U64_MAX)), "is at"
    yield "offset_unaligned", Gguf(tensors=(Tensor("a"), Tensor("b", offset=257))).build(), "is at 257"
    yield "offset_overlaps", Gguf(tensors=(Tensor("a"), Tensor("b", offset=0))).build(), "is at 0"
    yield "offset_leaves_a_hole", Gguf(tensors=(Tensor("a"), Tensor("b", offset=1024))).build(), "is at 1024"
    yield "tensor_name_80", one(Tensor("n" * 80)), "80 bytes"
    yield "tensor_name_all_ones", one(Tensor("n", name_length=U64_MAX)), "name of a tensor"
    yield "count_of_tensors_past_the_end", tiny(tensor_count=1000), "truncated"
    yield "count_of_pairs_past_the_end", tiny(pair_count=1000), "truncated"
    yield "count_of_tensors_2_40", tiny(tensor_count=1 << 40), "tensors"
    yield "count_of_pairs_2_40", tiny(pair_count=1 << 40), "pairs"
    yield "one_pair_fewer", tiny(pair_count=len(LLAMA) - 1), ""
    yield "key_of_64_kib", Gguf(pairs=(number("k" * 65536, 1),)).build(), "65536 bytes"
    yield "key_of_65535", Gguf(pairs=(number("k" * 65535, 1),)).build(), None
    yield "key_with_nul", Gguf(pairs=(number("a\0b", 1),)).build(), "unprintable"
    yield "key_with_newline", Gguf(pairs=(number("a\nb", 1),)).build(), "unprintable"
    yield "key_with_delete", Gguf(pairs=(number("a\x7fb", 1),)).build(), "unprintable"
    yield "key_not_utf8", Gguf(pairs=(Pair(b"a\xff", value=1),)).build(), "unprintable"
    yield "key_turns_the_line", Gguf(pairs=(number("a\u202eb", 1),)).build(), "unprintable"
    yield "key_in_another_script", Gguf(pairs=(number("schl\u00fcssel", 1),)).build(), None
    yield "wrong_types_of_known_keys", Gguf(pairs=ODD).build(), None
    yield "bool_of_255", pair(u32(BOOL) + b"\xff"), None
    yield "version_of_all_ones", tiny(version=0xFFFFFFFF), "version"
    yield "big_endian_version_4", tiny(order=">", version=4), "version 4"
    yield "big_endian", tiny(order=">"), None
    yield "version_2", tiny(version=2), None
    yield "no_padding_at_the_end", one(Tensor("t", (3,), 24), cut=29), None
    yield "more_than_the_data", tiny() + b"x" * 1000, None
    yield "shard_behind_the_last", Gguf(pairs=split(3, 3)).build(), "part 4 of 3"
    yield "shard_of_none", Gguf(pairs=split(0, 0)).build(), None
    yield "shard_of_65536", Gguf(pairs=split(0, 1 << 16, U32)).build(), "part 1 of 65536"


ODD = (
    Pair("general.architecture", U8, 7),
    Pair("general.name", ARRAY, (STRING, ["a"])),
    Pair("general.file_type", F32, 2.0),
    text("7.block_count", "many"),
    Pair("llama.attention.head_count", BOOL, True),
    Pair("tokenizer.ggml.tokens", F32, 1.0),
    Pair("tokenizer.chat_template", U32, 1),
)


def split(number_: int, count: int, kind: int = U16) -> tuple[Pair, ...]:
    return (Pair("split.no", kind, number_), Pair("split.count", kind, count))


CASES = (*llama_cpp(), *others())
