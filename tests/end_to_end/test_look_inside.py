"""Looking into a model that is still on a server: how little is asked for, and what is made of servers that lie."""

import io
import json
import struct
import zipfile

import pytest
import trio

from papin.kernel import open_kernel
from papin.testing.fault_scripts import endless, lying_length, no_range, redirect, refuse, text
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import wanted

KIB = 1024
VOCABULARY = 1 << 18


def large_gguf() -> tuple[bytes, int]:
    """Return a GGUF with a vocabulary of 256 k and the beginning of its weights, and the length of its header."""

    def string(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    numbers = {b"block_count": 32, b"embedding_length": 4096, b"attention.head_count": 32, b"context_length": 40960}
    pairs = string(b"general.architecture") + struct.pack("<I", 8) + string(b"llama")
    for key, number in numbers.items():
        pairs += string(b"llama." + key) + struct.pack("<II", 4, number)
    pairs += string(b"tokenizer.chat_template") + struct.pack("<I", 8) + string(b"{{ messages }}")
    pairs += string(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, VOCABULARY)
    pairs += b"".join(string(b"%07d" % number) for number in range(VOCABULARY))
    tensor = string(b"token_embd.weight") + struct.pack("<IQIQ", 1, 1 << 20, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(numbers) + 3) + pairs + tensor
    return head + bytes(-len(head) % 32 + (4 << 20)), len(head)


@pytest.fixture
async def kernel(environ):
    async with open_kernel(environ=environ) as kernel:
        yield kernel


@pytest.fixture
def show(kernel, shelf):
    async def look(name, *files):
        shelf(name, *files)
        with trio.fail_after(60):
            return await kernel.discovery.show(f"shelf:{name}")

    return look


async def test_a_vocabulary_of_256_k_takes_two_requests_and_its_header_alone(show):
    body, header_bytes = large_gguf()
    async with fault_server(body) as server:
        page = await show("big", wanted("big.gguf", server.url, body=body))
        assert (page.header.vocabulary, page.header.layers, page.header.context_length) == (VOCABULARY, 32, 40960)
        assert page.header.has_chat_template
        assert (page.entry.architecture, page.entry.context_length) == ("llama", 40960), "its catalog told neither"
        assert len(server.requests) == 2
        # What is on its way when the connection is closed was sent as well: the buffers of two sockets.
        assert server.sent <= header_bytes + 64 * KIB + 512 * KIB
        assert page.variants[0].memory > len(body) + 32 * 4096 * 4096 * 2 * 2, "the cache of 4096 tokens counts"
        again = await show("big", wanted("big.gguf", server.url, body=body))
        assert (again.header, len(server.requests)) == (page.header, 2)


async def test_a_small_header_takes_one_request(show):
    body = tiny_gguf(1, 1 << 20)
    async with fault_server(body) as server:
        page = await show("tiny", wanted("tiny.gguf", server.url))
        assert page.header.architecture == "llama"
        assert len(server.requests) == 1
        assert server.sent <= 64 * KIB
        await show("tiny", wanted("tiny.gguf", server.url))
        assert len(server.requests) == 2, "without a digest the validator is asked for"


def onnx_blocks(count: int, weights: int) -> bytes:
    """Return an ONNX model of 3000 nodes and `count` tensors of `weights` bytes, each in the file itself."""

    def block(field: int, data: bytes) -> bytes:
        length, size = bytearray(), len(data)
        while size > 0x7F:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        return bytes([field << 3 | 2, *length, size]) + data

    nodes = block(1, block(1, b"x" * 40) + block(4, b"MatMul")) * 3000
    tensor = block(5, b"\x08" + bytes([0x80 | weights & 0x7F, 0x80 | weights >> 7 & 0x7F, weights >> 14])
                   + b"\x10\x03" + block(9, bytes(weights)))  # fmt: skip
    inputs = block(11, block(1, b"input_ids"))
    return b"\x08\x08" + block(2, b"pytorch") + block(7, nodes + block(2, b"main") + tensor * count + inputs)


async def test_of_an_onnx_model_what_stands_before_its_weights_takes_two_requests(show):
    body = onnx_blocks(60, 500_000)
    async with fault_server(body) as server:
        page = await show("graph", wanted("model.onnx", server.url, body=body))
        assert (page.header.format, page.header.version, page.header.name) == ("onnx", "8", "main")
        assert page.header.metadata == {"producer_name": "pytorch"}
        assert len(server.requests) == 2
        # 3000 nodes, what may be skipped, and the buffers of two sockets
        assert server.sent <= 1 << 20
        assert page.variants[0].memory, "its size still tells what it needs"


async def test_of_an_onnx_model_with_little_in_it_all_is_known(show):
    body = onnx_blocks(2, 20_000)
    async with fault_server(body) as server:
        page = await show("graph", wanted("model.onnx", server.url, body=body))
        assert (page.header.parameters, page.header.metadata["inputs"]) == (40_000, "input_ids")
        assert len(server.requests) == 2


async def test_of_a_pickle_on_a_server_both_ends_are_read_and_its_danger_is_told(show):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00idtR.")
        made.writestr("archive/data/0", bytes(8 << 20))
    body = file.getvalue()
    async with fault_server(body) as server:
        page = await show("evil", wanted("pytorch_model.bin", server.url, body=body))
        assert page.header.format == "pytorch"
        assert page.header.warnings == ("unsafe pickle: whoever loads it lets it use os.system",)
        assert len(server.requests) == 2
        assert server.sent <= 128 * KIB


async def test_what_no_catalog_tells_the_size_of_is_asked_of_its_server_once(environ, shelf):
    body = tiny_gguf(1, 1 << 20)
    async with fault_server(body) as server, open_kernel(environ=environ) as kernel:
        shelf("parts", wanted("tiny.gguf", server.url), wanted("mmproj.gguf", f"{server.origin}/mmproj.gguf"))
        page = await kernel.discovery.show("shelf:parts")
        (judged,) = page.variants
        assert (judged.variant.size, judged.fit) == (2 * len(body), "memory")
        assert [file.size for file in judged.variant.files] == [None, None], "which nobody promised"
        assert [request.method for request in server.requests] == ["GET", "HEAD"]
        (card,) = (await kernel.discovery.search("parts fits:yes")).cards
        assert card.memory, "what was found out is known to the next search"


@pytest.mark.parametrize("script", [refuse(404), refuse(403), lying_length(1 << 62)], ids=["missing", "gated", "lie"])
async def test_a_size_that_no_server_tells_stays_unknown(show, script):
    async with fault_server(tiny_gguf(), default=script) as server:
        page = await show("odd", wanted("odd.gguf", server.url))
        assert page.variants[0].variant.size is None
        assert page.variants[0].note == "its size is not known"


async def test_a_server_without_ranges_is_listened_to_as_long_as_need_be(show):
    body, _ = large_gguf()
    async with fault_server(body, default=no_range()) as server:
        page = await show("big", wanted("big.gguf", server.url))
        assert page.header.vocabulary == VOCABULARY
        assert len(server.requests) == 1


async def test_after_a_redirect_the_next_request_goes_there_at_once(show):
    body, _ = large_gguf()
    async with fault_server(body) as server:
        server.play(redirect(f"{server.origin}/elsewhere.gguf"))
        page = await show("big", wanted("big.gguf", server.url))
        assert page.header.vocabulary == VOCABULARY
        assert [request.target for request in server.requests][1:] == ["/elsewhere.gguf"] * 2


@pytest.mark.parametrize(
    "script",
    [
        refuse(404),
        refuse(403),
        text(200, b"<html>Log in</html>", {"Content-Type": "text/html"}),
        text(206, b"GGUF" + bytes(100), {"Content-Range": "bytes 0-103/nonsense"}),
        text(206, b"GGUF" + b"\xff" * 100, {"Content-Range": f"bytes 0-103/{1 << 40}"}),
        endless(),
        lying_length(1 << 62),
    ],
    ids=["missing", "gated", "page", "no size", "nonsense", "endless", "lie"],
)
async def test_what_cannot_be_looked_into_is_shown_without(show, script):
    async with fault_server(tiny_gguf(), default=script) as server:
        page = await show("odd", wanted("odd.gguf", server.url))
        assert page.header is None
        assert page.variants
        assert server.sent < 80 << 20


async def test_a_part_that_is_larger_than_what_was_asked_for_is_not_taken(show):
    lie = text(206, b"GGUF" + bytes(60 << 20), {"Content-Range": f"bytes 0-65535/{1 << 30}"})
    async with fault_server(tiny_gguf(), default=lie) as server:
        assert (await show("odd", wanted("odd.gguf", server.url))).header is None
        assert server.sent < 8 << 20, "the buffers of two sockets, and no more"


async def test_safetensors_of_untold_type_are_of_the_type_that_their_header_tells(kernel, show):
    head = json.dumps({"w": {"dtype": "F32", "shape": [1024], "data_offsets": [0, 4096]}}).encode()
    body = struct.pack("<Q", len(head)) + head + bytes(4096)
    async with fault_server(body) as server:
        page = await show("tensors", wanted("model.safetensors", server.url, body=body))
        (judged,) = page.variants
        assert (judged.variant.quantization, judged.variant.bits_per_weight) == ("F32", 32.0)
        assert page.entry.variants == (judged.variant,)
        (card,) = (await kernel.discovery.search("quant:f32")).cards
        assert (card.entry.name, card.entry.variants[0].quantization) == ("tensors", "F32")
