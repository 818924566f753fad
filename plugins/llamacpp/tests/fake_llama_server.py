"""Speaks as a llama-server does, with the routes and the failings that the tests need; no model is involved.

How it behaves stands in the "model" file: JSON with `load` (ok, hang, refuse, memory, crash, killed, port) and
`answer` (ok, crash, hang, stop, rubbish, too_long, error).
"""

import argparse
import json
import os
import signal
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import fake_answers

from papin.testing.model_server import ModelServer


def log(text):
    sys.stderr.write(f"0.00.001.000 E {text}\n")
    sys.stderr.flush()


class State:
    loaded = threading.Event()
    working = 0
    tokens = 0


class Handler(ModelServer):
    arguments: argparse.Namespace
    key: str
    behaviour: dict[str, str]

    @property
    def n_ctx(self):
        return self.arguments.ctx_size

    def refuse(self, status, message, kind, **more):
        self.answer(status, {"error": {"code": status, "message": message, "type": kind, **more}})

    def is_allowed(self):
        if self.path == "/health" or self.headers.get("Authorization") == f"Bearer {self.key}":
            return True
        self.refuse(401, "Invalid API Key", "authentication_error")
        return False

    def respond(self, method, path):
        if not self.is_allowed():
            return
        if method == "POST":
            self.talk(path)
        elif not State.loaded.is_set():
            self.refuse(503, "Loading model", "unavailable_error")
        elif self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path == "/props":
            path = os.path.realpath(self.arguments.model)
            self.answer(200, fake_answers.props(self.arguments.alias, path, self.n_ctx))
        elif self.path == "/slots":
            self.answer(200, fake_answers.slots(1, State.working, self.n_ctx))
        elif self.path in {"/v1/models", "/models"}:
            listed = [fake_answers.listed(self.arguments.alias, self.n_ctx)]
            self.answer(200, fake_answers.RECORDED["list"] | {"data": listed})
        elif self.path == "/metrics":
            text = (
                f"# TYPE llamacpp:tokens_predicted_total counter\nllamacpp:tokens_predicted_total {State.tokens}\n"
                f"llamacpp:prompt_tokens_total {State.tokens}\nllamacpp:requests_processing {State.working}\n"
                "llamacpp:requests_deferred 0\n"
            )
            self.answer(200, text, "text/plain")
        else:
            self.refuse(404, "File Not Found", "not_found_error")

    def talk(self, path):
        asked, how = self.body, self.behaviour.get("answer", "ok")
        if path == "/v1/embeddings":
            self.refuse(
                501, "This server does not support embeddings. Start it with `--embeddings`", "not_supported_error"
            )
            return
        tokens = len(str(asked.get("prompt", "")).split()) + 1
        if how == "too_long" or tokens > (self.n_ctx or tokens):
            message = f"request ({tokens} tokens) exceeds the available context size ({self.n_ctx} tokens)"
            more = {"n_prompt_tokens": tokens, "n_ctx": self.n_ctx}
            self.refuse(400, f"{message}, try increasing it", "exceed_context_size_error", **more)
            return
        assert asked["stream"] is True
        assert asked["model"] == self.arguments.alias
        State.working += 1
        try:
            self.go_on(how, asked)
        finally:
            State.working -= 1

    def go_on(self, how, asked):
        what = "chat" if "messages" in asked else "completion"
        words = self.words[: asked.get("max_tokens", len(self.words))]
        self.stream()
        if what == "chat":
            self.event(self.chunk(what))
        for word in words:
            self.event(self.chunk(what, word))
            State.tokens += 1
            if how == "crash":
                log("srv update_slots: GGML_ASSERT(n_tokens > 0) failed")
                os.kill(os.getpid(), signal.SIGSEGV)  # which ends the process at some moment from now on
            if how in {"crash", "hang"}:
                threading.Event().wait()
            if how == "stop":
                return
            if how == "rubbish":
                self.wfile.write(b"data: <html>\n\n")
            if how == "error":
                self.event({"error": {"code": 500, "message": "the slot was lost", "type": "server_error"}})
                return
        finish = "stop" if len(words) == len(self.words) else "length"
        last = fake_answers.ending("chat" if what == "chat" else "complete", len(words))
        self.event(self.chunk(what, finish=finish) | last)
        self.wfile.write(b"data: [DONE]\n\n")


def parse():
    parser = argparse.ArgumentParser()
    for name in ("--model", "--alias", "--host", "--api-key-file", "--threads", "--n-gpu-layers", "--flash-attn"):
        parser.add_argument(name)
    for name in ("--cache-type-k", "--cache-type-v"):
        parser.add_argument(name, choices=("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"))
    parser.add_argument("--pooling", choices=("none", "mean", "cls", "last", "rank"))
    parser.add_argument("--embeddings", action="store_true")
    for name in ("--port", "--ctx-size", "--parallel"):
        parser.add_argument(name, type=int)
    parser.add_argument("--metrics", action="store_true")
    return parser.parse_args()


def load(how, model):
    if how == "refuse":
        log("gguf_init_from_reader: failed to read key-value pairs")
        log(f"llama_model_load: error loading model: llama_model_loader: failed to load model from {model}")
        log(f"srv load_model: failed to load model, '{model}'")
        sys.exit(1)
    if how == "memory":
        log("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 68719476736")
        log("srv load_model: failed to load model")
        sys.exit(1)
    if how == "crash":
        log("llama_model_load: GGML_ASSERT(hparams.n_head > 0) failed")
        os.kill(os.getpid(), signal.SIGABRT)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        signal.pause()


def main():
    Handler.arguments = arguments = parse()
    Handler.behaviour = json.loads(Path(arguments.model).read_text())
    Handler.key = Path(arguments.api_key_file).read_text().strip()
    how = Handler.behaviour.get("load", "ok")
    marker = Path(f"{arguments.model}.port")
    if how == "port" and not marker.exists():
        marker.write_text(str(arguments.port))
        log(f"srv start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: {arguments.port}")
        sys.exit(1)
    server = ThreadingHTTPServer((arguments.host, arguments.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    load(how, arguments.model)
    State.loaded.set()
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
