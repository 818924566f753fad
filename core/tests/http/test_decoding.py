"""JSON that may be large: decoded as the decoder does it, and a large body in a thread and piece by piece."""

import threading
from typing import Optional

import msgspec
import pytest
import trio

from papin._http._decoding import LARGE
from papin.errors import TransferFailed
from papin.http import decode_json

threads = []


class Item(msgspec.Struct):
    """Notes which thread made it."""

    name: str
    sizes: list[int] = []

    def __post_init__(self):
        threads.append(threading.get_ident())


class Answer(msgspec.Struct):
    models: list[Item] | None = None
    more: Optional[list[str]] = None  # noqa: UP045  # what an older plugin may write
    called: list[Item] = msgspec.field(name="calledElse", default_factory=list)
    at: str | int = 0
    facts: dict[str, str] = {}


class Strict(msgspec.Struct):
    data: list[Item]


FILL = "x" * LARGE
SMALL = [{"name": "a", "sizes": [1]}, {"name": "b"}]


@pytest.fixture(autouse=True)
def _forgotten():
    threads.clear()


async def decoded(value, kind):
    return await decode_json(msgspec.json.encode(value), kind, "it")


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"models": SMALL, "more": ["x"], "calledElse": SMALL, "at": "now", "facts": {"a": "b"}}, Answer),
        ({"models": None, "unknown": SMALL}, Answer),
        ({"models": []}, Answer),
        ({}, Answer),
        ({"data": SMALL}, Strict),
        ({"name": "alone", "sizes": [1, 2]}, Item),
        ({"a": [1]}, dict[str, object]),
    ],
)
async def test_it_is_what_the_decoder_makes_of_it(value, kind, is_large):
    value = value | {"fill": FILL} if is_large else value
    assert await decoded(value, kind) == msgspec.json.decode(msgspec.json.encode(value), type=kind)


async def test_a_long_list_is_decoded_item_by_item():
    names = [{"name": str(number), "sizes": [number]} for number in range(LARGE // 8)]
    assert await decoded(names, list[Item]) == [Item(**each) for each in names]
    with pytest.raises(TransferFailed, match="it answered something else"):
        await decoded([*names, {"name": 1}], list[Item])
    with pytest.raises(TransferFailed):
        await decoded({"name": FILL}, list[Item])


async def test_a_large_body_is_decoded_in_another_thread_and_a_small_one_in_this():
    await decoded({"models": SMALL}, Answer)
    assert set(threads) == {threading.get_ident()}
    threads.clear()
    found = await decoded({"models": [{"name": "x" * 99}] * (LARGE // 99)}, Answer)
    assert len(threads) == len(found.models) == LARGE // 99
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("fill", ["", FILL])
@pytest.mark.parametrize(
    "body",
    ['{"models": [{"name": 5}]', '{"data": null', '{"data": [{"name": "a"}, 3]', '{"data": [' + "[" * 50_000, '{"at": 1'],
)  # fmt: skip
async def test_what_is_no_answer_is_refused(body, fill):
    with pytest.raises(TransferFailed, match=r"http://it answered something else"):
        await decode_json(f'{body}, "fill": "{fill}"}}'.encode(), Strict, "http://it")
    with pytest.raises(TransferFailed):
        await decode_json(b'{"data": []}' + fill.encode() + b"\xff", Strict, "http://it")


async def test_who_is_cancelled_does_not_wait_for_a_large_body():
    with trio.CancelScope() as scope:
        scope.cancel()
        await decoded({"models": [], "fill": FILL}, Answer)
    assert scope.cancelled_caught
