"""ONNX: what a model says, and everything that is wrong with one."""

import pytest

from papin.errors import FormatInvalid
from papin.testing import FormatSuite
from papin.testing.formats import drive
from papin_onnx.plugin import papin_formats

(FORMAT,) = papin_formats()


def varint(number):
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def pair(key, value):
    return block(1, key) + block(2, value)


def tensor(dims, kind=1, *, raw=None, packed=False, **outside):
    data = block(1, b"".join(map(varint, dims))) if packed else b"".join(number(1, each) for each in dims)
    data += number(2, kind) + block(8, "w")
    data += b"" if raw is None else block(9, bytes(raw))
    for key, value in outside.items():
        data += block(13, pair(key, value))
    return block(5, data + (number(14, 1) if outside else b""))


def model(*tensors, version=8, tail=b""):
    graph = block(1, block(4, "Relu")) + block(2, "main\x1b[2J") + b"".join(tensors) + block(11, block(1, "x"))
    head = number(1, version) + block(2, "pytorch") + block(3, "2.1")
    return head + block(7, graph) + block(8, number(2, 17)) + block(14, pair("task", "chat")) + tail


def verdict(data):
    return drive(FORMAT.read(len(data)), data)


WEIGHTS = (tensor([4, 8], 10, raw=64), tensor([3], 1, raw=12, packed=True), tensor([], 7, raw=8))


class TestOnnx(FormatSuite):
    @pytest.fixture
    def descriptor(self):
        return FORMAT

    @pytest.fixture
    def samples(self):
        return model(*WEIGHTS), model(), model(tensor([2, 2], 22, raw=2), tail=block(25, b"\x0a\x01f"))


def test_what_a_model_says():
    header = verdict(model(*WEIGHTS))
    assert (header.version, header.name) == ("8", "main\\x1b[2J")
    assert (header.parameters, header.tensors, header.tensor_bytes, header.quantization) == (36, 3, 84, "F16")
    assert header.metadata == {"producer_name": "pytorch", "task": "chat", "opset": 17, "inputs": "x"}


def test_weights_in_another_file_are_named():
    header = verdict(model(tensor([10], 1, location="model.onnx_data", offset="0", length="40")))
    assert header.warnings == ("its weights lie in model.onnx_data beside it",)
    assert header.tensor_bytes == 40


def test_weights_are_skipped_and_not_read():
    big = model(tensor([1 << 22], 1, raw=1 << 24), tensor([4], 1, raw=16))
    header, asked = counted(big)
    assert header.parameters == (1 << 22) + 4
    assert asked < 1 << 19


def counted(data, *, is_far=False):
    """Return the header, and how many bytes were read for it; from afar nothing is given that it can do without."""
    asked = 0
    reading = FORMAT.read(len(data))
    span = next(reading)
    while True:
        given = b"" if is_far and span.optional else data[span.offset : span.offset + span.length]
        asked += len(given)
        try:
            span = reading.send(given)
        except StopIteration as done:
            return done.value, asked


@pytest.mark.parametrize(
    "location",
    ["../x", "/etc/passwd", "C:\\x", "a/../../x", "..", "", "a\0b", "\\\\srv\\x", "-x", "a//b"],
)
def test_weights_anywhere_else_are_refused(location):
    with pytest.raises(FormatInvalid, match="said to lie"):
        verdict(model(tensor([1], 1, location=location)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        number(1, 8),
        number(1, 8) + block(2, "x"),
        model(tensor([2], 1, raw=7)),
        model(tensor([2], 99, raw=8)),
        model(tensor([1] * 100, 1, raw=4)),
        model(tensor([2**63], 1, raw=8)),
        model(tensor([1], 1, location="ok", offset="-5")),
        model(tensor([1], 1, location="ok", length="many")),
        model(tail=b"\x80" * 11),
        model(tail=b"\x0b"),
        model(tail=b"\x00\x01"),
        model(tail=varint(6 << 3 | 2) + varint(1 << 31)),
        model(tail=varint(6 << 3 | 2) + varint(2**64 - 1)),
        model(*WEIGHTS)[:-3],
        number(1, 8) + varint(7 << 3 | 2) + varint(1 << 40),
    ],
    ids=range(16),
)
def test_what_is_wrong_is_refused(data):
    with pytest.raises(FormatInvalid):
        verdict(data)


def test_deep_nesting_costs_nothing():
    inner = b""
    for _ in range(10_000):
        inner = block(1, inner)
    verdict(number(1, 8) + block(7, block(1, inner)))


def test_fields_in_another_order_say_the_same():
    usual = model(*WEIGHTS)
    head = number(1, 8) + block(2, "pytorch")
    other = head + usual[len(head) :] + b""
    assert verdict(other) == verdict(usual)
    late = block(14, pair("task", "chat")) + usual.replace(block(14, pair("task", "chat")), b"")
    assert verdict(late).metadata == {"task": "chat", "producer_name": "pytorch", "opset": 17, "inputs": "x"}


def test_operators_of_others_are_no_version_of_onnx():
    header = verdict(model(tail=block(8, block(1, "com.microsoft") + number(2, 1))))
    assert header.metadata["opset"] == 17


def test_inputs_without_end_are_not_all_kept():
    header = verdict(number(1, 8) + block(7, block(11, block(1, "i" * 1000)) * 10_000))
    assert len(header.metadata["inputs"]) < 10_000


def test_of_a_file_on_a_server_what_stands_before_the_weights_is_known():
    big = model(tensor([1 << 22], 1, raw=1 << 24), tensor([4], 1, raw=16))
    header, asked = counted(big, is_far=True)
    assert asked == 1 << 16
    assert (header.version, header.name, header.metadata) == ("8", "main\\x1b[2J", {"producer_name": "pytorch"})
    assert (header.parameters, header.quantization) == (None, ""), "what was seen of the weights is no whole"
    assert header.warnings == ("only what stands before its weights was read",)
