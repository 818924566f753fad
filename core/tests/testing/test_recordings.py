"""Comparing answers with recorded ones, and answering as recorded; a real server on both sides."""

import json
import urllib.request
from typing import ClassVar

import pytest

from papin.testing.model_server import ModelServer, ThreadServer
from papin.testing.recordings import Asked, Recorded, ask_all, check, differences, read_recording

HELLO = {"model": "toy", "messages": [], "stream": True}
ASKED = (
    Asked("events", "GET", "/events", until={"state": "over"}, follows=True),
    Asked("list", "GET", "/list", until={"models.0.state": "ready"}),
    Asked("say", "POST", "/say", HELLO),
    Asked("lines", "GET", "/lines"),
    Asked("refused", "GET", "/nothing", headers={"X-Why": "none"}),
)


class Server(ModelServer):
    looks = 0
    name = "toy"
    more: ClassVar = {}
    why = "no such thing"

    def respond(self, method, path):
        if path == "/events":
            self.stream()
            self.event({"state": "begun", "value": 1})
            self.event({"state": "over"})
        elif path == "/list":
            type(self).looks += 1
            state = "ready" if self.looks > 1 else "loading"
            listed = {"name": self.name, "state": state, "digest": "a" * 64, "created_at": "2030-05-06"} | self.more
            self.answer(200, {"models": [listed], "numbers": list(range(100))})
        elif path == "/say":
            self.say("chat")
        elif path == "/lines":
            self.answer(200, '{"status": "pulling"}\n{"status": "success"}\n', "application/x-ndjson")
        else:
            self.answer(404, {"error": self.why, "why": self.headers["X-Why"]})


def said_by(**changes):
    with ThreadServer(type("Changed", (Server,), changes)) as server:
        return ask_all(server.url, ASKED)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    path = tmp_path / "toy.json"
    with monkeypatch.context() as patched:
        patched.setenv("PAPIN_RECORD", "1")
        assert check(path, said_by(name="mine"), neutral={"mine": "toy"}) == []
    return path


def test_a_recording_is_short_and_neutral(recorded):
    answers = {each.asked.name: each.body for each in read_recording(recorded)}
    (model,) = answers["list"]["models"]
    assert (model["name"], model["state"], model["created_at"]) == ("toy", "ready", "2026-01-01T00:00:00.123456789Z")
    assert answers["list"]["numbers"] == [0, 1, 2]
    assert answers["lines"] == [{"status": "pulling"}, {"status": "success"}]
    assert answers["events"] == [{"state": "begun", "value": 1}, {"state": "over"}]
    assert answers["say"][-1] == "[DONE]"
    assert answers["refused"] == {"error": "no such thing", "why": "none"}


def test_the_same_server_answers_alike(recorded):
    assert check(recorded, said_by(name="other")) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"more": {"size": 1}}, ["list body.models.*.size: is made up"]),
        ({"more": {"digest": None}}, ["list body.models.*.digest: null, recorded was text"]),
        ({"why": "gone"}, ["refused body.error: 'gone', recorded was 'no such thing'"]),
    ],
)
def test_what_differs_is_told(recorded, changes, words):
    assert differences(read_recording(recorded), said_by(**changes)) == words


def test_what_is_missing_is_told(recorded):
    whole = read_recording(recorded)
    assert differences(said_by(more={"size": 1}), whole) == ["list body.models.*.size: is missing"]
    assert differences(whole, whole[1:]) == ["events: was not asked"]
    assert differences(whole[1:], whole) == ["events: is not recorded"]


def test_what_is_permitted_has_to_differ(recorded):
    whole = read_recording(recorded)
    permitted = {"list body.models.*": "the toy has no size", "say*": "as an example"}
    assert differences(whole, said_by(more={"size": 1}), permitted) == ["say*: is permitted, and does not differ"]


def test_a_recorded_server_says_what_was_recorded(recorded):
    whole = read_recording(recorded)
    with Recorded(whole, *(each.asked.name for each in whole)) as server:
        assert differences(whole, ask_all(server.url, ASKED)) == []


def test_of_several_answers_each_is_given_once():
    first, second = (msg for state in ("loading", "ready") for msg in ask_state(state))
    with Recorded((first, second), "loading", "ready") as server:
        states = [
            json.loads(urllib.request.urlopen(f"{server.url}/list").read())["models"][0]["state"] for _ in range(3)
        ]
    assert states == ["loading", "ready", "ready"]


def ask_state(state):
    with ThreadServer(type("Changed", (Server,), {"more": {"state": state}})) as server:
        return ask_all(server.url, [Asked(state, "GET", "/list")])
