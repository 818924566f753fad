"""Speaks as LM Studio's server does: `/api/v1` and the OpenAI-compatible half, as its documents say; no model is involved.

    fake_lmstudio.py --models FOLDER --port N [--key KEY]

It lists what lies in its folder, two levels deep, as it would; a model whose file holds `refuse` or `memory` cannot be
loaded. Fetching `publisher/repo` takes three looks; `nobody/...` is not found, `broken/...` fails, `slow/...` stays.
What the documents do not allow is refused, so that whoever speaks to it wrongly finds out.
"""

import argparse
import re
import threading
from pathlib import Path
from typing import ClassVar

from papin.testing.model_server import ModelServer, serve

LOAD_KEYS = {
    "model", "context_length", "eval_batch_size", "flash_attention", "num_experts", "offload_kv_cache_to_gpu",
    "echo_load_config",
}  # fmt: skip
CHAT_KEYS = {
    "model", "messages", "prompt", "stream", "stream_options", "temperature", "top_p", "top_k", "max_tokens", "stop", "seed",
    "presence_penalty", "frequency_penalty", "repeat_penalty", "logit_bias", "response_format",
}  # fmt: skip


class State:
    lock = threading.RLock()
    loaded: ClassVar = {}
    jobs: ClassVar = {}
    folder = Path()


def quantization(name):
    found = re.search(r"(?:^|[-.])((?:I?Q\d\w*|F16|BF16))\.gguf$", name, re.IGNORECASE)
    return found[1] if found else None


def models():
    found = []
    for path in sorted(State.folder.glob("*/*/*.gguf")):
        part = re.search(r"-(\d{5})-of-\d{5}\.gguf$", path.name)
        if path.name.startswith("mmproj") or (part and part[1] != "00001"):
            continue
        repo = path.parent.name.lower().removesuffix("-gguf")
        beside = [each for each in path.parent.glob("*.gguf") if not each.name.startswith("mmproj")]
        quant = quantization(path.name)
        key = repo if len(beside) == 1 or part else f"{repo}@{(quant or path.stem).lower()}"
        size = sum(each.stat().st_size for each in (beside if part else [path]))
        found.append(
            {
                "type": "embedding" if "embed" in repo else "llm",
                "publisher": path.parent.parent.name,
                "key": key,
                "display_name": path.stem,
                "architecture": "llama",
                "quantization": {"name": quant, "bits_per_weight": 4},
                "size_bytes": size,
                "params_string": "1B",
                "loaded_instances": [
                    {"id": name, "config": each["config"]} for name, each in State.loaded.items() if each["key"] == key
                ],
                "max_context_length": 8192,
                "format": "gguf",
                "capabilities": {"vision": False, "trained_for_tool_use": True},
                "description": None,
                "variants": [f"{key}@{(quant or '').lower()}"],
                "selected_variant": f"{key}@{(quant or '').lower()}",
                "path": path,
            }
        )
    return found


