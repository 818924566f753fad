"""A gallery's index over a real socket, with an ETag, and what was asked of it."""

import hashlib
from http.server import BaseHTTPRequestHandler

from papin.testing.model_server import ThreadServer

HEX = "ab" * 32

INDEX = f"""
- &base
  name: tiny-8b
  url: "github:mudler/LocalAI/gallery/virtual.yaml@master"
  urls: ["https://huggingface.co/acme/Tiny-8B", "https://huggingface.co/acme/Tiny-8B-GGUF"]
  description: |
    # Tiny

    > a note

    Tiny is small and
    friendly.

    More of it.
  license: Apache-2.0
  tags: [llm, gguf, chat, reasoning]
  overrides:
    backend: llama-cpp
    context_size: 4096
    known_usecases: [chat]
    parameters: {{model: llama-cpp/models/tiny/Tiny-8B-Q4_K_M.gguf}}
  files:
    - filename: llama-cpp/models/tiny/Tiny-8B-Q4_K_M.gguf
      sha256: {HEX}
      uri: huggingface://acme/Tiny-8B-GGUF/Tiny-8B-Q4_K_M.gguf
  variants: [{{model: tiny-8b-q8}}, {{model: nobody}}]
- <<: *base
  name: tiny-8b-q8
  variants: []
  files:
    - filename: Tiny-8B-Q8_0.gguf
      sha256: {HEX.upper()}
      uri: https://huggingface.co/acme/Tiny-8B-GGUF/resolve/main/Tiny-8B-Q8_0.gguf
- name: sees
  tags: [vision]
  files:
    - {{filename: sees.gguf, uri: "https://example.org/sees.gguf"}}
    - {{filename: mmproj/mmproj-sees-F16.gguf, uri: "hf://acme/sees/mmproj-sees-F16.gguf@v1"}}
""".encode()


class Gallery(ThreadServer):
    def __init__(self, index):
        super().__init__(Handler)
        self.index = index
        self.answers = []

    @property
    def url(self):
        return f"{super().url}/index.yaml"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Print nothing."""

    def do_GET(self):
        etag = f'"{hashlib.sha256(self.server.index).hexdigest()}"'
        same = self.headers.get("if-none-match") == etag
        body = b"" if same else self.server.index
        self.server.answers.append(304 if same else 200)
        self.send_response(304 if same else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
