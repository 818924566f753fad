"""A registry as Ollama's: manifests, and blobs that are somewhere else. It keeps to the letter of the protocol."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .gguf_file import CHATML, gguf

PREFIX = "application/vnd.ollama.image."
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
TEMPLATE = b"{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
LICENSE = b"Apache License\nVersion 2.0\n"
PATH = re.compile(r"/v2/((?:[A-Za-z0-9_.-]+/)+[A-Za-z0-9_.-]+)/(manifests|blobs)/([A-Za-z0-9_.:-]+)")


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(kind, data):
    media = CONFIG if kind == "config" else PREFIX + kind
    return {"mediaType": media, "digest": sha256(data), "size": len(data)}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        return  # a client that has seen enough closes its connection


class Registry:
    """Serves on a port of its own; `any_name` makes up a model for every name that is asked for.

    Blobs are `elsewhere`, by another name of this machine: Ollama follows a redirect only to another host.
    """

    def __init__(self, *, any_name=False, elsewhere="localhost"):
        self.any_name = any_name
        self.elsewhere = elsewhere
        self.manifests = {}
        self.blobs = {}
        self.asked = []
        self.answers = {}
        self.cut_after = None
        registry = self

        class Handler(_Handler):
            pass

        Handler.registry = registry
        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def add(self, name, tag, weights, *, extra=(), config=None):
        """Publish a model of the bytes `weights`; return its manifest."""
        facts = {
            "model_format": "gguf",
            "model_family": "llama",
            "model_families": ["llama"],
            "model_type": "134.52M",
            "file_type": "Q4_1",
        }
        about = json.dumps(facts | (config or {})).encode()
        parts = [
            ("model", weights),
            ("template", TEMPLATE),
            ("params", b'{"stop":["<|im_end|>"]}'),
            ("license", LICENSE),
            *extra,
        ]
        return self.publish(name, tag, [layer(*part) for part in parts], [data for _, data in parts], about)

    def publish(self, name, tag, layers, contents, about):
        self.blobs |= {sha256(data): data for data in [*contents, about]}
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layer("config", about), "layers": layers}
        self.manifests[name, tag] = json.dumps(body).encode()
        return self.manifests[name, tag]

    def find(self, name, tag):
        if (name, tag) not in self.manifests and self.any_name and "no-such" not in name and "no_such" not in tag:
            self.add(name, tag, gguf(template=CHATML, filling=f"{name} {tag}".encode()))
        return self.manifests.get((name, tag))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def log_message(self, *_):
        return

    def send(self, status, data=b"", **headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self):
        registry = self.registry
        registry.asked.append((self.command, self.path, dict(self.headers)))
        if self.path.startswith("/storage/"):
            self.serve(registry.blobs[self.path.rpartition("/")[2].partition("?")[0]])
            return
        found = PATH.fullmatch(self.path)
        if found is None:
            self.send(404)
        elif found[2] in registry.answers:
            status, body, headers = registry.answers[found[2]]
            self.send(status, body, **headers)
        elif found[2] == "manifests":
            data = registry.find(found[1], found[3]) if self.headers["Accept"] == MANIFEST else None
            self.send(200 if data else 404, data or b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', Content_Type=MANIFEST)
        elif found[3] not in registry.blobs:
            self.send(404)
        elif self.command == "HEAD":
            self.send(200, registry.blobs[found[3]])
        else:
            self.send(307, Location=f"http://{registry.elsewhere}:{registry.port}/storage/{found[3]}?signature=secret")

    do_HEAD = do_GET

    def serve(self, data):
        """Serve a blob or the range of it that is asked for; `cut_after` breaks off, once."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = int(asked[2]) if asked and asked[2] else len(data) - 1
        part = data[first : last + 1]
        more = {"Content_Range": f"bytes {first}-{last}/{len(data)}"} if asked else {}
        cut, self.registry.cut_after = self.registry.cut_after, None
        if cut is None or cut >= len(part):
            self.registry.cut_after = cut
            self.send(206 if asked else 200, part, Accept_Ranges="bytes", ETag='"one"', **more)
            return
        self.send_response(206 if asked else 200)
        for name, value in {"Content-Length": str(len(part)), "Accept-Ranges": "bytes", "ETag": '"one"'}.items():
            self.send_header(name, value)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(part[:cut])
        self.close_connection = True
