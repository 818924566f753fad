"""Speaks as a llama-server without a model does: the router of b11434, from its routes and the answers of a real one.

    fake_router.py --models-dir FOLDER --port N [--models-preset FILE] [--api-key-file FILE] [--old] [--sleeps]

A model is a "gguf" that holds JSON, as for `fake_llama_server`; `load` may be ok, refuse, crash or hang, and `answering`
counts the requests that it is at. `--old` is a build that knows neither the event stream nor how to read its folders
anew, nor how to fetch; with `--sleeps` a model sleeps after each answer. What a real one would refuse is refused here, so
that whoever speaks to it wrongly finds out.
"""

import argparse
import configparser
import json
import queue
import re
import threading
import time
from pathlib import Path

import fake_answers

from papin.testing.model_server import ModelServer, serve

RUNNING = {"loading", "loaded", "sleeping"}
KNOWN_FLAGS = {
    "model", "mmproj", "ctx-size", "n-gpu-layers", "threads", "parallel", "flash-attn", "cache-type-k", "cache-type-v",
    "temp", "top-k", "top-p", "min-p", "repeat-penalty", "seed", "n-predict", "alias", "load-on-startup", "stop-timeout",
}  # fmt: skip


class Model:
    def __init__(self, name, path, source):
        self.name = name
        self.path = path
        self.source = source
        self.preset = {}
        self.status = "unloaded"
        self.exit_code = 0
        self.n_ctx = 512


class Router:
    def __init__(self, arguments):
        self.arguments = arguments
        self.lock = threading.RLock()
        self.models = {}
        self.listeners = []
        self.read()

    def tell(self, model, event, data=None):
        sent = {"model": model, "event": event} | ({} if data is None else {"data": data})
        for listener in list(self.listeners):
            listener.put(sent)

    def found(self):
        folder = Path(self.arguments.models_dir)
        for each in sorted(folder.iterdir()):
            if each.is_file() and each.suffix == ".gguf":
                yield Model(each.stem, each, "models_dir")
            elif each.is_dir():
                weights = [f for f in sorted(each.glob("*.gguf")) if not f.name.startswith("mmproj")]
                first = [f for f in weights if not re.search(r"-(?!00001)\d{5}-of-\d{5}\.gguf$", f.name)]
                if first:
                    yield Model(each.name, first[0], "models_dir")

    def read(self):
        with self.lock:
            now = {
                each.name: Model(each.name, each.path, "cache")
                for each in self.models.values()
                if each.source == "cache"
            }
            now |= {each.name: each for each in self.found()}
            for name, keys in self.presets().items():
                if name not in now and "model" not in keys:
                    raise SystemExit(f"preset '{name}' is not a model and has no model of its own")
                now.setdefault(name, Model(name, Path(keys.get("model", "")), "preset")).preset = keys
            for name, old in list(self.models.items()):
                is_same = name in now and now[name].preset == old.preset
                if old.status in RUNNING and not is_same:
                    self.end(old, 0)
                if name not in now or not is_same:
                    del self.models[name]
            for name, new in now.items():
                self.models.setdefault(name, new).exit_code = 0
        self.tell("*", "models_reload")

    def presets(self):
        if not self.arguments.models_preset or not Path(self.arguments.models_preset).exists():
            return {}
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.arguments.models_preset)
        common = dict(parser["*"]) if "*" in parser else {}
        for section in parser.sections():
            unknown = set(parser[section]) - KNOWN_FLAGS
            if unknown:
                raise SystemExit(f"unknown option in the presets: {unknown}")
        return {name: common | dict(parser[name]) for name in parser.sections() if name != "*"}

    def load(self, model):
        model.status = "loading"
        self.tell(model.name, "model_status", {"status": "loading"})
        threading.Thread(target=self.run, args=(model,), daemon=True).start()

    def run(self, model):
        how = json.loads(model.path.read_text() or "{}").get("load", "ok")
        for value in (0.0, 1.0):
            progress = {"stages": ["text_model"], "current": "text_model", "value": value}
            self.tell(model.name, "status_change", {"status": "loading", "progress": progress})
        if how == "hang":
            return
        if how in {"refuse", "crash"}:
            self.end(model, 1 if how == "refuse" else -11)
            return
        model.n_ctx = int(model.preset.get("ctx-size", 512))
        model.status = "loaded"
        self.tell(
            model.name, "status_change", {"status": "loaded", "info": fake_answers.listed(model.name, model.n_ctx)}
        )

    def end(self, model, exit_code):
        model.status = "unloaded"
        model.exit_code = exit_code
        self.tell(model.name, "status_change", {"status": "unloaded", "exit_code": exit_code})

    def listed(self, model):
        args = ["/usr/bin/llama-server", "--host", "127.0.0.1", "--port", "0", "--alias", model.name]
        args += ["--model", str(model.path)]
        preset = "".join(f"{name} = {value}\n" for name, value in {**model.preset, "model": model.path}.items())
        status = {"value": model.status, "args": args, "preset": f"[{model.name}]\n{preset}\n"}
        if model.status == "unloaded" and model.exit_code:
            status |= {"failed": True, "exit_code": model.exit_code}
        more = {"meta": fake_answers.listed(model.name, model.n_ctx)["meta"]} if model.status in RUNNING else {}
        return {
            "id": model.name,
            "aliases": [],
            "tags": [],
            "object": "model",
            "owned_by": "llamacpp",
            "created": int(time.time()),
            "status": status,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "source": model.source,
            "can_remove": model.source == "cache",
        } | more


