"""Answers of a real server, recorded, and what a stand-in or another version of it answers otherwise.

A recording is a list of exchanges in one JSON file of a plugin's tests: what was asked, and the status, the kind and
the body of the answer. A body is the JSON that was sent, a list for lines of JSON or for events, else a text.

    ASKED = (Asked("version", "GET", "/api/version"), Asked("list", "GET", "/api/tags"))
    RECORDED = read_recording(DATA / "ollama.json")

    def test_the_fake_answers_as_the_real_one(fake):
        permitted = {"list body.models.*.size": "the toy says none"}
        assert differences(RECORDED, ask_all(fake.url, ASKED), permitted) == []

    async def test_what_the_real_one_lists_is_read():
        with Recorded(RECORDED, "version", "list") as server:
            ...  # a session with the server at `server.url`

Shapes are compared, not values: status, kind, which keys there are at which place, and the types of their values; of
words that a reader decides by (`WORDS`) the values too. What may differ stands in `permitted`, with the reason; what
stands there and does not differ is told as well, so that it cannot outlive its reason.

`check` is for the test that asks the real server: it compares, or with PAPIN_RECORD=1 in the environment writes the
recording anew.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from papin.testing.model_server import ModelServer, ThreadServer

__all__ = ["WORDS", "Asked", "Exchange", "Recorded", "ask_all", "check", "differences", "read_recording"]

WORDS = frozenset({"status", "value", "event", "error", "message", "type", "done_reason", "finish_reason"})
"""Keys whose texts say what happened, so that those are compared too."""

_NUMBERS = {"code", "exit_code"}  # the same of numbers

_LINES, _EVENTS = "application/x-ndjson", "text/event-stream"
_PATIENCE = 120  # seconds that a real server may be silent while it loads
_ONE_OF_MANY = re.compile(r"[0-9a-f]{64}|/\S*/")  # digests and folders, which say nothing about what happened
_MOST, _FIRST = 40, 3  # of a longer list only the first are kept: vectors, vocabularies, tensors
_WHOLE = {"", "body"}  # all exchanges, and all that a stream brings
_TIMES = {"created_at", "modified_at", "expires_at", "created"}


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request. With `until` it is asked again until the answer, or an event of it, has these values at these places.

    One that `follows` is opened before those after it are asked, and read until `until` once they all are.
    """

    name: str
    method: str
    path: str
    sent: Any = None
    headers: dict[str, str] = {}
    until: dict[str, Any] = {}
    follows: bool = False


class Exchange(msgspec.Struct, frozen=True):
    """A request and its answer; `kind` is the content type without its parameters."""

    asked: Asked
    status: int
    kind: str
    body: Any


def read_recording(path: Path) -> tuple[Exchange, ...]:
    """Return what a file holds."""
    return msgspec.json.decode(path.read_bytes(), type=tuple[Exchange, ...])


def ask_all(address: str, asked: Sequence[Asked], headers: Mapping[str, str] = {}) -> tuple[Exchange, ...]:
    """Ask one after another, and return the answers in that order."""
    answers: dict[str, Exchange] = {}
    followed: list[tuple[Asked, http.client.HTTPConnection, http.client.HTTPResponse]] = []
    for each in asked:
        if each.follows:
            connection = _connection(address)
            followed.append((each, connection, _send(connection, each, headers)))
        else:
            answers[each.name] = _ask(address, each, headers)
    for each, connection, answer in followed:
        with closing(connection):
            events = list(_events_until(answer, each.until))
            answers[each.name] = Exchange(each, answer.status, _kind(answer), events)
    return tuple(answers[each.name] for each in asked)


def _connection(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(address).netloc, timeout=_PATIENCE)


