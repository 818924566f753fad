"""Every error is a problem document with papin's code, and a bug tells nothing of the inside."""

import logging

import h11
import pytest

from papin import errors
from papin_http._problems import STATUSES

API = "/api/v1"
CHAT = {"messages": [{"role": "user", "content": "Why?"}]}


def test_every_code_of_papin_has_a_status():
    kinds = [getattr(errors, name) for name in errors.__all__]
    codes = {kind.code for kind in kinds if isinstance(kind, type) and issubclass(kind, errors.PapinError)}
    assert set(STATUSES) == codes


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("None is called x.", next_step="papin models list"), 404),
        (errors.Ambiguous("Several are."), 409),
        (errors.DiskSpace("It needs 3 GB."), 507),
        (errors.RegistryFailed("It is busy."), 503),
        (errors.from_problem(errors.Problem(code="ERR_ACME", title="Acme", message="It broke.")), 500),
        (
            ExceptionGroup(
                "", [ExceptionGroup("", [errors.NotFound("None is called x.", next_step="papin models list")])]
            ),
            404,
        ),
    ],
)
async def test_an_expected_error_is_shown_as_it_is(client, kernel, error, status):
    kernel.models.pieces, kernel.models.fails_with = [], error
    answer = await client.ask("GET", f"{API}/models/x")
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert answer.json() == {
        "type": f"urn:papin:problem:{error.code.lower()}",
        "title": error.title,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "next_step": error.next_step,
    }


@pytest.mark.parametrize(
    "error", [RuntimeError("/home/me/secret"), ExceptionGroup("", [OSError("/home/me/secret")]), KeyError("secret")]
)
async def test_a_bug_tells_nothing_to_the_client_and_everything_to_the_log(client, kernel, error, caplog):
    kernel.models.pieces, kernel.models.fails_with = [], error
    with caplog.at_level(logging.ERROR, "papin.http"):
        answer = await client.ask("GET", f"{API}/models/x")
    assert (answer.status, answer.json()["code"]) == (500, "ERR_INTERNAL")
    assert b"secret" not in answer.body
    assert b"Error" not in answer.body
    assert "secret" in caplog.text


async def test_a_bug_in_the_middle_of_a_stream_breaks_it_off(client, kernel, caplog):
    kernel.models.fails_with, kernel.models.fails_at = RuntimeError("/home/me/secret"), 1
    with caplog.at_level(logging.CRITICAL, "papin.http"):
        async with client.stream("POST", f"{API}/models/smollm2/chat", CHAT) as answer:
            await answer.start()
            received = [await anext(pieces := answer.pieces())]
            with pytest.raises(h11.RemoteProtocolError):
                await anext(pieces)
    assert received == [b'data: {"text":"Blue"}\n\n']
    assert not answer.is_complete


@pytest.mark.parametrize(
    ("target", "body", "told"),
    [
        ("downloads", {}, "ref"),
        ("downloads", {"ref": 1}, "ref"),
        ("downloads", {"ref": "x", "reff": "y"}, "reff"),
        ("downloads", [], "array"),
        ("models/smollm2/load", {"settings": {"n_ctx": "many"}}, "n_ctx"),
        ("models/smollm2/chat", {"messages": [{"role": "robot", "content": ""}]}, "robot"),
        ("models/smollm2/chat", {}, "messages"),
    ],
)
async def test_a_wrong_document_is_a_usage_error_that_names_what_is_wrong(client, kernel, target, body, told):
    answer = await client.ask("POST", f"{API}/{target}", body)
    assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE")
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]
    assert not kernel.downloads.asked


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b'{"ref": "\xff"}',
        b'{"ref": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[" * 500_000,
        b'{"ref":' * 100_000,
        b'{"ref": NaN}',
    ],
    ids=lambda body: repr(body[:8]),
)
async def test_what_is_no_json_is_a_usage_error(client, kernel, body):
    answer = await client.ask("POST", f"{API}/downloads", body=body)
    assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE")
    assert not kernel.downloads.asked


async def test_options_that_are_nested_too_deeply_are_a_usage_error(client):
    body = b'{"messages": [], "options": {"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}}"
    answer = await client.ask("POST", f"{API}/models/smollm2/chat", body=body)
    assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE")


@pytest.mark.parametrize(
    "target", ["models?installed=perhaps", "events?since=x", "events?since=-1", "events?since=99999999999999999999"]
)
async def test_a_wrong_parameter_is_a_usage_error(client, target):
    answer = await client.ask("GET", f"{API}/{target}")
    assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE")
    assert target.partition("?")[2].partition("=")[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        f"{API}/nothing",
        "/client",
        "/client/../plugin.py",
        "/client/%2e%2e/plugin.py",
        "/static/x",
    ],
)
async def test_what_is_not_there_is_a_problem_too(client, path):
    answer = await client.ask("GET", path)
    assert (answer.status, answer.json()["code"]) == (404, "ERR_NOT_FOUND")


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e%2fx", "%00", "%0d%0aSet-Cookie:%20a=b", "%ff", "x" * 4000, "%3Cimg%20src=x%20onerror=alert(1)%3E"],
)
async def test_a_hostile_name_is_not_found_and_comes_back_as_json_only(client, name):
    answer = await client.ask("GET", f"{API}/models/{name}")
    assert answer.status in {400, 404}
    assert answer.headers["content-type"] == "application/problem+json"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("discovery/search?query=qwen", "There is no parameter 'query'; there are q, limit, online."),
        ("discovery/rows/popular?row=new", "There is no parameter 'row'; there are limit, task."),
        ("models/x?q=1", "There is no parameter 'q'; it takes none."),
        ("discovery/search?%1b%5b2J=1", "There is no parameter '\\x1b[2J'; there are q, limit, online."),
    ],
)
async def test_a_parameter_that_is_not_known_is_told(client, address, detail):
    answer = await client.ask("GET", f"{API}/{address}")
    assert (answer.status, answer.json()["code"], answer.json()["detail"]) == (400, "ERR_USAGE", detail)


async def test_where_nothing_is_the_next_step_is_what_there_is(client):
    answer = await client.ask("GET", f"{API}/nothing")
    assert (answer.status, answer.json()["next_step"]) == (
        404,
        "See /api/v1/openapi.json for the addresses that there are.",
    )