class Handler(ModelServer):
    router: Router
    key = ""

    def refuse(self, status, message, kind="invalid_request_error"):
        self.answer(status, {"error": {"code": status, "message": message, "type": kind}})

    def respond(self, method, path):
        is_public = path in {"/health", "/v1/health"} or not self.key
        if not is_public and self.headers.get("Authorization") != f"Bearer {self.key}":
            self.refuse(401, "Invalid API Key", "authentication_error")
            return
        new = {("POST", "/models"), ("DELETE", "/models"), ("GET", "/models/sse")}
        is_known = not (self.router.arguments.old and (method, path) in new)
        action = ROUTES.get((method, path)) if is_known else None
        if action is None:
            self.refuse(404, "File Not Found", "not_found_error")
            return
        action(self)

    def health(self):
        self.answer(200, {"status": "ok"})

    def props(self):
        if name := self.query.get("model"):
            model = self.router.models.get(name)
            assert self.query.get("autoload") == "false"
            if model is None or model.status not in RUNNING:
                self.refuse(400, "model is not loaded")
                return
            sampling = {"temperature": float(model.preset.get("temp", 0.8))}
            self.answer(200, fake_answers.props(name, str(model.path), model.n_ctx, sampling))
            return
        said = {"role": "router", "max_instances": 4, "models_autoload": True, "model_alias": "llama-server"}
        said |= {"model_path": "none", "default_generation_settings": {"params": None, "n_ctx": 0}}
        self.answer(200, said | {"ui_settings": {}, "build_info": "b0-fake", "cors_proxy_enabled": False})

    def slots(self):
        model = self.router.models.get(self.query.get("model", ""))
        assert self.query.get("autoload") == "false"
        if model is None or model.status not in RUNNING:
            self.refuse(400, "model is not loaded")
        elif self.router.arguments.old:
            self.refuse(501, "This server does not support slots endpoint.", "not_supported_error")
        else:
            busy = json.loads(model.path.read_text() or "{}").get("answering", 0)
            self.answer(200, fake_answers.slots(4, busy, model.n_ctx))

    def models(self):
        if self.query.get("reload") and not self.router.arguments.old:
            self.router.read()
        with self.router.lock:
            listed = [self.router.listed(model) for model in self.router.models.values()]
        self.answer(200, {"data": listed, "object": "list"})

    def named(self):
        return self.router.models.get(self.body.get("model", ""))

    def load(self):
        model = self.named()
        if model is None:
            self.refuse(404, "File Not Found", "not_found_error")
        elif model.status in RUNNING:
            self.refuse(400, "model is already running")
        else:
            self.router.load(model)
            self.answer(200, {"success": True})

    def unload(self):
        model = self.named()
        if model is None:
            self.refuse(400, "model is not found")
        elif model.status == "downloading":
            del self.router.models[model.name]
            self.router.tell(model.name, "download_failed", {})
            self.answer(200, {"success": True})
        elif model.status not in RUNNING:
            self.refuse(400, "model is not running")
        else:
            self.answer(200, {"success": True})
            # A real one kills a model that is being loaded.
            self.router.end(model, 15 if model.status == "loading" else 0)

    def remove(self):
        model = self.router.models.get(self.query.get("model", ""))
        if model is None:
            self.refuse(500, f"model name={self.query.get('model')} is not found", "server_error")
        elif model.source != "cache":
            self.refuse(500, f"model name={model.name} is not removable (not from cache)", "server_error")
        else:
            del self.router.models[model.name]
            self.router.tell(model.name, "model_remove")
            self.answer(200, {"success": True})

    def fetch(self):
        name = self.body.get("model", "")
        if "/" not in name:
            self.refuse(400, "error: invalid HF repo format, expected <user>/<model>[:quant]\n")
        elif name.startswith("nobody/"):
            self.refuse(400, "model validation failed, unable to download")
        elif name in self.router.models:
            self.refuse(400, f"model '{name}' already exists")
        else:
            path = Path(self.router.arguments.models_dir).parent / "fetched.gguf"
            path.write_text("{}")
            model = self.router.models[name] = Model(name, path, "cache")
            model.status = "downloading"
            threading.Thread(target=self.fetched, args=(model,), daemon=True).start()
            self.answer(200, {"success": True})

    def fetched(self, model):
        for done in (50, 100):
            progress = {f"https://example.org/{model.name}.gguf": {"done": done, "total": 100}}
            self.router.tell(model.name, "download_progress", progress)
        if model.name.startswith("slow/"):
            return
        if model.name.startswith("broken/"):
            del self.router.models[model.name]
            self.router.tell(model.name, "download_failed", {})
            return
        model.status = "unloaded"
        self.router.tell(model.name, "download_finished", {})

    def follow(self):
        self.stream()
        listener = queue.Queue()
        self.router.listeners.append(listener)
        try:
            while True:
                self.event(listener.get())
        except OSError:
            self.close_connection = True
        finally:
            self.router.listeners.remove(listener)

    def running(self):
        model = self.named()
        if model is None:
            self.refuse(400, f"model '{self.body.get('model')}' not found")
            return None
        if model.status not in RUNNING:
            self.refuse(400, "model is not loaded")
            return None
        return model

    def talk(self, what):
        model = self.running()
        if model is None:
            return
        count = min(len(self.words), self.body.get("max_tokens", len(self.words)))
        self.say(what, last=fake_answers.ending("chat" if what == "chat" else "complete", count))
        if self.router.arguments.sleeps:
            model.status = "sleeping"
            self.router.tell(model.name, "status_change", {"status": "sleeping"})

    def vectors(self):
        if self.running() is not None:
            self.embed()


ROUTES = {
    ("GET", "/health"): Handler.health,
    ("GET", "/props"): Handler.props,
    ("GET", "/slots"): Handler.slots,
    ("GET", "/models"): Handler.models,
    ("GET", "/v1/models"): Handler.models,
    ("GET", "/models/sse"): Handler.follow,
    ("POST", "/models"): Handler.fetch,
    ("DELETE", "/models"): Handler.remove,
    ("POST", "/models/load"): Handler.load,
    ("POST", "/models/unload"): Handler.unload,
    ("POST", "/v1/chat/completions"): lambda handler: handler.talk("chat"),
    ("POST", "/v1/completions"): lambda handler: handler.talk("completion"),
    ("POST", "/v1/embeddings"): Handler.vectors,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models-dir", required=True)
    parser.add_argument("--models-preset")
    parser.add_argument("--api-key-file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--sleeps", action="store_true")
    arguments = parser.parse_args()
    Handler.router = Router(arguments)
    Handler.key = Path(arguments.api_key_file).read_text().strip() if arguments.api_key_file else ""
    serve(Handler, arguments.port)


if __name__ == "__main__":
    main()
