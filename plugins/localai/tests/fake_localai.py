"""Speaks as LocalAI does, with a real folder of models, the routes that papin uses, and failings that a test asks for.

Written from LocalAI's own answers; strict: what it does not know is 404, and what LocalAI would refuse is refused.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from papin.testing.model_server import ModelServer, ThreadServer

JOB = {
    "deletion": False, "file_name": "", "processed": False, "message": "", "progress": 0, "phase": "downloading",
    "current_bytes": 0, "total_bytes": 0, "file_size": "", "downloaded_size": "", "gallery_element_name": "",
    "cancelled": False, "cancellable": True,
}  # fmt: skip
WORDS = ("The", " sky", " is", " blue", ".")


class LocalAI(ThreadServer):
    """One server on loopback; `key` is what it wants, `older` leaves out the routes of newer versions."""

    def __init__(self, root: Path, *, key: str = "", older: bool = False) -> None:
        super().__init__(Handler)
        self.root, self.key, self.older = root, key, older
        self.listed: list[str] = []
        self.loaded: set[str] = set()
        self.jobs: dict[str, list[dict[str, Any]]] = {}
        self.cancelled: list[str] = []
        self.next_job: list[dict[str, Any]] = []
        self.installs: dict[str, str] = {}
        self.refuses_to_load = ""
        self.seen: list[str] = []
        self.reload()

    def reload(self) -> None:
        configs = {each.stem for each in self.root.glob("*.yaml") if not each.name.startswith(".")}
        used = {str((self.config(name) or {}).get("parameters", {}).get("model")) for name in configs}
        loose = {each.name for each in self.root.glob("*.gguf")} - used
        self.listed = sorted(configs | loose)

    def config(self, name: str) -> dict[str, Any] | None:
        path = self.root / f"{name}.yaml"
        return yaml.safe_load(path.read_text()) if path.is_file() and "/" not in name else None

    def start_job(self, install: str = "") -> str:
        job = f"job-{len(self.jobs)}"
        self.jobs[job] = list(self.next_job) or [{"processed": True, "message": "completed", "progress": 100}]
        if install:
            self.installs[job] = install
        return job


class Handler(ModelServer):
    words = WORDS
    server: LocalAI

    def do_PATCH(self) -> None:
        self._take("PATCH")

    def respond(self, method: str, path: str) -> None:
        self.server.seen.append(f"{method} {path}")
        public = path in {"/.well-known/localai.json", "/readyz", "/healthz"}
        if self.server.key and not public and self.headers.get("authorization") != f"Bearer {self.server.key}":
            self.refuse(401, "Authentication failed")
            return
        first, _, rest = path.removeprefix("/").partition("/")
        handler = getattr(self, f"{method.lower()}_{first.replace('.', '').replace('-', '_')}", self.missing)
        handler(rest)

    def refuse(self, status: int, why: str) -> None:
        self.answer(status, {"error": {"code": status, "message": why, "type": ""}})

    def missing(self, _: str = "") -> None:
        self.refuse(404, "Resource not found")

    # --- about itself

    def get_well_known(self, rest: str) -> None:
        if rest != "localai.json":
            self.missing()
            return
        self.answer(200, {"version": "v4.5.5 (abc)", "capabilities": {}, "endpoint_groups": []})

    def get_version(self, _: str) -> None:
        self.answer(200, {"version": " ()"})  # of a build that was told none

    def get_system(self, _: str) -> None:
        self.answer(200, {"backends": [], "loaded_models": [{"id": each} for each in sorted(self.server.loaded)]})

    # --- models

    def get_v1(self, rest: str) -> None:
        if rest != "models":
            self.missing()
            return
        self.answer(200, {"object": "list", "data": [{"id": each, "object": "model"} for each in self.server.listed]})

    def get_models(self, rest: str) -> None:
        kind, _, job = unquote(rest).partition("/")
        steps = self.server.jobs.get(job)
        if kind != "jobs" or not steps:
            self.refuse(500, "could not find any status for ID")
            return
        status = steps.pop(0) if len(steps) > 1 else steps[0]
        install = self.server.installs.get(job, "")
        if status.get("processed") and install and not status.get("cancelled"):
            (self.server.root / f"{install}.yaml").write_text(f"name: {install}\nparameters: {{model: x.gguf}}\n")
            self.server.reload()
        self.answer(200, JOB | {"gallery_element_name": install} | status)

    def post_models(self, rest: str) -> None:
        kind, _, name = unquote(rest).partition("/")
        if kind == "reload":
            self.server.reload()
            self.answer(200, None)
        elif kind == "apply":
            self.answer(200, self.job(self.server.start_job(self.body["id"].rpartition("@")[2])))
        elif kind == "delete":
            self.delete(name)
        else:
            self.missing()

    def job(self, uuid: str) -> dict[str, str]:
        return {"uuid": uuid, "status": f"{self.server.url}/models/jobs/{uuid}"}

    def delete(self, name: str) -> None:
        config = self.server.config(name)
        if config is not None:
            (self.server.root / config["parameters"]["model"]).unlink(missing_ok=True)
            (self.server.root / f"{name}.yaml").unlink()
        else:
            (self.server.root / name).unlink(missing_ok=True)
        self.server.reload()
        self.answer(200, self.job("deletion"))  # which is not known as a job

    def get_api(self, rest: str) -> None:
        if rest == "version":  # as if it were Ollama
            self.answer(200, {"version": "0.9.0"})
            return
        if rest == "tags":
            self.answer(200, {"models": None})  # as one without models says; papin never asks
            return
        config = self.server.config(unquote(rest.removeprefix("models/config-json/")))
        if self.server.older or not rest.startswith("models/config-json/") or config is None:
            self.missing()
            return
        self.answer(200, config)

    def patch_api(self, rest: str) -> None:
        name = unquote(rest.removeprefix("models/config-json/"))
        config = self.server.config(name)
        if self.server.older or config is None:
            self.missing()
            return
        merge(config, self.body)
        (self.server.root / f"{name}.yaml").write_text(yaml.safe_dump(config))
        self.answer(200, {"success": True})

    def post_api(self, rest: str) -> None:
        if rest.startswith("models/install/") and not self.server.older:
            name = unquote(rest.removeprefix("models/install/"))
            self.answer(200, {"jobID": self.server.start_job(name.rpartition("@")[2]), "message": "started"})
        elif rest.startswith("operations/") and rest.endswith("/cancel"):
            self.server.cancelled.append(rest.split("/")[1])
            self.answer(200, {"success": True})
        else:
            self.missing()

    # --- memory and answers

    def post_backend(self, rest: str) -> None:
        name = self.body["model"]
        if rest == "shutdown" and name in self.server.loaded:
            self.server.loaded.discard(name)
            self.answer(200, None)
        elif rest == "shutdown":
            self.refuse(404, f"model {name} not found")
        elif rest == "load" and not self.server.older:
            self.load(name)
        else:
            self.missing()

    def load(self, name: str) -> None:
        if why := self.refusal(name):
            self.refuse(500, why)
            return
        self.server.loaded.add(name)
        self.answer(200, {"loaded": [name], "message": "model loaded"})

    def refusal(self, name: str) -> str:
        return self.server.refuses_to_load if name in self.server.listed else f"model {name} not found"

    def post_v1(self, rest: str) -> None:
        name = self.body.get("model", "")
        if why := self.refusal(name):
            self.refuse(500, why)
            return
        self.server.loaded.add(name)
        if rest == "embeddings":
            self.embed()
        elif not self.body.get("stream"):
            self.answer(200, {"choices": [{"text": WORDS[0], "finish_reason": "stop"}]})
        else:
            self.close_connection = True
            with suppress(ConnectionError):  # who asked may leave
                self.say("chat" if rest == "chat/completions" else "completion")


def merge(into: dict[str, Any], patch: dict[str, Any]) -> None:
    """Apply a merge patch (RFC 7396)."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
