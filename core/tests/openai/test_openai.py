"""The client half of the OpenAI-compatible API, over real sockets, with answers in all the servers' ways."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from papin import openai
from papin.errors import LoginRequired, NotFound, ProviderFailed, TransferFailed
from papin.http import Http
from papin.models import Message, Timings
from papin.testing.fault_scripts import raw, text
from papin.testing.fault_server import fault_server

ASK = (Message(role="user", content="Why?"),)
TIMINGS = {"prompt_n": 3, "prompt_ms": 1.5, "predicted_n": 2, "predicted_ms": 2.0, "predicted_per_second": None}


def piece(content=None, finish=None, **more):
    return {"choices": [{"index": 0, "finish_reason": finish, "delta": {"content": content}}], **more}


def events(*values, end="data: [DONE]\n\n"):
    lines = [value if isinstance(value, str) else f"data: {json.dumps(value)}\n\n" for value in values]
    return ("".join(lines) + end).encode()


async def read(api):
    async with api.chat("m", ASK, {}) as replies:
        return [each async for each in replies]


@asynccontextmanager
async def asking(*scripts):
    async with fault_server(b"", *scripts) as server, Http(environ={}).client(server.origin) as client:
        yield openai.Api(client, "The server"), server


async def answer_of(*scripts):
    async with asking(*scripts) as (api, _):
        return await read(api)


async def error_of(kind, script):
    async with asking(script) as (api, _):
        with pytest.raises(kind) as caught:
            await read(api)
    return caught.value


async def test_an_answer_as_llama_server_sends_it():
    body = events(piece(), piece("Light"), piece(" is"), piece(finish="stop"), {"choices": [], "timings": TIMINGS})
    replies = await answer_of(text(200, body))
    assert [each.text for each in replies] == ["Light", " is", ""]
    assert [each.finish_reason for each in replies] == ["", "", "stop"]
    assert replies[-1].timings == Timings(prompt_n=3, prompt_ms=1.5, predicted_n=2, predicted_ms=2.0)


async def test_what_is_asked_goes_by_the_names_of_the_api():
    options = {"n_predict": 5, "temperature": 0.5}
    script = text(200, events(piece("a", "stop")))
    async with asking(script) as (api, server), api.chat("m", ASK, options) as replies:
        assert [each.text async for each in replies] == ["a", ""]
    asked = json.loads(server.requests[0].body)
    assert server.requests[0].target == "/v1/chat/completions"
    assert (asked["max_tokens"], asked["temperature"], asked["stream"], asked["model"]) == (5, 0.5, True, "m")
    assert asked["messages"] == [{"role": "user", "content": "Why?"}]
    assert asked["stream_options"] == {"include_usage": True}
    assert "n_predict" not in asked


async def test_a_completion_has_text_instead_of_messages():
    lines = [{"choices": [{"text": "b"}]}, {"choices": [{"text": "", "finish_reason": "length"}], "timings": TIMINGS}]
    async with asking(text(200, events(*lines))) as (api, server), api.complete("m", "a", {}) as replies:
        found = [each async for each in replies]
    assert [(each.text, each.finish_reason) for each in found] == [("b", ""), ("", "length")]
    assert server.requests[0].target == "/v1/completions"
    assert json.loads(server.requests[0].body)["prompt"] == "a"


async def test_the_first_token_is_timed_here_where_the_server_does_not(jumping_clock):
    async def slow(exchange):
        await exchange.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        for wait, line in [(2, piece("a")), (1, piece("b", "stop")), (0, {"choices": [], "usage": usage})]:
            await trio.sleep(wait)
            await exchange.send(events(line, end=""))
        await exchange.send(b"data: [DONE]\n\n")

    usage = {"prompt_tokens": 7, "completion_tokens": 2}
    timings = (await answer_of(slow))[-1].timings
    assert (timings.prompt_n, timings.predicted_n) == (7, 2)
    assert timings.prompt_ms == pytest.approx(2000, abs=500)
    assert timings.predicted_ms == pytest.approx(1000, abs=500)


async def test_a_server_that_keeps_silent_after_its_last_word_is_not_waited_for(jumping_clock):
    async def silent(exchange):
        await exchange.head(200, {"Connection": "close"})
        await exchange.send(events(piece("a", "stop"), end=""))
        await trio.sleep_forever()

    began = trio.current_time()
    assert (await answer_of(silent))[-1].finish_reason == "stop"
    assert trio.current_time() - began < 60


async def test_a_connection_that_breaks_after_the_last_word_took_nothing_away():
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + events(piece("a", "stop"), end="")
    replies = await answer_of(raw(body))
    assert [each.text for each in replies] == ["a", ""]


async def test_thoughts_that_a_server_took_out_are_put_back():
    pieces = [{"choices": [{"delta": {"reasoning_content": each}}]} for each in ("Hm", "m.")]
    replies = await answer_of(text(200, events(*pieces, piece("Blue"), piece(finish="stop"))))
    assert "".join(each.text for each in replies) == "<think>Hmm.</think>\nBlue"


async def test_a_server_that_does_not_stream_is_understood():
    body = {"choices": [{"message": {"role": "assistant", "content": "Blue"}, "finish_reason": "stop"}]}
    replies = await answer_of(text(200, json.dumps(body).encode()))
    assert [(each.text, each.finish_reason) for each in replies] == [("Blue", ""), ("", "stop")]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (events(piece("a"), end=""), TransferFailed, "stopped in the middle"),
        (events(piece("a")), TransferFailed, "stopped in the middle"),
        (b"", TransferFailed, "stopped in the middle"),
        (b"data: <html>\n\n", ProviderFailed, "no answer"),
        (b"data: " + b"[" * 100_000, ProviderFailed, "no answer"),
        (b"data: " + b"x" * (2 << 20), TransferFailed, "a line of more than"),
        (events({"error": {"code": 500, "message": "the slot was lost"}}), ProviderFailed, "the slot was lost"),
        (events({"error": "Model unloaded.\x1b[31m"}), ProviderFailed, "Model unloaded. "),
        (b'event: error\ndata: {"error": {"message": "no"}}\n\n', ProviderFailed, "no"),
        (b'error: {"code": 500, "message": "old style"}\n\n', ProviderFailed, "old style"),
        (b'{"error": {"message": "a body and no stream"}}', ProviderFailed, "a body and no stream"),
        (b'data: {"error": {"code": 401, "message": "Invalid API Key"}}\n\n', LoginRequired, "Invalid API Key"),
        (events({"error": {"code": 400, "type": "exceed_context_size_error"}}), ProviderFailed, "longer than"),
    ],
)
async def test_what_goes_wrong_in_a_200(body, kind, words):
    error = await error_of(kind, text(200, body))
    assert words in error.message
    assert "\x1b" not in error.message
    assert error.next_step


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b'{"error": {"message": "Invalid API Key"}}', LoginRequired, "Invalid API Key"),
        (404, b'{"error": "model \\"m\\" not found"}', NotFound, 'model "m" not found'),
        (404, b"<html>", NotFound, "status 404"),
        (503, b'{"error": {"message": "Loading model", "type": "unavailable_error"}}', ProviderFailed, "still loading"),
        (503, b"", ProviderFailed, "status 503"),
        (500, b'{"message": "words elsewhere"}', ProviderFailed, "words elsewhere"),
        (422, b'{"detail": "words in a third place"}', ProviderFailed, "words in a third place"),
        (400, b"[" * 200_000, ProviderFailed, "status 400"),
        (400, b'{"error": {"message": "' + b"long " * 10_000 + b'"}}', ProviderFailed, "long long"),
        (400, b'{"error": {"message": "exceeds the available context size (512)"}}', ProviderFailed, "longer than"),
    ],
)
async def test_what_is_refused(status, body, kind, words):
    error = await error_of(kind, text(status, body))
    assert words in error.message
    assert len(error.message) < 500


async def test_a_plugin_may_know_better_what_a_refusal_means():
    def errors(refusal):
        return ProviderFailed(f"{refusal.kind} {refusal.status}")

    loading = text(503, b'{"error": {"message": "Loading model"}}')
    async with fault_server(b"", loading) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(ProviderFailed, match="loading 503"):
            await openai.Api(client, "it", errors=errors).models()


async def test_models_are_listed_as_far_as_they_can_be_shown():
    listed = [{"id": "a", "meta": {"n_ctx_train": 8192, "size": 96, "ftype": "Q4_1"}}, {"id": "b", "meta": None}]
    listed += [{"id": ""}, {"id": "\x1b[2J"}, {"id": "x" * 600}]
    async with asking(text(200, json.dumps({"data": listed}).encode()), text(200, b'{"data": null}')) as (api, _):
        assert await api.models() == (
            openai.ServedModel(id="a", n_ctx_train=8192, size=96, ftype="Q4_1"),
            openai.ServedModel(id="b"),
        )
        assert await api.models() == ()


async def test_vectors_come_in_the_order_of_the_texts():
    data = [{"embedding": [3, 4.5], "index": 1}, {"embedding": [1, 2], "index": 0}]
    async with asking(text(200, json.dumps({"data": data, "usage": {"prompt_tokens": 3}}).encode())) as (api, _):
        found = await api.embed("m", ["a", "b"])
    assert (found.vectors, found.prompt_n) == (((1.0, 2.0), (3.0, 4.5)), 3)


async def test_no_texts_have_no_vectors_and_nobody_is_asked():
    async with asking() as (api, server):
        assert (await api.embed("m", [])).vectors == ()
    assert server.requests == []


@pytest.mark.parametrize(
    "data",
    [
        [{"embedding": [1.0], "index": 0}],
        [{"embedding": [1.0], "index": 0}, {"embedding": [1.0, 2.0], "index": 1}],
        [{"embedding": [1.0], "index": 0}, {"embedding": [1.0], "index": 0}],
    ],
)
async def test_vectors_that_do_not_fit_are_refused(data):
    async with asking(text(200, json.dumps({"data": data}).encode())) as (api, _):
        with pytest.raises(ProviderFailed, match="one vector for each text"):
            await api.embed("m", ["a", "b"])


async def test_leaving_an_answer_hangs_up():
    hung_up = trio.Event()

    async def endless(exchange):
        await exchange.head(200, {"Connection": "close"})
        try:
            while True:
                await exchange.send(events(piece("a"), end=""))
                await trio.lowlevel.checkpoint()
        except trio.BrokenResourceError:
            hung_up.set()

    async with asking(endless) as (api, _):
        async with api.chat("m", ASK, {}) as replies:
            assert (await anext(replies)).text == "a"
        with trio.fail_after(60):
            await hung_up.wait()


@pytest.fixture
def jumping_clock():
    return trio.testing.MockClock(autojump_threshold=0.02)
