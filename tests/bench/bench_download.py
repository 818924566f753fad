"""How fast a file arrives, verified and durable, next to curl and aria2.

    python tests/bench/bench_download.py [full|tls|limited|line|tiny|all] [rounds] [MiB]

All sides take turns, so that a disk or a neighbour that is slow for a while is slow for all; ratios are taken within a
round, and their medians count. nginx serves on loopback, at full speed and over TLS; for 20 MB/s a connection, whatever it
is asked for, and for a line of 1 Gbit/s that gives a connection a third of it, see `limited_server`. The tail is what
passes between the last byte that came and the end.
Five rounds of 1 GiB take about three minutes on an idle machine, and much longer beside other work.

"Neither hashed nor durable" is the same engine with its digest and all its fsyncs taken out, by this program alone:
papin has no such switch. `tiny` is row N32: bodies in HTTP chunks of a few bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

_LIMITED = Path(__file__).with_name("limited_server.py")
# Bytes a second for each connection, and for all together.
_PACED = {"limited": (20_000_000, 2_000_000_000), "line": (40_000_000, 125_000_000)}

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 256; }}
http {{
  sendfile on; log_format sent '$body_bytes_sent'; access_log {folder}/sent sent;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{plain}; root {folder}/www; }}
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
from papin._transfers import _hasher, _ledger, _payload, fetch
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.testing import make_context
from papin_store.plugin import papin_storages

url, sha256, folder, size, bare = sys.argv[1:]
if bare == "bare":
    os.fsync = os.fdatasync = lambda _: None
    _payload.Payload.hash = lambda self, chunks, into: len(chunks)
    class Nothing:
        update = lambda self, data: None
        hexdigest = lambda self: "0" * 64
    _hasher.hashlib = type("", (), {"sha256": Nothing})
    sha256 = ""
store = next(iter(papin_storages()))
complete, came = _ledger.Ledger.complete, 0.0
def noted(self, number, crc):
    global came
    came = time.perf_counter()
    complete(self, number, crc)
_ledger.Ledger.complete = noted

async def main():
    async with store.open(make_context(store, Path(folder))) as storage:
        wanted = WantedFile(name="one.gguf", sources=(HttpSource(url=url, user_named=True),), sha256=sha256 or None)
        warm(folder, int(size))
        began = time.perf_counter()
        await fetch(wanted, storage, Http(), lambda _: None)
        ended = time.perf_counter()
        return [ended - began, ended - came]

print(json.dumps([*trio.run(main), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bench:
    """A folder with the file, the server, and what arrived."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.ports = {name: _port() for name in ("plain", "limited", "line", "tls")}
        self.size = size
        self.memory = 0
        self.wire = 0.0
        self.tails: list[float] = []
        (folder / "www").mkdir()
        digest = hashlib.sha256()
        self.hashing = 0.0
        made = random.Random(1)
        with (folder / "www" / "one.gguf").open("wb") as file:
            for _ in range(size >> 20):
                piece = made.randbytes(1 << 20)
                began = time.process_time()
                digest.update(piece)
                self.hashing += time.process_time() - began
                file.write(piece)
            os.fsync(file.fileno())
        self.sha256 = digest.hexdigest()
        command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        keys = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
        subprocess.run(["openssl", *command.split(), *keys], check=True, capture_output=True)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, **self.ports))
        folder.chmod(0o755)
        file = folder / "www" / "one.gguf"
        paced = [[_LIMITED, file, self.ports[name], *rates, folder / "sent"] for name, rates in _PACED.items()]
        self.servers = [
            subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL),
            *(subprocess.Popen([sys.executable, *map(str, words)]) for words in paced),
        ]
        for server in ("plain", *_PACED):
            while subprocess.run(["curl", "-sfI", self.url(server)], capture_output=True, check=False).returncode:
                time.sleep(0.1)

    def close(self) -> None:
        """End the servers."""
        for server in self.servers:
            server.terminate()
            server.wait()

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
        log = self.folder / "sent"
        before = _sent(log)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            arguments = [self.url(server), self.sha256, folder, str(self.size), "bare" if bare else ""]
            environ = os.environ | {"SSL_CERT_FILE": str(self.folder / "cert.pem")}
            environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed for somebody is compiled once
            done = subprocess.run(
                [sys.executable, "-c", _WARM + _CHILD, *arguments], check=True, env=environ, capture_output=True
            )
        took, tail, memory = json.loads(done.stdout)
        if not bare:
            self.tails.append(tail)
        self.memory = max(self.memory, memory)
        self.wire = max(self.wire, (_sent(log) - before) / self.size)
        return float(took)


def _sent(log: Path) -> int:
    """Return the bytes that servers noted so far, once no connection is open that they noted."""
    while True:
        words = log.read_text().split()
        if words.count("begun") == words.count("ended"):
            return sum(int(word) for word in words if word.isdigit())
        time.sleep(0.01)


