"""Folders as the programs lay them out, with small files of ours in them."""

import hashlib
import json
from pathlib import Path

COMMIT = "a" * 40
OLDER = "b" * 40


def put(path, content=b"GGUF model"):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class HuggingFace:
    """The cache of `huggingface_hub`; with `shared` as it is since payloads are shared by all repositories."""

    def __init__(self, root, *, shared=False):
        self.root = Path(root)
        self.shared = shared
        self.root.mkdir(parents=True, exist_ok=True)
        put(self.root / "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55")
        (self.root / ".locks").mkdir()

    def add(self, repo, path, content, commit=COMMIT, ref="main"):
        folder = self.root / f"models--{repo.replace('/', '--')}"
        blob = folder / "blobs" / sha256(content)
        if self.shared:
            xet = hashlib.blake2s(content).hexdigest()
            payload = put(self.root / "blobs" / xet[:2] / xet, content)
            put(payload.with_name(f"{xet}.refs"), "{}")
            payload.chmod(0o444)
            blob.parent.mkdir(parents=True, exist_ok=True)
            if not blob.is_symlink():
                blob.symlink_to(Path("..", "..", "blobs", xet[:2], xet))
        else:
            put(blob, content)
        name = folder / "snapshots" / commit / path
        name.parent.mkdir(parents=True, exist_ok=True)
        name.symlink_to(Path(*[".."] * (2 + path.count("/")), "blobs", blob.name))
        if ref:
            put(folder / "refs" / ref, commit)
        return name

    def ghost(self, repo):
        put(self.root / f"models--{repo.replace('/', '--')}" / "refs" / "main", COMMIT)


class Docker:
    """The store of Docker Model Runner."""

    def __init__(self, root):
        self.root = Path(root)
        self.models = []
        put(self.root / "layout.json", '{"version": "1.0.0"}')

    def blob(self, content):
        return put(self.root / "blobs" / "sha256" / sha256(content), content)

    def add(self, tags, layers):
        described = []
        for kind, content in layers:
            self.blob(content)
            media_type = f"application/vnd.docker.ai.{kind}"
            described.append({"mediaType": media_type, "digest": f"sha256:{sha256(content)}", "size": len(content)})
        manifest = json.dumps({"schemaVersion": 2, "layers": described}).encode()
        digest = sha256(manifest)
        put(self.root / "manifests" / "sha256" / digest, manifest)
        files = [each["digest"] for each in described]
        self.models.append({"id": f"sha256:{digest}", "tags": tags, "files": files})
        put(self.root / "models.json", json.dumps({"models": self.models}))
        return f"sha256:{digest}"


class Ramalama:
    """The store of RamaLama."""

    def __init__(self, root):
        self.root = Path(root)

    def add(self, path, tag, files, digest="sha256:cafe"):
        folder = self.root / "store" / path
        for name, content in files.items():
            blob = put(folder / "blobs" / f"sha256-{sha256(content)}", content)
            link = folder / "snapshots" / digest.replace(":", "-") / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(blob)
        kinds = {name: "other" if "." in name and not name.endswith(".gguf") else "gguf" for name in files}
        ref = {"hash": digest, "files": [{"hash": "", "name": name, "type": kinds[name]} for name in files]}
        put(folder / "refs" / f"{tag}.json", json.dumps(ref))
