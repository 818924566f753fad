"""The base of small programs that pose as a model server: JSON in and out, and answers as OpenAI's API streams them.

    class Fake(ModelServer):
        def respond(self, method, path):
            if (method, path) == ("POST", "/v1/chat/completions"):
                self.say("chat", last={"timings": {...}})
            else:
                self.answer(404, {"error": "no such route"})

    serve(Fake)

`serve` prints the address on a line of its own and ends with SIGTERM, so that a test can start it and wait for it. In a
thread of the test itself, `with ThreadServer(Fake) as server` does.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["ModelServer", "ThreadServer", "serve"]


class ModelServer(BaseHTTPRequestHandler):
    """Handles one connection. `body` is what was sent as JSON, `query` what stands behind the path."""

    protocol_version = "HTTP/1.1"
    words: ClassVar[Sequence[str]] = ("Light", " is", " scattered", ".")
    """What every model says."""

    body: Any
    query: Mapping[str, str]

    def respond(self, method: str, path: str) -> None:
        """Answer a request; every program overrides this."""
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Take a request."""
        self._take("GET")

    def do_POST(self) -> None:
        """Take a request."""
        self._take("POST")

    def do_DELETE(self) -> None:
        """Take a request."""
        self._take("DELETE")

    def _take(self, method: str) -> None:
        where = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        self.body = json.loads(self.rfile.read(length)) if length else {}
        self.query = {name: values[0] for name, values in parse_qs(where.query).items()}
        self.respond(method, where.path)

    def answer(self, status: int, body: object, kind: str = "application/json; charset=utf-8") -> None:
        """Send a whole answer; a text as it is, anything else as JSON."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self) -> None:
        """Begin an answer of events, which ends with the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def event(self, value: object) -> None:
        """Send one event."""
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()

    def say(
        self, what: Literal["chat", "completion"], *, last: Mapping[str, object] = {}, then: Sequence[object] = ()
    ) -> int:
        """Stream the words, as many as were asked for; return how many. The last piece has `last`, others follow it."""
        assert self.body["stream"] is True
        assert isinstance(self.body["messages" if what == "chat" else "prompt"], list if what == "chat" else str)
        self.stream()
        words = self.words[: self.body.get("max_tokens", len(self.words))]
        if what == "chat":
            self.event(self.chunk(what))
        for word in words:
            self.event(self.chunk(what, word))
        self.event({**self.chunk(what, finish="stop" if words == self.words else "length"), **last})
        for each in then:
            self.event(each)
        self.wfile.write(b"data: [DONE]\n\n")
        return len(words)

    def chunk(
        self, what: Literal["chat", "completion"], text: str | None = None, finish: str | None = None
    ) -> dict[str, object]:
        """Return a piece of an answer as it is sent: some text, or its end, or with neither its beginning."""
        if what == "chat":
            begun = {} if finish else {"role": "assistant", "content": None}
            said: dict[str, object] = {"delta": begun if text is None else {"content": text}}
        else:
            said = {"text": text or "", "logprobs": None}
        return {
            "choices": [{"finish_reason": finish, "index": 0, **said}],
            "created": 1767225600,
            "id": "chatcmpl-1",
            "model": self.body["model"],
            "system_fingerprint": "fake",
            "object": "chat.completion.chunk" if what == "chat" else "text_completion",
        }

    def embed(self) -> None:
        """Answer with a vector for each text: its length, and one."""
        vectors = [[float(len(text)), 1.0] for text in self.body["input"]]
        data = [{"embedding": each, "index": number, "object": "embedding"} for number, each in enumerate(vectors)]
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        self.answer(200, {"model": self.body["model"], "object": "list", "usage": usage, "data": data})


class ThreadServer(ThreadingHTTPServer):
    """A server on loopback, in a thread of the test, for as long as it is entered."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.shutdown()
        self._thread.join()
        self.server_close()


def serve(handler: type[ModelServer], port: int = 0) -> None:
    """Serve on loopback until SIGTERM comes; tell the address on stdout."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM})
