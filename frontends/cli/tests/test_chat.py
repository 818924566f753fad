"""The chat's own rules, with a model and a person made of a few lines each."""

import io
import json
import signal
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import trio

from papin.errors import OutOfMemory
from papin.models import LoadSettings, Message, Reply, Timings
from papin_cli._interrupts import Interrupts
from papin_cli._output import Output
from papin_cli._session import Session
from papin_cli.actions._answer import Asked, speed_line, stream
from papin_cli.actions._chat import HELP, chat


class Parrot:
    """A model that answers with what was said, word by word."""

    def __init__(self):
        self.heard = []

    @asynccontextmanager
    async def chat(self, ref, messages, *, options, settings, provider):
        self.heard.append((ref, list(messages), dict(options), settings))

        async def replies():
            if messages[-1].content == "too much":
                raise OutOfMemory("it does not fit", next_step="take less")
            for word in messages[-1].content.split(" "):
                await trio.lowlevel.checkpoint()
                yield Reply(text=word + " ")
            if messages[-1].content == "endless":
                await trio.sleep_forever()
            yield Reply(
                finish_reason="stop", timings=Timings(prompt_n=10, prompt_ms=100, predicted_n=5, predicted_ms=50)
            )

        yield replies()


@pytest.fixture
def model():
    return Parrot()


@pytest.fixture
def session(model):
    out = Output(stdout=io.StringIO(), stderr=io.StringIO())
    return Session(SimpleNamespace(models=model), Interrupts(), out)


def said(session):
    return session.out._stdout.getvalue()


def noted(session):
    return session.out._stderr.getvalue()


def typing(*lines):
    remaining = [*lines, None]

    async def next_line():
        await trio.lowlevel.checkpoint()
        return remaining.pop(0)

    return next_line


async def test_each_answer_knows_what_was_said_before(session, model):
    await chat(session, Asked(model="m"), [Message(role="system", content="be brief")], typing("one", "", "two"))
    _, messages, _, _ = model.heard[-1]
    assert [(message.role, message.content) for message in messages] == [
        ("system", "be brief"),
        ("user", "one"),
        ("assistant", "one "),
        ("user", "two"),
    ]
    assert said(session) == "one \ntwo \n"


async def test_clear_forgets_and_bye_leaves(session, model):
    await chat(session, Asked(model="m"), [], typing("one", "/clear", "two", "/bye", "three"))
    assert [len(messages) for _, messages, _, _ in model.heard] == [1, 1]


async def test_help(session, model):
    await chat(session, Asked(model="m"), [], typing("/help"))
    assert HELP in noted(session)
    assert model.heard == []


async def test_a_command_that_is_none_is_not_said_to_the_model(session, model):
    await chat(session, Asked(model="m"), [], typing("/halp", "/quit", "more"))
    assert f"There is no /halp here; this can be typed:\n{HELP}" in noted(session)
    assert model.heard == []
    await chat(session, Asked(model="m"), [], typing("/etc/hosts is what?"))
    assert len(model.heard) == 1


async def test_an_error_is_shown_and_the_chat_goes_on(session, model):
    await chat(session, Asked(model="m"), [], typing("too much", "small"))
    assert "ERR_MEMORY  Not enough memory: it does not fit\nNext: take less" in noted(session)
    _, messages, _, _ = model.heard[-1]
    assert [message.content for message in messages] == ["small"]


async def test_ctrl_c_stops_the_answer_and_keeps_what_was_said(session, model):
    with session.interrupts.stoppable() as everything:
        async with trio.open_nursery() as nursery:

            async def interrupt_later():
                while "endless" not in said(session):
                    await trio.lowlevel.checkpoint()
                session.interrupts.stop(signal.SIGINT)

            nursery.start_soon(interrupt_later)
            await chat(session, Asked(model="m"), [], typing("endless", "more"))
    assert not everything.cancelled_caught
    assert "(stopped)" in noted(session)
    _, messages, _, _ = model.heard[-1]
    assert [message.content for message in messages] == ["endless", "endless ", "more"]


async def test_another_signal_ends_everything(session):
    with session.interrupts.stoppable() as everything, session.interrupts.stoppable():
        session.interrupts.stop(signal.SIGTERM)
        await trio.sleep_forever()
    assert everything.cancelled_caught


async def test_options_reach_the_model(session, model):
    asked = Asked(model="m", options={"temperature": 0.5}, settings=LoadSettings(n_ctx=2048))
    await stream(session, asked, [Message(role="user", content="hi")], [])
    assert model.heard[0][2:] == ({"temperature": 0.5}, LoadSettings(n_ctx=2048))


async def test_an_answer_cannot_harm_the_terminal(session):
    await stream(session, Asked(model="m"), [Message(role="user", content="\x1b[2J \x1b ]0;evil\x07 \r ok")], [])
    assert "\x1b" not in said(session)
    assert "\x07" not in said(session)
    assert said(session).endswith("ok \n")


async def test_an_answer_as_json_lines(model):
    stdout = io.StringIO()
    session = Session(
        SimpleNamespace(models=model), Interrupts(), Output(json=True, stdout=stdout, stderr=io.StringIO())
    )
    await stream(session, Asked(model="m"), [Message(role="user", content="a b")], [])
    lines = [json.loads(line) for line in stdout.getvalue().splitlines()]
    assert [line["reply"].get("text", "") for line in lines] == ["a ", "b ", ""]
    assert lines[-1]["reply"]["finish_reason"] == "stop"


async def test_the_speed_is_told_on_request(session):
    await stream(session, Asked(model="m", verbose=True), [Message(role="user", content="a")], [])
    assert noted(session) == "prompt: 10 tokens, 100.0 tokens/s; answer: 5 tokens, 100.0 tokens/s\n"
    assert speed_line(Timings()) == ""
