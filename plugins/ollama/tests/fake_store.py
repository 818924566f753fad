"""The folder of models of the fake Ollama: what the real one does with its own."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

PREFIX = "application/vnd.ollama.image."
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"


class Missing(Exception):
    pass


def parts_of(name):
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, "latest"
    parts = path.split("/")
    host, namespace, model = ["registry.ollama.ai", "library"][: 3 - len(parts)] + parts
    valid = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
    good = [
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", host),
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}", namespace),
    ]
    if not all(good) or not re.fullmatch(valid, model) or not re.fullmatch(valid, tag):
        raise ValueError("invalid model name")
    return host, namespace, model, tag


def shortest(parts):
    host, namespace, model, tag = parts
    if host != "registry.ollama.ai":
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"


class Store:
    def __init__(self, root):
        self.root = Path(root)
        self.manifests = self.root / "manifests"
        self.blobs = self.root / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)

    def blob(self, digest):
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ValueError("invalid digest format")
        return self.blobs / digest.replace(":", "-")

    def put(self, data, kind):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if not self.blob(digest).exists():
            self.blob(digest).write_bytes(data)
        media = CONFIG if kind == "config" else PREFIX + kind
        return {"mediaType": media, "digest": digest, "size": len(data)}

    def names(self):
        found = []
        for path in self.manifests.glob("*/*/*/*"):
            if path.is_file():
                found.append(path.relative_to(self.manifests).parts)
        return found

    def path(self, name):
        parts = parts_of(name)
        known = {tuple(each.lower() for each in one): one for one in self.names()}
        return self.manifests.joinpath(*known.get(tuple(each.lower() for each in parts), parts))

    def manifest(self, name):
        path = self.path(name)
        if not path.is_file():
            raise Missing(f"model '{name}' not found")
        return json.loads(path.read_bytes())

    def write(self, name, config, layers):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        path.write_text(json.dumps(body, separators=(",", ":")) + "\n")

    def content(self, manifest, kind):
        return [
            self.blob(each["digest"]).read_bytes() for each in manifest["layers"] if each["mediaType"] == PREFIX + kind
        ]

    def config(self, manifest):
        if not manifest["config"].get("digest"):
            return {}
        return json.loads(self.blob(manifest["config"]["digest"]).read_bytes())

    def model_digest(self, manifest):
        return next(each["digest"] for each in manifest["layers"] if each["mediaType"] == PREFIX + "model")

    def details(self, config):
        return {
            "parent_model": "",
            "format": config.get("model_format", ""),
            "family": config.get("model_family", ""),
            "families": config.get("model_families"),
            "parameter_size": config.get("model_type", ""),
            "quantization_level": config.get("file_type", ""),
        }

    def tags(self):
        found = []
        for parts in self.names():
            path = self.manifests.joinpath(*parts)
            try:
                manifest = json.loads(path.read_bytes())
                config = self.config(manifest)
            except (OSError, ValueError, KeyError, AttributeError):
                continue  # the real one warns in its log
            name = shortest(parts)
            found.append(
                {
                    "name": name,
                    "model": name,
                    "modified_at": datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
                    + "123Z",
                    "size": sum(each["size"] for each in [*manifest["layers"], manifest["config"]]),
                    "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
                    "details": self.details(config),
                }
                | {key: config[key] for key in ("remote_host", "remote_model") if config.get(key)}
            )
        return sorted(found, key=lambda each: each["modified_at"][:19], reverse=True)

    def used(self):
        found = set()
        for parts in self.names():
            try:
                manifest = json.loads(self.manifests.joinpath(*parts).read_bytes())
                found |= {each["digest"] for each in [*manifest["layers"], manifest["config"]]}
            except (ValueError, KeyError, AttributeError):
                continue
        return found

    def remove_layers(self, manifest):
        used = self.used()
        for each in [*manifest["layers"], manifest["config"]]:
            if each["digest"] not in used:
                self.blob(each["digest"]).unlink(missing_ok=True)

    def delete(self, name):
        manifest = self.manifest(name)
        path = self.path(name)
        path.unlink()
        for parent in path.parents[:4]:
            if not any(parent.iterdir()):
                parent.rmdir()
        self.remove_layers(manifest)

    def prune(self):
        """Remove what the real one removes when it starts."""
        used = self.used()
        for path in self.blobs.iterdir():
            if path.name.replace("-", ":") not in used:
                path.unlink()
