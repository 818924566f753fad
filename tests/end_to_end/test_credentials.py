"""A token is sent to its server alone, and stands nowhere but where it is kept: a canary in everything papin says."""

import json

import pytest
import trio

from papin.testing.fault_scripts import cut, ok, redirect, refuse
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

CANARY = "canary-5f0c2a"
BODY = tiny_gguf(payload=1 << 20)


def guarded(script):
    """Answer by `script` whoever has the token, and 401 everybody else."""

    async def answer(exchange):
        allowed = exchange.request.headers.get("authorization") == f"Bearer {CANARY}"
        await (script if allowed else refuse(401))(exchange)

    return answer


@pytest.fixture
def said(papin):
    """Runs papin, and remembers everything that it says."""
    outputs = []

    class Said:
        @staticmethod
        async def run(*words, status=0, stdin=""):
            done = await trio.to_thread.run_sync(lambda: papin(*words, status=status, stdin=stdin))
            outputs.append(done.stdout + done.stderr)
            return outputs[-1]

        @staticmethod
        def everything():
            return "\n".join(outputs)

    return Said


async def test_a_token_goes_to_its_server_and_is_shown_nowhere(home, said):
    async with fault_server(BODY, default=guarded(ok())) as server:
        denied = await said.run("models", "download", server.url, status=1)
        assert "ERR_LOGIN" in denied
        assert f"papin login {server.origin}" in denied
        await said.run("login", server.origin, stdin=CANARY + "\n")
        await said.run("login", "--json")
        await said.run("models", "download", server.url, "--dry-run")
        server.play(guarded(ok()), guarded(cut(at=500_000)))
        await said.run("models", "download", server.url, "--name", "m", "--json")
        server.play(*[guarded(refuse(500))] * 2)
        await said.run("models", "download", f"{server.origin}/other", "--sha256", "0" * 64, "--json", status=1)
    for words in (["downloads", "list"], ["events", "--since", "0"], ["config", "show"], ["models", "show", "m"], []):
        await said.run(*words, "--json")
        await said.run(*words)
    assert CANARY not in said.everything()
    kept = [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert kept == [home / "tokens.json"]
    await said.run("logout", server.origin)
    assert CANARY not in (home / "tokens.json").read_text()


async def test_a_redirect_to_another_server_takes_no_token_along(said):
    async with fault_server(BODY, host="127.0.0.1") as other, fault_server(BODY) as server:
        await said.run("login", server.origin, stdin=CANARY)
        server.play(*[redirect(other.url)] * 2)
        await said.run("models", "download", server.url, "--name", "m", status=0)
        assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"
        assert other.requests
        assert all("authorization" not in request.headers for request in other.requests)


@pytest.mark.parametrize("variable", ["HF_TOKEN", "PAPIN_TOKEN_huggingface_co"])
async def test_a_token_of_the_environment_is_not_for_other_servers(environ, said, variable):
    environ[variable] = CANARY
    async with fault_server(BODY) as server:
        await said.run("models", "download", server.url)
        assert all("authorization" not in request.headers for request in server.requests)
    assert variable in await said.run("login")
    await said.run("config", "show")
    assert CANARY not in said.everything()


def test_a_token_is_never_an_argument(papin):
    assert "Got unexpected extra argument" in papin("login", "example.org", "secret", status=2).stderr
    assert json.loads(papin("login", "--json").stdout) == []
