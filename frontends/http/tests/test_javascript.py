"""papin.js under Node against a real server, and papin.d.ts under `tsc --strict`."""

import json
import shutil
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread

import msgspec
import pytest
import trio

from papin.events import ModelChanged
from papin.models import Speed
from papin.testing.samples import tiny_gguf

from .client import until
from .conftest import TOKEN, serving
from .standin import SPEED

CLIENT = Path(str(files("papin_http").joinpath("client")))
SCRIPTS = Path(__file__).with_name("node")
CACHE = Path.home() / ".cache" / "papin-tests"

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")


@pytest.fixture
def gguf_server():
    """Serve one small model file on loopback, as a user's own address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(tiny_gguf())))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(tiny_gguf())

        do_HEAD = do_GET

        def log_message(self, *_):
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/tiny.gguf"
        server.shutdown()
        thread.join()


@needs_node
def test_the_five_functions_against_a_real_server(tmp_path, gguf_server, serve):
    with serve(tmp_path, "--port", "0") as server:
        arguments = [CLIENT / "papin.js", server.address, server.token, "mine", gguf_server]
        done = subprocess.run([NODE, SCRIPTS / "job.mjs", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {each["installed"] for each in told["before"]} <= {False}
    assert (told["plan"]["model"], told["plan"]["size"], told["plan"]["fits"]) == ("mine", len(tiny_gguf()), True)
    assert told["job"]["between"] == "always"
    assert told["downloads"] == [told["after"]]
    assert told["job"]["state"] in {"queued", "running"}
    assert (told["after"]["id"], told["after"]["state"]) == (told["job"]["id"], "completed")
    assert told["byAnother"] == told["after"]
    assert [(each["id"], each["installed"]) for each in told["installed"]] == [("mine", True)]
    recorded = [each for each in told["events"] if each["seq"] is not None]
    assert [each["event"]["type"] for each in recorded] == [
        "download_queued",
        "download_started",
        "model_installed",
        "download_completed",
    ]
    errors = told["errors"]
    assert all(error["isPapinError"] for error in errors.values())
    assert {name: (error["code"], error["status"]) for name, error in errors.items()} == {
        "unknown": ("ERR_NOT_FOUND", 404),
        "name": ("ERR_NAME", 400),
        "provider": ("ERR_NOT_FOUND", 404),
        "pause": ("ERR_CONFLICT", 409),
        "resume": ("ERR_CONFLICT", 409),
        "cancel": ("ERR_CONFLICT", 409),
        "limit": ("ERR_CONFLICT", 409),
        "token": ("ERR_TOKEN", 401),
        "events": ("ERR_TOKEN", 401),
        "nobody": ("ERR_NETWORK", 0),
    }
    assert errors["nobody"]["nextStep"] == "Start the server with `papin serve`."


@needs_node
async def test_events_are_followed_across_lost_connections_without_a_loss(kernel):
    """The server goes away and comes back again and again, with recorded events in between."""
    seen, port = [], 0
    async with trio.open_nursery() as nursery:
        async with serving(kernel) as (client, _):
            port = client.port
            command = [NODE, str(SCRIPTS / "follow.mjs"), str(CLIENT / "papin.js"), f"http://127.0.0.1:{port}", TOKEN]
            run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            process = await nursery.start(run)
            nursery.start_soon(read_lines, process.stdout, seen)
            await until(lambda: seen == ["open"])
            await until(lambda: kernel.journal.followers)
            kernel.journal.record(ModelChanged(model="1"))
            await until(lambda: len(seen) == 2)
        for round_ in range(3):
            kernel.journal.record(ModelChanged(model="while nobody serves"))
            async with serving(kernel, port=port):
                await until(lambda: kernel.journal.followers)
                kernel.journal.record(ModelChanged(model=str(round_)))
                await until(lambda: len(seen) == 1 + len(kernel.journal.recorded))
        await process.stdin.send_all(b"end\n")
    assert [json.loads(line)["seq"] for line in seen[1:]] == list(range(1, 8))


@needs_node
async def test_a_model_is_measured(kernel):
    async with serving(kernel) as (client, _):
        arguments = [SCRIPTS / "measure.mjs", CLIENT / "papin.js", f"http://127.0.0.1:{client.port}", TOKEN, "smollm2"]
        done = await trio.run_process([NODE, *map(str, arguments)], capture_stdout=True)
    told = json.loads(done.stdout)
    assert msgspec.convert(told["measured"], Speed) == SPEED
    assert told["speeds"] == [told["measured"]]
    assert told["unknown"] == {"code": "ERR_NOT_FOUND", "status": 404}
    assert told["aborted"] == "AbortError"


async def read_lines(stream, seen):
    left = b""
    async for piece in stream:
        *lines, left = (left + piece).split(b"\n")
        seen.extend(line.decode() for line in lines)


@pytest.fixture(scope="session")
def tsc():
    """Return the TypeScript compiler: on PATH, or in a folder of the cache where it is installed once."""
    found = shutil.which("tsc") or shutil.which("tsc", path=CACHE / "node_modules" / ".bin")
    if found is None and shutil.which("npm"):
        install = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(CACHE), "typescript"]
        subprocess.run(install, capture_output=True, check=False)
        found = shutil.which("tsc", path=CACHE / "node_modules" / ".bin")
    if found is None:
        pytest.skip("the TypeScript compiler is not installed and cannot be had")
    return found


@needs_node
def test_the_types_hold_with_strict(tsc, tmp_path):
    for file in (CLIENT / "papin.js", CLIENT / "papin.d.ts", SCRIPTS / "usage.ts"):
        shutil.copy(file, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    flags = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"]
    target = ["--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext", "--lib", "es2022,dom"]
    done = subprocess.run([tsc, *flags, *target, "usage.ts"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@needs_node
def test_the_module_is_served_as_it_is_shipped(tmp_path, serve):
    with serve(tmp_path, "--port", "0") as server:
        code = f"const r = await fetch('{server.address}/client/papin.js'); console.log(r.status, r.headers.get('content-type')); process.stdout.write(await r.text())"
        done = subprocess.run([NODE, "--input-type=module", "-e", code], capture_output=True, text=True, check=True)
    head, _, text = done.stdout.partition("\n")
    assert head == "200 text/javascript; charset=utf-8"
    assert text == (CLIENT / "papin.js").read_text()