def _sides(bench: Bench, what: str) -> dict[str, Callable[[], float]]:
    plain, limited, line, tls = (bench.url(name) for name in ("plain", "limited", "line", "tls"))
    digest = "openssl dgst -sha256 $out"
    aria = "aria2c -q --allow-overwrite=true -d / -o $out"
    full = {
        "curl, then openssl": lambda: bench.shell(f"curl -sf -o $out {plain}; {digest}"),
        "aria2 -x8, then openssl": lambda: bench.shell(f"{aria} -x8 -s8 {plain}; {digest}"),
        "aria2 -x8 --checksum": lambda: bench.shell(f"{aria} -x8 -s8 --checksum=sha-256=$sha256 {plain}"),
        "papin": lambda: bench.papin("plain"),
        "papin, neither hashed nor durable": lambda: bench.papin("plain", bare=True),
    }
    over_tls = {
        "TLS: curl, then openssl": lambda: bench.shell(f"curl -sf --cacert $ca -o $out {tls}; {digest}"),
        "TLS: papin": lambda: bench.papin("tls"),
    }
    slow = {
        "limited: aria2 -x16": lambda: bench.shell(f"{aria} -x16 {limited}"),
        "limited: aria2 -x16 -s16 -k1M": lambda: bench.shell(f"{aria} -x16 -s16 -k1M {limited}"),
        "limited: papin": lambda: bench.papin("limited"),
        "limited: papin, neither hashed nor durable": lambda: bench.papin("limited", bare=True),
    }
    usual = {
        "line: aria2 -x8": lambda: bench.shell(f"{aria} -x8 -s8 -k1M {line}"),
        "line: aria2 -x8, then openssl": lambda: bench.shell(f"{aria} -x8 -s8 -k1M {line}; {digest}"),
        "line: papin": lambda: bench.papin("line"),
        "line: papin, neither hashed nor durable": lambda: bench.papin("line", bare=True),
    }
    groups = {"full": full, "tls": over_tls, "limited": slow, "line": usual, "all": full | over_tls | slow | usual}
    return groups[what]


# Who is compared with whom, the best of them in each round, and how many times as long it may take.
_GOALS = (
    ("papin", ("curl, then openssl", "aria2 -x8, then openssl", "aria2 -x8 --checksum"), 0.8),
    ("papin", ("papin, neither hashed nor durable",), 1.05),
    ("TLS: papin", ("TLS: curl, then openssl",), 1.0),
    ("limited: papin", ("limited: aria2 -x16",), 1.0),
    ("limited: papin", ("limited: papin, neither hashed nor durable",), 1.05),
    ("line: papin", ("line: aria2 -x8, then openssl",), 0.8),
    ("line: papin", ("line: papin, neither hashed nor durable",), 1.05),
)


def _report(times: dict[str, list[float]], bench: Bench) -> None:
    for name, each in times.items():
        print(f"{name:42} {median(each):6.2f} s   ({min(each):.2f} to {max(each):.2f})")
    for name, others, goal in _GOALS:
        if name in times:
            best = [min(round_) for round_ in zip(*(times[other] for other in others), strict=True)]
            ratio = median(own / other for own, other in zip(times[name], best, strict=True))
            print(f"{name}: {ratio:.2f} x {' or '.join(others)} (goal {goal})")
    print(f"tail: {median(bench.tails):.2f} s ({min(bench.tails):.2f} to {max(bench.tails):.2f})")
    print(f"the processor alone, to hash it: {bench.hashing:.2f} s, which no download is faster than")
    print(
        f"memory: {bench.memory} MiB at most (goal 120); on the wire: {bench.wire:.3f} x the file at most (goal 1.02)"
    )


# The least and the most bytes of a chunk.
_TINY = ((1, 1), (1, 2), (16, 16), (8, 24), (256, 256), (128, 384), (512, 1536), (16384, 16384))


def _tiny() -> None:
    """Row N32: the megabytes a second, and the CPU that they take; chunks that are all alike, or not."""
    for least, most in _TINY:
        count = min(4_000_000, (512 << 20) // (least + most))
        made = random.Random(1)
        sizes = [made.randint(least, most) for _ in range(count)]
        body = b"".join(b"%x\r\n%b\r\n" % (each, made.randbytes(each)) for each in sizes)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
            server = threading.Thread(target=_answer, args=(listener, head + body + b"0\r\n\r\n"))
            server.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/one.gguf"
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            done = subprocess.run(
                [sys.executable, "-c", _WARM + _CHILD, url, "", folder, "0", ""], check=True, capture_output=True
            )
            server.join()
        took = json.loads(done.stdout)[0]
        spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        named = f"{least} to {most}" if most > least else f"{least}"
        print(
            f"chunks of {named:>11} bytes: {sum(sizes) / 1e6 / took:6.1f} MB/s, {spent:.2f} s of CPU for {count} of them"
        )


def _answer(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1 << 16)
        connection.sendall(answer)


def main() -> None:
    """Take turns and print the medians."""
    what, rounds, size = [*sys.argv[1:], *("all", "5", "1024")[len(sys.argv) - 1 :]][:3]
    if what in ("tiny", "all"):
        _tiny()
    missing = [name for name in ("nginx", "curl", "aria2c", "openssl") if not shutil.which(name)]
    if missing or what == "tiny":
        print(f"skipped: {', '.join(missing)} not installed" if missing else "")
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), int(size) << 20)
        try:
            sides = _sides(bench, what)
            times: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(int(rounds)):
                for name, side in sides.items():
                    times[name].append(side())
        finally:
            bench.close()
        _report(times, bench)


if __name__ == "__main__":
    main()