def _send(connection: http.client.HTTPConnection, asked: Asked, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    body = None if asked.sent is None else json.dumps(asked.sent)
    kind = {} if body is None else {"Content-Type": "application/json"}
    connection.request(asked.method, asked.path, body, {**kind, **headers, **asked.headers})
    return connection.getresponse()


def _ask(address: str, asked: Asked, headers: Mapping[str, str]) -> Exchange:
    while True:
        with closing(_connection(address)) as connection:
            answer = _send(connection, asked, headers)
            kind = _kind(answer)
            found = Exchange(asked, answer.status, kind, _read(answer.read().decode(), kind))
        if _has(found.body, asked.until):
            return found


def _kind(answer: http.client.HTTPResponse) -> str:
    return (answer.getheader("Content-Type") or "").partition(";")[0]


def _read(text: str, kind: str) -> Any:
    if kind == _LINES:
        return [json.loads(line) for line in text.splitlines() if line]
    if kind == _EVENTS:
        return [each for line in text.splitlines() for each in _event(line)]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _event(line: str) -> Iterator[Any]:
    field, _, data = line.partition(":")
    if field == "data":
        yield _read(data.strip(), "")


def _events_until(answer: http.client.HTTPResponse, until: Mapping[str, Any]) -> Iterator[Any]:
    for line in answer:
        for event in _event(line.decode()):
            yield event
            if _has(event, until):
                return


def _has(value: Any, wanted: Mapping[str, Any]) -> bool:
    return all(_at(value, place.split(".")) == expected for place, expected in wanted.items())


def _at(value: Any, place: Sequence[str]) -> Any:
    for key in place:
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def differences(
    recorded: Sequence[Exchange], answered: Sequence[Exchange], permitted: Mapping[str, str] = {}
) -> list[str]:
    """Return what `answered` says otherwise than `recorded`: `NAME PLACE: what`.

    `permitted` has patterns of `NAME PLACE` in the way of a shell (`list body.models.*.size`), and why it may be so.
    """
    answers = {each.asked.name: each for each in answered}
    found, used = [], set()
    for each in recorded:
        if each.asked.name not in answers:
            found.append(f"{each.asked.name}: was not asked")
            continue
        for place, what in _compare(each, answers.pop(each.asked.name)):
            where = f"{each.asked.name} {place}"
            matching = {pattern for pattern in permitted if fnmatchcase(where, pattern)}
            used |= matching
            if not matching:
                found.append(f"{where}: {what}")
    found += [f"{name}: is not recorded" for name in answers]
    return found + [f"{pattern}: is permitted, and does not differ" for pattern in permitted if pattern not in used]


def _compare(recorded: Exchange, answered: Exchange) -> Iterator[tuple[str, str]]:
    was_shape, now_shape = _shape(recorded), _shape(answered)
    for place in sorted({*was_shape, *now_shape}):
        parent = place.rpartition(".")[0]
        was, now = was_shape.get(place), now_shape.get(place)
        if was == now or (parent and not (parent in was_shape and parent in now_shape)):
            continue
        yield place, "is missing" if now is None else "is made up" if was is None else f"{now}, recorded was {was}"


def _shape(exchange: Exchange) -> dict[str, str]:
    """Return what stands at every place in a body; the last of a stream, which ends it, is a place of its own."""
    found = {"status": {str(exchange.status)}, "kind": {exchange.kind}}
    if exchange.kind in {_LINES, _EVENTS}:
        *before, last = exchange.body or [None]
        _note(before, "body", found)
        _note(last, "last", found)
    else:
        _note(exchange.body, "body", found)
    return {place: " or ".join(sorted(kinds)) for place, kinds in found.items()}


def _note(value: Any, place: str, found: dict[str, set[str]]) -> None:
    kinds = found.setdefault(place, set())
    if isinstance(value, dict):
        kinds.add("object")
        for key, each in value.items():
            _note(each, f"{place}.{key.replace('.', '_')}", found)
    elif isinstance(value, list):
        kinds.add("list")
        for each in value:
            _note(each, f"{place}.*", found)
    elif value is None or isinstance(value, bool):
        kinds.add("null" if value is None else "boolean")
    elif place.rpartition(".")[2] in (WORDS if isinstance(value, str) else _NUMBERS):
        kinds.add(repr(_ONE_OF_MANY.sub("*", str(value))))
    else:
        kinds.add("text" if isinstance(value, str) else "number")


def check(
    path: Path,
    exchanges: Sequence[Exchange],
    permitted: Mapping[str, str] = {},
    neutral: Mapping[str, str] = {},
) -> list[str]:
    """Return the differences between a recording and what a real server answers now, or record that.

    Recorded are short lists and neutral words: of `neutral`, texts of this machine and what to say for them.
    """
    if not os.environ.get("PAPIN_RECORD"):
        return differences(read_recording(path), exchanges, permitted)
    text = json.dumps(_short(msgspec.to_builtins(exchanges)), indent=1, ensure_ascii=False)
    for found, said in neutral.items():
        text = text.replace(found, said)
    path.write_text(text + "\n", encoding="utf-8")
    return []


def _short(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _short(each, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        kept = value if key in _WHOLE or len(value) <= _MOST else value[:_FIRST]
        return [_short(each, "" if key == "body" else "*") for each in kept]
    if key in _TIMES and value:
        return 1767225600 if isinstance(value, int) else "2026-01-01T00:00:00.123456789Z"
    return value


class Recorded(ThreadServer):
    """A server that answers as it was recorded, for as long as it is entered; what was not is 404.

    `names` says which answers; of several to the same request each is given once, and the last one from then on.
    """

    def __init__(self, recording: Sequence[Exchange], *names: str) -> None:
        super().__init__(_Handler)
        known = {each.asked.name: each for each in recording}
        self._answers: dict[tuple[str, str], list[Exchange]] = {}
        self._lock = threading.Lock()
        for name in names:
            asked = known[name].asked
            self._answers.setdefault((asked.method, asked.path), []).append(known[name])

    def take(self, method: str, path: str) -> Exchange | None:
        """Return the next answer to a request."""
        with self._lock:
            found = self._answers.get((method, path)) or []
            return found.pop(0) if len(found) > 1 else found[0] if found else None


class _Handler(ModelServer):
    server: Recorded

    def respond(self, method: str, path: str) -> None:
        exchange = self.server.take(method, self.path) or self.server.take(method, path)
        if exchange is None:
            self.answer(404, "404 page not found", "text/plain")
            return
        kind, body = exchange.kind, exchange.body
        if kind == _LINES:
            body = "".join(json.dumps(each) + "\n" for each in body)
        elif kind == _EVENTS:
            body = "".join(f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n" for each in body)
        with suppress(ConnectionError):  # who asked may leave
            self.answer(exchange.status, body, kind)
