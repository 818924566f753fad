"""Bodies in chunks, next to what h11 makes of the same bytes, however they are cut and into whatever buffers they go."""

from __future__ import annotations

import random
from itertools import cycle

import h11
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from papin._http._chunks import BadChunk, Dechunker
from papin._http._head import Head
from papin.errors import TransferFailed
from papin.http import Http

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def by_h11(raw):
    """What h11 takes from it: the body so far, and whether that was all; None for what it refuses."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(HEAD + raw)
    body = bytearray()
    try:
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return bytes(body), True
    except h11.RemoteProtocolError:
        return None
    return bytes(body), False


def by_papin(raw, cuts=(1 << 20,), sizes=(1 << 20,)):
    """The same by papin, given pieces of `cuts` bytes and taken into buffers of `sizes` bytes."""
    chunks, cuts, sizes = Dechunker(), cycle(cuts), cycle(sizes)
    body = bytearray()
    left = memoryview(raw)
    try:
        while not chunks.has_ended:
            out = memoryview(bytearray(next(sizes)))
            count = chunks.take(out)
            body += out[:count]
            if count:
                continue
            if chunks.straight and left:
                count = min(chunks.straight, len(left), len(out))
                body += left[:count]
                chunks.skip(count)
            else:
                count = min(next(cuts), len(left), len(chunks.room()))
                chunks.room()[:count] = left[:count]
                chunks.came(count)
            left = left[count:]
            if not count and not chunks.has_ended:
                return bytes(body), False
    except BadChunk:
        return None
    return bytes(body), True


def encode(pieces, line=b"%x%b", extensions=(b"",), trailers=b""):
    extra = cycle(extensions)
    return b"".join(line % (len(each), next(extra)) + b"\r\n" + each + b"\r\n" for each in pieces) + (
        b"0\r\n" + trailers + b"\r\n"
    )


small = st.lists(st.binary(min_size=1, max_size=40), max_size=30)
alike = st.builds(
    lambda one, count, size: [one[:size]] * count,
    st.binary(min_size=20, max_size=20),
    st.integers(1, 60),
    st.integers(1, 20),
)
several = st.lists(small | alike, min_size=1, max_size=4).map(lambda lists: [each for one in lists for each in one])
positive = st.lists(st.integers(1, 300), min_size=1, max_size=6)
raws = st.builds(
    encode,
    several,
    line=st.sampled_from([b"%x%b", b"%X%b", b"%03x%b"]),
    extensions=st.lists(st.sampled_from([b"", b";a", b';a="b c"', b" ", b"; x\t"]), min_size=1, max_size=3),
    trailers=st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: \r\nB:c d\r\n"]),
)


@given(raws, positive, positive)
def test_what_is_proper_is_read_as_h11_reads_it(raw, cuts, sizes):
    body, ended = by_h11(raw)
    assert ended
    assert by_papin(raw, cuts, sizes) == (body, True)


@given(raws, st.data())
def test_what_is_improper_is_never_read_as_more_than_h11_reads(raw, data):
    """A byte is replaced, put in or left out anywhere."""
    at = data.draw(st.integers(0, len(raw) - 1))
    put = data.draw(
        st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"0", b"1", b"g", b";", b" ", b"\0", b"-", b"_", b"x"])
    )
    raw = raw[:at] + put + raw[at + data.draw(st.integers(0, 1)) :]
    ours, theirs = by_papin(raw, data.draw(positive), data.draw(positive)), by_h11(raw)
    if theirs is None:
        assert ours is None or not ours[1]
    elif ours is not None:
        # h11 takes a bare LF for the end of a trailer.
        assert ours in (theirs, (theirs[0], False))


@pytest.mark.parametrize("size", [1, 2, 127, 128, 129, 5000, 100_000, 400_000])
def test_many_chunks_that_are_alike_and_one_that_is_not(size):
    pieces = [bytes([number % 251]) * size for number in range(max(400_000 // size, 5))]
    pieces[-3] += b"more"
    assert by_papin(encode(pieces)) == (b"".join(pieces), True)


@pytest.mark.parametrize("longest", [2, 15, 300])
@pytest.mark.parametrize("odd", [b"\r\n", b"\r", b"\n", b"\r\n1", b"1\r\n", b"1\r\n\r\n1\r\n"])
def test_many_short_chunks_of_any_sizes_with_line_breaks_in_them(longest, odd):
    chance = random.Random(1)
    pieces = [chance.randbytes(chance.randint(1, longest)) for _ in range(6_000)]
    for at in (0, 1, 500, 501, 5_999):
        pieces[at] = odd
    raw = encode(pieces)
    assert by_papin(raw) == (b"".join(pieces), True)
    assert by_papin(raw, [1000], [77]) == (b"".join(pieces), True)


@pytest.mark.parametrize(
    "raw",
    [
        b"5" + b" " * 5000 + b"\r\n",
        b"x" * 5000,
        b"\r\n",
        b"-1\r\nx",
        b"0x5\r\nhello",
        b"1_0\r\n" + bytes(16),
        b"5;a\x01\r\nhello",
        b"f" * 17 + b"\r\n",
        b"2\r\nabc\r\n",
        b"1\r\na\n\n",
        b"1\r\na\r\n" * 100 + b"1\r\naX\r\n",
        b"1\r\na\r\n2\r\nab\r\n" * 100 + b"2\r\na\r\n2\r\n",
        b"1\r\na\r\n2\r\nab\r\n" * 100 + b"\r\nabc\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 20_000,
        b"0\r\na: " + b"b" * (70 << 10),
        encode([b"x"] * 4000, extensions=[b";" + b"y" * 60]),
        encode([b"x"] * 4000, extensions=[b";" + b"y" * 60, b";" + b"z" * 61]),
    ],
)
def test_what_is_refused(raw):
    assert by_papin(raw) is None
    assert by_papin(raw, [100], [7]) is None


@given(st.data())
def test_a_head_ends_where_h11_says_so(data):
    ahead = data.draw(st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]))
    head = data.draw(st.sampled_from([HEAD, b"HTTP/1.1 200 OK\n\n", b"HTTP/1.0 404 \r\nA: b\n\r\n"]))
    raw = memoryview(ahead + head + b"\r\n\r\nbody\n\n")
    watch, given_out = Head(), 0
    while not watch.has_ended:
        piece = raw[given_out:][: data.draw(st.integers(1, 40))]
        count = watch.measure(piece)
        assert count == len(piece) or bytes(raw[: given_out + count]).endswith(b"\n")
        given_out += count
    assert given_out == len(ahead + head)
    assert watch.measure(raw[given_out:]) == len(raw) - given_out
    assert not watch.has_ended


async def _read_one(raw, url_of=lambda port: f"http://127.0.0.1:{port}/"):
    """Return what a client reads of an answer of these bytes, and whether its connection was of use for another one."""

    async def accept(stream):
        connections.append(stream)
        async with stream:
            await stream.receive_some()
            await stream.send_all(raw)

    connections, body, buffer = [], bytearray(), bytearray(1 << 20)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, accept, 0)
        url = url_of(listeners[0].socket.getsockname()[1])
        try:
            async with Http(environ={}).client(url) as client, client.stream("GET", url) as answer:
                while count := await answer.receive_into(memoryview(buffer)):
                    body += buffer[:count]
        finally:
            nursery.cancel_scope.cancel()
    return bytes(body)


async def test_n32_a_million_chunks_over_a_connection():
    raw = encode([b"x"] * 300_000 + [b"yy", b"z"] * 350_000)
    assert await _read_one(HEAD + raw) == b"x" * 300_000 + b"yyz" * 350_000


async def test_an_answer_after_hints():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert await _read_one(hints + HEAD + encode([b"hello"])) == b"hello"


@pytest.mark.parametrize(
    ("raw", "transient"), [(encode([b"hello"])[:-2], True), (b"5\r\nhel", True), (b"5\r\nhello!\r\n", False)]
)
async def test_n19_a_body_without_its_end_is_none(raw, transient):
    with pytest.raises(BaseExceptionGroup) as caught:
        await _read_one(HEAD + raw)
    (error,) = caught.value.exceptions
    assert isinstance(error, TransferFailed)
    assert error.transient == transient
