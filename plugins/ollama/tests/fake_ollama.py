"""Speaks as Ollama 0.20 does, over a real folder of models; nothing is computed, every answer is the same few words.

It is strict: a field or an option that the real one does not know is an error here. What it should do otherwise than
usual is told to `POST /fake/behave`, as JSON that stays until the next: `create` (rewrite, refuse, fail, plain, hang),
`load` (memory, fail), `chat` (error, cut, rubbish, hang, think), `pull` (a list of lines to send; `hang`, `cut` and
`down` end it), `show` (nonsense), `tags` (nonsense, endless, down).
"""

import hashlib
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_store import PREFIX, Missing, Store
from gguf_file import read

WORDS = ("Paris", " is", " the", " capital", " of", " France", ".")
OPTIONS = {
    "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "num_keep", "seed", "num_predict", "top_k",
    "top_p", "min_p", "typical_p", "repeat_last_n", "temperature", "repeat_penalty", "presence_penalty",
    "frequency_penalty", "stop",
}  # fmt: skip
RUNNER = ("num_ctx", "num_gpu", "num_thread", "num_batch", "main_gpu", "use_mmap")
FIELDS = {
    "/api/generate": {"model", "prompt", "raw", "stream", "options", "keep_alive", "format", "system", "think"},
    "/api/chat": {"model", "messages", "stream", "options", "keep_alive", "format", "think"},
    "/api/embed": {"model", "input", "options", "keep_alive", "truncate"},
    "/api/show": {"model", "verbose"},
    "/api/pull": {"model", "insecure", "stream"},
    "/api/create": {"model", "from", "files", "template", "system", "license", "parameters", "messages", "stream", "renderer", "parser"},
    "/api/copy": {"source", "destination"},
    "/api/delete": {"model"},
}  # fmt: skip
CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
FOR_EVER = timedelta(days=100_000)


class Refused(Exception):
    def __init__(self, status, message):
        self.status = status
        self.message = message


