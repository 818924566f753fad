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

from papin.testing.model_server import ModelServer


def log(text):
    sys.stderr.write(f"0.00.001.000 E {text}\n")
    sys.stderr.flush()


SAMPLING = {
    "seed": 4294967295, "temperature": 0.800000011920929, "top_k": 40, "top_p": 0.949999988079071,
    "min_p": 0.05000000074505806, "repeat_penalty": 1.0, "n_predict": -1, "samplers": ["top_k"], "ignore_eos": False,
}  # fmt: skip
"""How the real one says that it samples, numbers and all; of other things it says more."""


class State:
    loaded = threading.Event()
    working = 0
    tokens = 0


class Handler(ModelServer):
    arguments: argparse.Namespace
    key: str
    behaviour: dict[str, str]

    def refuse(self, status, message, kind):
        self.answer(status, {"error": {"code": status, "message": message, "type": kind}})

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
            settings = {"n_ctx": self.arguments.ctx_size, "params": SAMPLING}
            path = os.path.realpath(self.arguments.model)
            self.answer(200, {"default_generation_settings": settings, "total_slots": 1, "model_path": path})
        elif self.path == "/slots":
            self.answer(200, [{"id": 0, "is_processing": State.working > 0}])
        elif self.path in {"/v1/models", "/models"}:
            self.answer(200, {"object": "list", "data": [{"id": self.arguments.alias, "object": "model"}]})
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
        if how == "too_long":
            self.refuse(400, "the request exceeds the available context size", "exceed_context_size_error")
            return
        assert asked["stream"] is True
        assert asked["model"] == self.arguments.alias
        State.working += 1
        try:
            self.go_on(how, asked)
        finally:
            State.working -= 1

    def go_on(self, how, asked):
        self.stream()
        self.piece("messages" in asked, None)
        for word in self.words[: asked.get("max_tokens", len(self.words))]:
            self.piece("messages" in asked, word)
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
        timings = {"prompt_n": 3, "prompt_ms": 1.5, "predicted_n": len(self.words), "predicted_ms": 2.0, "cache_n": 0}
        self.event({"choices": [{"finish_reason": "stop", "index": 0}], "timings": timings})
        self.wfile.write(b"data: [DONE]\n\n")

    def piece(self, is_chat, text):
        said = {"delta": {"content": text}} if is_chat else {"text": text or ""}
        self.event({"choices": [{"finish_reason": None, "index": 0, **said}]})


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
