"""What refreshing catalogs and looking into a file ask of servers: `python tests/bench/bench_catalogs.py GALLERY`.

GALLERY is the index of a LocalAI gallery (https://index.localai.io/models). Everything is served on this machine to a
whole kernel. Prints how long the gallery takes to be fetched, parsed and indexed (wall and processor time; the server's
share is in both); what each catalog asks when nothing has changed; and what is asked and sent for the header of a
GGUF with a vocabulary of 256 k tokens (what was on its way when papin hung up was sent as well).
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import tempfile
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import trio
from bench_gguf import make_file

from papin.formats import read_file
from papin.kernel import Kernel, open_kernel
from papin.testing.model_server import ThreadServer
from papin_gguf.plugin import papin_formats

PIECE = 64 << 10
REPOSITORY = {
    "id": "acme/Tiny-8B-GGUF",
    "sha": "0" * 40,
    "tags": ["gguf"],
    "downloads": 10,
    "siblings": [{"rfilename": "Tiny-8B-Q4_K_M.gguf"}],
}


class Server(ThreadServer):
    """Serves `bodies` by path; notes each answer as (path, what was asked for but all of it, status), and bytes sent."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        super().__init__(Handler)
        self.bodies = bodies
        self.answers: list[tuple[str, str, int]] = []
        self.sent = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        body = self.server.bodies.get(path, b"")
        etag, part = f'"{hashlib.sha256(body).hexdigest()}"', self.headers.get("range", "")
        status = 404 if not body else 206 if part else 304 if self.headers.get("if-none-match") == etag else 200
        self.server.answers.append((path, part or (self.headers.get("if-none-match", "") and "if changed"), status))
        self.send_response(status)
        self.send_header("ETag", etag)
        total = len(body)
        if status == 206:
            first, last = (int(number or total - 1) for number in part.removeprefix("bytes=").split("-"))
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
            body = body[first : last + 1]
        body = body if status < 300 else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)  # what is sent is nearly what arrives
        with suppress(ConnectionError):
            for at in range(0, len(body), PIECE):
                self.connection.sendall(body[at : at + PIECE])
                self.server.sent += len(body[at : at + PIECE])


async def refreshes(kernel: Kernel, server: Server) -> None:
    """Print what the first refresh of each catalog takes, and what the second one asks."""
    for name in ("localai", "huggingface", "team"):
        wall, cpu = time.perf_counter(), time.process_time()
        (done,) = await kernel.catalogs.refresh([name])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert done.problem is None, done.problem
        first = len(server.answers)
        server.answers.clear()
        await kernel.catalogs.refresh([name])
        again = ", ".join(f"{path} {asked}: {status}" for path, asked, status in server.answers)
        print(f"{name}: {done.changed} models in {wall:.2f} s, {cpu:.2f} s of processor, {first} requests")
        print(f"    without a change: {len(server.answers)} request ({again})")
        server.answers.clear()


async def main(gallery: bytes) -> None:
    """Serve, refresh and look."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        big = home / "256k.gguf"
        make_file(big)
        header = read_file(tuple(papin_formats()), big)
        model = {"name": "big", "variants": [{"files": [{"url": "big.gguf"}]}]}
        bodies = {
            "/gallery.yaml": gallery,
            "/api/models": json.dumps([REPOSITORY]).encode(),
            "/papin-index.json": json.dumps({"papin_index": 1, "models": [model]}).encode(),
            "/big.gguf": big.read_bytes() + bytes(64 << 20),
        }
        with Server(bodies) as server:
            (home / "config.toml").write_text(
                f'[catalogs.localai]\naddress = "{server.url}/gallery.yaml"\n'
                f'[catalogs.huggingface]\nendpoint = "{server.url}"\n'
                f'[catalogs.team]\nkind = "index"\naddress = "{server.url}/papin-index.json"\n'
            )
            async with open_kernel(environ={"PAPIN_HOME": name}) as kernel:
                await refreshes(kernel, server)
                server.sent = 0
                page = await kernel.discovery.show("team:big")
        assert page.header is not None, page.problem
        asked = [part for path, part, _ in server.answers if path == "/big.gguf"]
        print(f"a header of {header.header_bytes:,} bytes with {page.header.vocabulary:,} tokens: ", end="")
        print(f"{len(asked)} requests ({', '.join(asked)}), {(server.sent - header.header_bytes) >> 10} KiB more sent")


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]).read_bytes())
