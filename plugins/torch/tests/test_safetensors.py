"""safetensors: what a header says, and everything that is wrong with one."""

import json

import pytest

from papin.errors import FormatInvalid
from papin.testing import FormatSuite
from papin.testing.formats import drive
from papin_torch.plugin import papin_formats

FORMAT = next(each for each in papin_formats() if each.name == "safetensors")


def build(tensors, metadata=None, *, data=None, pad=0):
    told = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, (dtype, shape, size) in tensors.items():
        told[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(told).encode() + b" " * pad
    return len(text).to_bytes(8, "little") + text + bytes(at if data is None else data)


def raw(text, data=0):
    return len(text).to_bytes(8, "little") + text + bytes(data)


def verdict(data):
    return drive(FORMAT.read(len(data)), data)


SMALL = {"a": ("F16", [4, 8], 64), "b": ("F32", [3], 12), "scalar": ("BF16", [], 2), "none": ("I64", [0, 5], 0)}


class TestSafetensors(FormatSuite):
    @pytest.fixture
    def descriptor(self):
        return FORMAT

    @pytest.fixture
    def samples(self):
        return build(SMALL, {"format": "pt", "note": "a\x1b[31mb"}), build({}), build(SMALL, pad=7)


def test_what_a_header_says():
    header = verdict(build(SMALL, {"format": "pt"}))
    assert (header.parameters, header.tensors, header.tensor_bytes) == (32 + 3 + 1, 4, 78)
    assert (header.quantization, header.metadata) == ("F16", {"format": "pt"})


@pytest.mark.parametrize(
    "data",
    [
        raw(b"{}")[:9],
        (2**64 - 1).to_bytes(8, "little") + b"{}",
        (1 << 40).to_bytes(8, "little") + b"{" + bytes(100),
        raw(b"[]"),
        raw(b" {}"),
        raw(b"\xff\xfe"),
        raw(b"{" * 100_000),
        raw(b'{"a":' * 50_000),
        raw(b'{"a": 1e999}'),
        raw(b'{"a": {"dtype": "F16", "shape": [NaN], "data_offsets": [0, 2]}}', 2),
        raw(b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2], "x": 1}}', 2),
        raw(b'{"__metadata__": {"a": 1}}'),
        raw(b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [2, 4]}}', 4),
        raw(b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [2, 0]}}', 2),
        raw(b'{"a": {"dtype": "F16", "shape": [-1], "data_offsets": [0, 2]}}', 2),
        raw(b'{"a": {"dtype": "F16", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}'),
        raw(b'{"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 2]}}', 2),
        build({"a": ("F4", [3], 2)}),
        build({"a": ("F16", [2], 6)}),
        build({"a": ("F16", [2], 4)}, data=3),
        build({"a": ("F16", [2], 4)}, data=5),
    ],
    ids=range(21),
)
def test_what_is_wrong_is_refused(data):
    with pytest.raises(FormatInvalid):
        verdict(data)


def test_two_tensors_of_one_name_leave_a_gap():
    text = (
        b'{"a": {"dtype":"U8","shape":[4],"data_offsets":[0,4]}, "a": {"dtype":"U8","shape":[4],"data_offsets":[4,8]}}'
    )
    with pytest.raises(FormatInvalid):
        verdict(raw(text, 8))


def test_a_header_that_would_fill_the_memory_is_not_read():
    reading = FORMAT.read(1 << 40)
    next(reading)
    with pytest.raises(FormatInvalid, match="larger than papin reads"):
        reading.send((90_000_000).to_bytes(8, "little"))


def test_the_parts_of_a_model_are_one():
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    (found,) = FORMAT.group(names)
    assert (found.name, found.files) == ("model.safetensors", tuple(names))
    header = verdict(build(SMALL))
    joined = FORMAT.join(dict.fromkeys(names, header))
    assert (joined.parameters, joined.tensors) == (72, 8)
    with pytest.raises(FormatInvalid, match="00002-of-00002"):
        FORMAT.join({names[0]: header})
