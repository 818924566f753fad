"""How fast a file arrives, verified and durable, next to curl and aria2: `python tests/bench/bench_download.py [rounds] [MiB]`.

All sides take turns, so that a disk or a neighbour that is slow for a while is slow for all; the medians count. nginx
serves on loopback: at full speed, over TLS, and with 20 MB/s for each connection.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 256; }}
http {{
  sendfile on; access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{plain}; root {folder}/www; }}
  server {{ listen 127.0.0.1:{limited}; root {folder}/www; limit_rate 20m; }}
  server {{ listen 127.0.0.1:{tls} ssl; root {folder}/www; ssl_certificate {folder}/cert.pem;
           ssl_certificate_key {folder}/key.pem; }}
}}
"""

# In a virtual machine a page of memory that was not used for a while costs more than what is written to it. So all
# sides find as much memory and as many blocks as they need freshly given back.
_WARM = """
import os
def warm(folder, size):
    handle = os.open(os.path.join(folder, "warm"), os.O_WRONLY | os.O_CREAT)
    for _ in range((size >> 20) + 256):
        os.write(handle, bytes(1 << 20))
    os.fsync(handle)
    os.close(handle)
    os.unlink(os.path.join(folder, "warm"))
"""

# One download by the engine, in a process of its own: seconds from the call to the durable payload, and its memory.
_CHILD = """
import json, os, resource, sys, time
from pathlib import Path
import trio
from papin._http import _client
from papin._transfers import _hasher, _payload, fetch
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.testing import make_context
from papin_store.plugin import papin_storages

url, sha256, folder, size, bare = sys.argv[1:]
if bare == "bare":
    os.fsync = os.fdatasync = lambda _: None
    _payload.Payload.hash = lambda self, chunks, into: len(chunks)
    _hasher.Hasher._update = lambda self, views: None
    sha256 = ""
store = next(iter(papin_storages()))

async def main():
    async with store.open(make_context(store, Path(folder))) as storage:
        wanted = WantedFile(name="one.gguf", sources=(HttpSource(url=url, user_named=True),), sha256=sha256 or None)
        warm(folder, int(size))
        began = time.perf_counter()
        await fetch(wanted, storage, Http(), lambda _: None)
        return time.perf_counter() - began

took = trio.run(main)
print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bench:
    """A folder with the file, the server, and what arrived."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.ports = {name: _port() for name in ("plain", "limited", "tls")}
        self.size = size
        self.memory = 0
        (folder / "www").mkdir()
        digest = hashlib.sha256()
        made = random.Random(1)
        with (folder / "www" / "one.gguf").open("wb") as file:
            for _ in range(size >> 20):
                piece = made.randbytes(1 << 20)
                digest.update(piece)
                file.write(piece)
            os.fsync(file.fileno())
        self.sha256 = digest.hexdigest()
        command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        keys = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
        subprocess.run(["openssl", *command.split(), *keys], check=True, capture_output=True)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, **self.ports))
        folder.chmod(0o755)
        self.server = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
        while subprocess.run(["curl", "-sfI", self.url("plain")], capture_output=True, check=False).returncode:
            time.sleep(0.1)

    def url(self, server: str) -> str:
        """Return the address of the file."""
        scheme, host = ("https", "localhost") if server == "tls" else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.ports[server]}/one.gguf"

    def warm(self) -> None:
        """See `_WARM`."""
        names: dict[str, Any] = {"os": os}
        exec(_WARM, names)  # the same code as in the other process
        names["warm"](self.folder, self.size)

    def shell(self, command: str) -> float:
        """Run `command`, which fetches into `$out`; return the seconds."""
        out = self.folder / "out"
        environ = os.environ | {"out": str(out), "sha256": self.sha256, "ca": str(self.folder / "cert.pem")}
        self.warm()
        began = time.perf_counter()
        subprocess.run(["sh", "-ec", command], check=True, env=environ, cwd=self.folder, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - began
        out.unlink()
        return took

    def papin(self, server: str, *, bare: bool = False) -> float:
        """Fetch by the engine; return the seconds."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            arguments = [self.url(server), self.sha256, folder, str(self.size), "bare" if bare else ""]
            environ = os.environ | {"SSL_CERT_FILE": str(self.folder / "cert.pem")}
            done = subprocess.run(
                [sys.executable, "-c", _WARM + _CHILD, *arguments], check=True, env=environ, capture_output=True
            )
        took, memory = json.loads(done.stdout)
        self.memory = max(self.memory, memory)
        return float(took)


def _sides(bench: Bench) -> dict[str, Callable[[], float]]:
    plain, limited, tls = bench.url("plain"), bench.url("limited"), bench.url("tls")
    digest = "openssl dgst -sha256 $out"
    aria = "aria2c -q --allow-overwrite=true -d / -o $out"
    return {
        "curl, then openssl": lambda: bench.shell(f"curl -sf -o $out {plain}; {digest}"),
        "aria2 -x8, then openssl": lambda: bench.shell(f"{aria} -x8 -s8 {plain}; {digest}"),
        "aria2 -x8 --checksum": lambda: bench.shell(f"{aria} -x8 -s8 --checksum=sha-256=$sha256 {plain}"),
        "papin": lambda: bench.papin("plain"),
        "papin, neither hashed nor durable": lambda: bench.papin("plain", bare=True),
        "TLS: curl, then openssl": lambda: bench.shell(f"curl -sf --cacert $ca -o $out {tls}; {digest}"),
        "TLS: papin": lambda: bench.papin("tls"),
        "limited: aria2 -x16": lambda: bench.shell(f"{aria} -x16 {limited}"),
        "limited: aria2 -x16 -s16 -k1M": lambda: bench.shell(f"{aria} -x16 -s16 -k1M {limited}"),
        "limited: papin": lambda: bench.papin("limited"),
    }


def _report(times: dict[str, list[float]], memory: int) -> None:
    mid = {name: median(each) for name, each in times.items()}
    for name, each in times.items():
        print(f"{name:36} {mid[name]:6.2f} s   ({min(each):.2f} to {max(each):.2f})")
    best = min(list(mid.values())[:3])
    print(f"full speed: {mid['papin'] / best:.2f} x the best of the others (goal 0.8)")
    print(f"hashing and durability: {mid['papin'] / mid['papin, neither hashed nor durable']:.2f} x (goal 1.05)")
    print(f"TLS: {mid['TLS: papin'] / mid['TLS: curl, then openssl']:.2f} x curl, then openssl (goal 1.0)")
    print(f"limited: {mid['limited: papin'] / mid['limited: aria2 -x16']:.2f} x aria2 -x16 (goal 1.0)")
    print(f"limited: {mid['limited: papin'] / mid['limited: aria2 -x16 -s16 -k1M']:.2f} x aria2 in 16 parts")
    print(f"memory: {memory} MiB at most (goal 120)")


def main() -> None:
    """Take turns and print the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    size = (int(sys.argv[2]) if len(sys.argv) > 2 else 1024) << 20
    missing = [name for name in ("nginx", "curl", "aria2c", "openssl") if not shutil.which(name)]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), size)
        try:
            times: dict[str, list[float]] = {name: [] for name in _sides(bench)}
            for _ in range(rounds):
                for name, side in _sides(bench).items():
                    times[name].append(side())
        finally:
            bench.server.terminate()
            bench.server.wait()
        _report(times, bench.memory)


if __name__ == "__main__":
    main()