class Handler(ModelServer):
    key = ""

    def refuse(self, status, message, kind="invalid_request"):
        self.answer(status, {"error": {"type": kind, "message": message}})

    def respond(self, method, path):
        if self.key and self.headers.get("Authorization") != f"Bearer {self.key}":
            self.refuse(401, "An LM Studio API token is required to make requests to this server", "invalid_api_key")
            return
        with State.lock:
            if method == "GET" and path.startswith("/api/v1/models/download/status/"):
                self.status(path.rpartition("/")[2])
                return
            action = ROUTES.get((method, path))
        if action is None:
            self.answer(200, {"error": f"Unexpected endpoint or method. ({method} {path})"})
        else:
            action(self)

    def list(self):
        self.answer(200, {"models": [{name: each[name] for name in each if name != "path"} for each in models()]})

    def has_only(self, known):
        unknown = set(self.body) - known
        if unknown:
            self.refuse(400, f"Unrecognized key(s) in object: {sorted(unknown)}")
        return not unknown

    def load(self):
        if not self.has_only(LOAD_KEYS):
            return
        found = next((each for each in models() if each["key"] == self.body.get("model")), None)
        if found is None:
            self.refuse(404, f"Model {self.body.get('model')} not found", "model_not_found")
            return
        text = found["path"].read_bytes()
        if b"refuse" in text:
            self.refuse(500, "Failed to load model: unknown architecture", "model_load_failed")
        elif b"memory" in text:
            self.refuse(500, "Model loading was stopped due to insufficient system resources", "model_load_failed")
        else:
            count = sum(each["key"] == found["key"] for each in State.loaded.values())
            name = found["key"] if not count else f"{found['key']}:{count + 1}"
            config = {"context_length": self.body.get("context_length", 4096), "flash_attention": True}
            State.loaded[name] = {"key": found["key"], "config": config}
            said = {"type": found["type"], "instance_id": name, "load_time_seconds": 0.1, "status": "loaded"}
            echo = {"load_config": config} if self.body.get("echo_load_config") else {}
            self.answer(200, said | echo)

    def unload(self):
        if not self.has_only({"instance_id"}):
            return
        if State.loaded.pop(self.body.get("instance_id"), None) is None:
            self.refuse(404, f"No model instance {self.body.get('instance_id')}", "model_not_found")
        else:
            self.answer(200, {"instance_id": self.body["instance_id"]})

    def download(self):
        if not self.has_only({"model", "quantization"}):
            return
        model = self.body.get("model", "")
        publisher, _, repo = model.partition("/")
        if not repo or publisher == "nobody":
            self.refuse(404, f"Model {model} not found", "model_not_found")
            return
        name = f"{repo}-{self.body.get('quantization', 'Q4_K_M')}.gguf"
        path = State.folder / publisher / repo / name
        if path.exists():
            self.answer(200, {"status": "already_downloaded"})
            return
        job = f"job-{len(State.jobs)}"
        State.jobs[job] = {"path": path, "looks": 0}
        self.answer(200, {"job_id": job, "status": "downloading", "total_size_bytes": 300, "started_at": "2026-01-01"})

    def status(self, name):
        job = State.jobs.get(name)
        if job is None:
            self.refuse(404, f"No download {name}", "job_not_found")
            return
        job["looks"] += job["path"].parent.parent.name != "slow"
        said = {"job_id": name, "total_size_bytes": 300, "downloaded_bytes": 100 * job["looks"], "bytes_per_second": 50}
        if job["path"].parent.parent.name == "broken":
            self.answer(200, said | {"status": "failed"})
        elif job["looks"] < 3:
            self.answer(200, said | {"status": "downloading"})
        else:
            job["path"].parent.mkdir(parents=True, exist_ok=True)
            job["path"].write_bytes(b"x" * 300)
            self.answer(200, said | {"status": "completed", "completed_at": "2026-01-01"})

    def instance(self):
        name = self.body.get("model")
        if name not in State.loaded:
            self.answer(404, {"error": f"Model {name} is not loaded"})
            return None
        return name if self.has_only(CHAT_KEYS) else None

    def talk(self, what):
        if self.instance() is None:
            return
        count = min(len(self.words), self.body.get("max_tokens", len(self.words)))
        usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": count}}
        self.say(what, then=[usage] if self.body.get("stream_options", {}).get("include_usage") else [])

    def vectors(self):
        if self.body.get("model") in State.loaded:
            self.embed()
        else:
            self.answer(404, {"error": "not loaded"})


ROUTES = {
    ("GET", "/api/v1/models"): Handler.list,
    ("POST", "/api/v1/models/load"): Handler.load,
    ("POST", "/api/v1/models/unload"): Handler.unload,
    ("POST", "/api/v1/models/download"): Handler.download,
    ("POST", "/v1/chat/completions"): lambda handler: handler.talk("chat"),
    ("POST", "/v1/completions"): lambda handler: handler.talk("completion"),
    ("POST", "/v1/embeddings"): Handler.vectors,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="")
    arguments = parser.parse_args()
    State.folder, Handler.key = arguments.models, arguments.key
    serve(Handler, arguments.port)


if __name__ == "__main__":
    main()
