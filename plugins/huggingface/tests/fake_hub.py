"""Speaks as the Hugging Face Hub does: lists with pages, repositories, revisions, refusals; what a test asks for.

Written from the exact facts; strict: an unknown parameter is 400, an unknown path 404.
"""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from papin.testing.model_server import ThreadServer

HEX = "cd" * 32
EXPANDABLE = {
    "gguf", "downloads", "likes", "trendingScore", "tags", "pipeline_tag", "lastModified", "createdAt", "gated",
    "private", "sha", "siblings", "cardData", "author",
}  # fmt: skip


def lfs(name: str, size: int = 1000, sha256: str = HEX) -> dict[str, Any]:
    return {"rfilename": name, "size": size, "lfs": {"sha256": sha256, "size": size, "pointerSize": 134}}


def plain(name: str, size: int = 10) -> dict[str, Any]:
    return {"rfilename": name, "size": size, "blobId": "0" * 40}


def repository(name: str, *files: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "sha": hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(),
        "tags": [
            "gguf",
            "license:apache-2.0",
            "conversational",
            "base_model:acme/Tiny",
            "base_model:quantized:acme/Tiny",
        ],
        "pipeline_tag": "text-generation",
        "downloads": 10,
        "likes": 3,
        "trendingScore": 1,
        "createdAt": "2026-01-02T03:04:05.000Z",
        "lastModified": "2026-02-02T03:04:05.000Z",
        "gated": False,
        "private": False,
        "gguf": {"total": 8030261312, "architecture": "llama", "context_length": 131072, "chat_template": "{{ x }}"},
        "siblings": list(files),
        **more,
    }


def _listed(repository: dict[str, Any], expanded: list[str]) -> dict[str, Any]:
    """Return a repository as a list has it: of its files only the names, and those if asked for."""
    names = [{"rfilename": each["rfilename"]} for each in repository["siblings"]]
    return {**repository, "siblings": names} if "siblings" in expanded else {**repository, "siblings": []}


class Hub(ThreadServer):
    """One hub on loopback. `refuse` maps a path to (status, headers); `body` replaces every answer."""

    def __init__(self, *repositories: dict[str, Any]) -> None:
        super().__init__(Handler)
        self.models = {each["id"]: each for each in repositories}
        self.revisions: dict[tuple[str, str], str] = {}
        self.moved: dict[str, str] = {}
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        self.body: bytes | None = None
        self.asked: list[str] = []
        self.statuses: list[int] = []
        self.tokens: list[str] = []
        self.etags = True
        self.next_link = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append(self.path)
        self.server.tokens.append(self.headers.get("authorization", ""))
        path = unquote(parts.path)
        if path in self.server.refuse:
            status, headers = self.server.refuse[path]
            self.say(status, b"{}", headers)
        elif path == "/api/models":
            self.list(parse_qs(parts.query))
        elif path.startswith("/api/models/") and parts.query == "blobs=true":
            self.describe(path.removeprefix("/api/models/"))
        else:
            self.say(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        body = self.server.body if self.server.body is not None and status == 200 else body
        self.server.statuses.append(status)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list(self, asked: dict[str, list[str]]) -> None:
        if set(asked) - {"search", "filter", "sort", "limit", "expand[]", "cursor"}:
            self.say(400, b'{"error": "unknown parameter"}')
            return
        assert set(asked["expand[]"]) <= EXPANDABLE
        word = asked.get("search", [""])[0].lower()
        found = [each for each in self.server.models.values() if word in each["id"].lower()]
        found = [each for each in found if asked.get("filter", ["gguf"])[0] in each["tags"]]
        key = asked.get("sort", [""])[0]
        found.sort(key=lambda each: each.get(key) or 0, reverse=True) if key else None
        start, limit = int(asked.get("cursor", ["0"])[0]), int(asked["limit"][0])
        shown = [_listed(each, asked["expand[]"]) for each in found[start : start + limit]]
        headers = {}
        if start + limit < len(found) or self.server.next_link:
            more = {**asked, "cursor": [str(start + limit)]}
            link = self.server.next_link or f"{self.server.url}/api/models?{urlencode(more, doseq=True)}"
            headers["Link"] = f'<{link}>; rel="next"'
        body = json.dumps(shown).encode()
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        if self.server.etags:
            headers["ETag"] = etag
        if self.headers.get("if-none-match") == etag:
            self.say(304, b"", headers)
            return
        self.say(200, body, headers)

    def describe(self, name: str) -> None:
        name, _, revision = name.partition("/revision/")
        if name in self.server.moved:
            self.say(307, b"", {"Location": f"/api/models/{self.server.moved[name]}?blobs=true"})
            return
        found = self.server.models.get(name)
        if found is None:
            self.say(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            return
        sha = self.server.revisions.get((name, revision), "") if revision else found["sha"]
        if not sha:
            self.say(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        self.say(200, json.dumps({**found, "sha": sha}).encode())