class State:
    """What is in memory, how often something was loaded, and how to behave."""

    def __init__(self):
        self.loaded = {}
        self.loads = 0
        self.asked = []
        self.behaviour = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store
    state: State

    def log_message(self, *_):
        return

    # --- plumbing ---

    def answer(self, status, body, kind="application/json; charset=utf-8"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if kind and data:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def line(self, value):
        data = (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end(self):
        self.wfile.write(b"0\r\n\r\n")

    def cut(self):
        self.close_connection = True
        self.connection.close()

    def body(self):
        data = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        unknown = set(data) - FIELDS.get(self.path, set(data))
        assert not unknown, unknown
        assert set(data.get("options", {})) <= OPTIONS, data["options"]
        return data

    def dispatch(self, routes):
        self.state.asked.append(f"{self.command} {self.path}")
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in {"127.0.0.1", "localhost", "[::1]"}:
            self.answer(403, b"")
            return
        try:
            for path, method in routes.items():
                if self.path == path or (path.endswith("/") and path != "/" and self.path.startswith(path)):
                    method()
                    return
            self.answer(404, b"404 page not found", "text/plain")
        except Missing as error:
            self.answer(404, {"error": str(error)})
        except Refused as error:
            self.answer(error.status, {"error": error.message})
        except ValueError as error:
            self.answer(400, {"error": str(error)})
        except AssertionError as error:
            self.answer(500, {"error": f"the fake is strict: {error}"})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self):
        self.dispatch(
            {
                "/": lambda: self.answer(200, b"Ollama is running", "text/plain; charset=utf-8"),
                "/api/version": lambda: self.answer(200, {"version": "0.20.0"}),
                "/api/tags": self.tags,
                "/api/ps": self.ps,
                "/api/blobs/": self.has_blob,
                "/fake/state": lambda: self.answer(200, {"loads": self.state.loads, "asked": self.state.asked}),
            }
        )

    do_HEAD = do_GET

    def do_POST(self):
        self.dispatch(
            {
                "/api/blobs/": self.blob,
                "/api/show": self.show,
                "/api/create": self.create,
                "/api/copy": self.copy,
                "/api/pull": self.pull,
                "/api/generate": self.generate,
                "/api/chat": self.chat,
                "/api/embed": self.embed,
                "/fake/behave": self.behave,
            }
        )

    def do_DELETE(self):
        self.dispatch({"/api/delete": self.delete})

    def behave(self):
        self.state.behaviour = self.body()
        self.state.loaded.clear()
        self.state.asked.clear()
        self.state.loads = 0
        self.answer(200, {})

    # --- models ---

    def has_blob(self):
        assert self.command == "HEAD"
        if self.store.blob(self.path.rpartition("/")[2]).exists():
            self.answer(200, b"")
        else:
            self.answer(404, {"error": "blob not found"})  # of which only the head is sent

    def blob(self):
        digest = self.path.rpartition("/")[2]
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            got = f"sha256:{hashlib.sha256(data).hexdigest()}"
            raise ValueError(f'digest mismatch, expected "{digest}", got "{got}"')
        is_there = self.store.blob(digest).exists()
        self.store.blob(digest).write_bytes(data)
        self.answer(200 if is_there else 201, b"")

    def tags(self):
        how = self.state.behaviour.get("tags")
        if how == "nonsense":
            self.answer(200, {"models": [{"name": 7}]})
        elif how == "down":
            self.cut()
        elif how == "endless":
            self.begin()
            while True:
                self.line('{"models": [' + "[" * 60000)
        else:
            self.answer(200, {"models": self.store.tags()})

    def show(self):
        name = self.body()["model"]
        manifest = self.store.manifest(name)
        config = self.store.config(manifest)
        blob = self.store.blob(self.store.model_digest(manifest))
        texts = {
            kind: b"\n".join(self.store.content(manifest, kind)).decode() for kind in ("template", "system", "license")
        }
        parameters = {}
        for data in self.store.content(manifest, "params"):
            parameters |= json.loads(data)
        rows = [
            f"{key:<30} {json.dumps(each) if isinstance(each, str) else each}"
            for key, value in parameters.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        found = {
            "modelfile": f"FROM {blob}\n",
            "template": texts["template"] or "{{ .Prompt }}",
            "details": self.store.details(config),
            "model_info": self.told(read(blob.read_bytes())),
            "tensors": [{"name": "token_embd.weight", "type": "Q4_1", "shape": [576, 49152]}],
            "capabilities": ["completion"],
            "modified_at": "2026-08-20T10:11:12.123456789+02:00",
        }
        found |= {"parameters": "\n".join(rows)} if rows else {}
        found |= {kind: texts[kind] for kind in ("system", "license") if texts[kind]}
        self.answer(200, found)

    def told(self, values):
        """Return of a file's metadata what is told when nobody asks for all: lists are null, the template is left out."""
        return {
            name: None if isinstance(value, list) else value
            for name, value in values.items()
            if name != "tokenizer.chat_template"
        }

    def copy(self):
        body = self.body()
        if not self.store.path(body["source"]).is_file():
            raise Missing(f'model "{body["source"]}" not found')
        target = self.store.path(body["destination"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.store.path(body["source"]).read_bytes())
        self.answer(200, b"")

    def delete(self):
        self.store.delete(self.body()["model"])
        self.answer(200, b"")

    def create(self):
        body = self.body()
        self.store.path(body["model"])
        how = self.state.behaviour.get("create")
        if how == "refuse":
            raise Refused(500, "this architecture is unknown")
        self.begin()
        while how == "hang":
            self.line({"status": "parsing GGUF"})
            time.sleep(0.01)
        try:
            old = self.store.manifest(body["model"])
        except Missing:
            old = None
        try:
            self._create(body, how)
        except FileNotFoundError as error:
            self.line({"error": f"open {error.filename}: no such file or directory"})
            self.end()
            return
        except (OSError, ValueError, Missing) as error:
            self.line({"error": str(error)})
            self.end()
            return
        if old:
            self.store.remove_layers(old)
        self.line({"status": "success"})
        self.end()

    def _create(self, body, how):
        if "from" in body:
            old = self.store.manifest(body["from"])  # the real one would try to pull it
            layers, config = list(old["layers"]), self.store.config(old)
            self.told_layers(layers)
        else:
            layers, config = self._from_files(body, how)
        for kind in ("template", "system"):
            if body.get(kind):
                layers = self.without(layers, kind)
                layers.append(self.new_layer(body[kind].encode(), kind))
        for text in [body["license"]] if isinstance(body.get("license"), str) else body.get("license", []):
            layers.append(self.new_layer(text.encode(), "license"))
        known = {}
        for each in [each for each in layers if each["mediaType"] == PREFIX + "params"]:
            known |= json.loads(self.store.blob(each["digest"]).read_bytes())
        if parameters := known | body.get("parameters", {}):
            layers = self.without(layers, "params")
            layers.append(self.new_layer(json.dumps(parameters).encode(), "params"))
        if how == "fail":
            raise ValueError("unsupported content type")
        self.line({"status": "writing manifest"})
        self.store.write(body["model"], self.store.put(json.dumps(config).encode(), "config"), layers)

    def told_layers(self, layers):
        for each in layers:
            self.line({"status": f"using existing layer {each['digest']}"})

    def new_layer(self, data, kind):
        layer = self.store.put(data, kind)
        self.line({"status": f"creating new layer {layer['digest']}"})
        return layer

    def without(self, layers, kind):
        for each in [each for each in layers if each["mediaType"] == PREFIX + kind]:
            if each["digest"] not in self.store.used():
                self.store.blob(each["digest"]).unlink(missing_ok=True)
        return [each for each in layers if each["mediaType"] != PREFIX + kind]

    def _from_files(self, body, how):
        layers = []
        config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers"}}
        for digest in body["files"].values():
            self.line({"status": "parsing GGUF"})
            data = self.store.blob(digest).read_bytes()
            if data[:4] != b"GGUF":
                raise ValueError("supplied file was not in GGUF format")
            if how == "rewrite":  # as versions from 0.30 on do
                layers.append(self.store.put(data + b"rewritten", "model"))
            else:
                layers.append({"mediaType": PREFIX + "model", "digest": digest, "size": len(data), "from": "x"})
                self.told_layers(layers[-1:])
            values = read(data)
            family = values["general.architecture"]
            config |= {
                "model_format": "gguf",
                "model_family": family,
                "model_families": [family],
                "model_type": "134.52M",
                "file_type": "Q4_1",
            }
            if "<|im_start|>" in values.get("tokenizer.chat_template", "") and how != "plain":
                self.line({"status": "using autodetected template chatml"})
                layers.append(self.store.put(CHATML.encode(), "template"))
                layers.append(self.store.put(b'{"stop":["<|im_start|>","<|im_end|>"]}\n', "params"))
        return layers, config

    # --- pulling ---

    def pull(self):
        body = self.body()
        if "pull" in self.state.behaviour:
            self.script(self.state.behaviour["pull"])
            return
        self.begin()
        self.line({"status": "pulling manifest"})
        try:
            self._pull(body)
            self.line({"status": "success"})
        except (OSError, ValueError) as error:
            self.line({"error": f"pull model manifest: {error}"})
        self.end()

    def script(self, lines):
        self.begin()
        for each in lines:
            if each == "hang":
                while True:  # it goes on to tell the same, and notices when nobody listens
                    self.line({"status": "pulling aa", "digest": "sha256:aa", "total": 100, "completed": 10})
                    time.sleep(0.02)
            if each == "cut":
                self.cut()
                return
            self.line(each)
        self.end()

    def _pull(self, body):
        name = body["model"].rpartition("://")[2]
        host, namespace, model, tag = self.store.path(name).relative_to(self.store.manifests).parts
        scheme = "http" if body.get("insecure") else "https"
        base = f"{scheme}://{host}/v2/{namespace}/{model}"
        asked = urllib.request.Request(
            f"{base}/manifests/{tag}", headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        )
        try:
            with urllib.request.urlopen(asked) as answer:
                data = answer.read()
        except urllib.error.HTTPError as error:
            raise ValueError("file does not exist" if error.code == 404 else str(error)) from error
        except urllib.error.URLError as error:
            why = f"dial tcp {host}: connect: {error.reason.strerror.lower()}"
            raise ValueError(f'Get "{asked.full_url}": {why}') from error
        manifest = json.loads(data)
        for each in [*manifest["layers"], manifest["config"]]:
            self._pull_blob(base, each)
        self.line({"status": "verifying sha256 digest"})
        self.line({"status": "writing manifest"})
        path = self.store.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _pull_blob(self, base, layer):
        digest, total = layer["digest"], layer["size"]
        name = f"pulling {digest[7:19]}"
        self.line({"status": name, "digest": digest, "total": total})
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            opener.open(f"{base}/blobs/{digest}").close()
            raise ValueError("http: no Location header in response")
        except urllib.error.HTTPError as moved:
            if moved.code != 307:
                raise
            target = moved.headers["Location"]
        if urllib.parse.urlsplit(target).hostname == urllib.parse.urlsplit(base).hostname:
            raise ValueError("http: no Location header in response")  # it follows those, and is lost
        with urllib.request.urlopen(target) as answer:
            data = answer.read()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise ValueError("digest mismatch, file must be downloaded again")
        self.store.blob(digest).write_bytes(data)
        self.line({"status": name, "digest": digest, "total": total, "completed": total})

    # --- memory ---

    def ps(self):
        now = datetime.now(UTC)
        for name in [name for name, each in self.state.loaded.items() if each["until"] < now]:
            del self.state.loaded[name]
        models = [
            {
                "name": name,
                "model": name,
                "size": 190_948_608,
                "size_vram": 0,
                **self.known(name),
                "expires_at": each["until"].isoformat().replace("+00:00", "Z"),
                "context_length": each["options"].get("num_ctx", 4096),
            }
            for name, each in self.state.loaded.items()
        ]
        self.answer(200, {"models": models})

    def known(self, name):
        """Return what the list says of a model, by a digest that it may have no more."""
        listed = next((each for each in self.store.tags() if each["name"] == name), None)
        return {key: listed[key] for key in ("digest", "details")} if listed else {"digest": "", "details": {}}

    def schedule(self, body):
        """Load the model of a request where it is not in memory as the request wants it; return its short name."""
        name = ":".join(self.store.path(body["model"]).parts[-2:])
        manifest = self.store.manifest(body["model"])
        options = {key: value for key, value in body.get("options", {}).items() if key in RUNNER}
        how = self.state.behaviour.get("load")
        if how == "memory":
            raise Refused(500, "model requires more system memory (99.0 GiB) than is available (1.0 GiB)")
        if how == "fail" or not self.store.blob(self.store.model_digest(manifest)).exists():
            raise Refused(500, "unable to load model")
        known = self.state.loaded.get(name)
        if known is None or known["options"] != options:
            self.state.loads += 1
            known = self.state.loaded[name] = {"options": options, "keep": timedelta(minutes=5)}
        if "keep_alive" in body:
            keep = body["keep_alive"]
            known["keep"] = FOR_EVER if keep < 0 else timedelta(seconds=keep)
        known["until"] = datetime.now(UTC) + known["keep"]
        return name, self.store.config(manifest)

    def said(self, body, **more):
        return {"model": body["model"], "created_at": datetime.now(UTC).isoformat(), **more}

    def generate(self):
        body = self.body()
        if not body.get("prompt") and body.get("keep_alive") == 0:
            self.store.manifest(body["model"])
            self.state.loaded.pop(":".join(self.store.path(body["model"]).parts[-2:]), None)
            self.answer(200, self.said(body, response="", done=True, done_reason="unload"))
            return
        if self.store.config(self.store.manifest(body["model"])).get("model_family") == "bert":
            raise Refused(400, f'"{body["model"]}" does not support generate')
        self.schedule(body)
        if not body.get("prompt"):
            self.answer(200, self.said(body, response="", done=True, done_reason="load"))
            return
        assert body.get("raw") is True
        self.stream(body, lambda word: {"response": word})

    def chat(self):
        body = self.body()
        assert all(set(each) == {"role", "content"} for each in body["messages"])
        self.schedule(body)
        self.stream(body, lambda word: {"message": {"role": "assistant", "content": word}})

    def stream(self, body, piece):
        assert body["stream"] is True
        how = self.state.behaviour.get("chat")
        self.begin()
        words = WORDS[: body["options"].get("num_predict", len(WORDS))]
        if how == "think":
            for word in ("Let", " me", " see"):
                self.line(self.said(body, message={"role": "assistant", "content": "", "thinking": word}, done=False))
        for word in words:
            self.line(self.said(body, **piece(word), done=False))
            if how == "error":
                self.line({"error": "the runner\x1b[31m died"})
                self.end()
                return
            if how == "cut":
                self.cut()
                return
            if how == "rubbish":
                self.line("<html>")
            if how == "hang":
                threading.Event().wait(30)
        reason = "length" if len(words) < len(WORDS) else "stop"
        timings = {
            "total_duration": 9_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 16,
            "prompt_eval_duration": 4_000_000,
            "eval_count": len(words),
            "eval_duration": 2_500_000,
        }
        self.line(self.said(body, **piece(""), done=True, done_reason=reason, **timings))
        self.end()

    def embed(self):
        body = self.body()
        if not self.store.path(body["model"]).is_file():
            raise Missing(f'model "{body["model"]}" not found, try pulling it first')
        self.schedule(body)
        texts = body.get("input", [])
        vectors = [[float(len(text)), 1.0, 0.5] for text in texts]
        figures = {"total_duration": 2_000_000, "load_duration": 1_000_000, "prompt_eval_count": sum(map(len, texts))}
        self.answer(200, {"model": body["model"], "embeddings": vectors, **figures})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def main():
    host, _, port = os.environ["OLLAMA_HOST"].rpartition(":")
    Handler.store = Store(os.environ["OLLAMA_MODELS"])
    Handler.store.prune()
    Handler.state = State()
    server = Server((host, int(port)), Handler)
    sys.stderr.write(f'level=INFO msg="Listening on {host}:{server.server_address[1]} (version 0.20.0)"\n')
    sys.stderr.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
