"""Ollama's registry protocol: a name to its manifest and its config, both checked.

A manifest comes from somebody else's server: it is bounded, its digests are digests before anything is made of them,
and a layer has a size that a file can have. Blobs are named by digest, so that whoever serves them cannot change
them; nothing but the manifest has to be believed. No credentials go anywhere but to the server that was asked.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from papin.errors import DigestMismatch, FormatInvalid, NameInvalid, NotFound, TransferFailed
from papin.http import Client, Http
from papin_ollama._layers import MANIFEST, Config, Layer, Manifest, hex_of, role
from papin_ollama._names import HOST, Name

__all__ = ["Found", "Registry"]

T = TypeVar("T")
_MOST_LAYERS = 256
_MANIFEST_BYTES = 1 << 20
_SMALL = 16 << 20
_LARGEST = 1 << 44


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a registry; `digest` is the SHA-256 of its manifest."""

    name: Name
    digest: str
    layers: tuple[Layer, ...]
    config: Config


class Registry:
    """Asks the registry at `endpoint` for models of Ollama's own names, and any other host for those that name it."""

    def __init__(self, http: Http, endpoint: str) -> None:
        self._http = http
        self._endpoint = endpoint.rstrip("/")

    def base(self, name: Name) -> str:
        """Return the address below which the manifests and blobs of a model are."""
        host = self._endpoint if name.host.lower() == HOST else f"https://{name.host}"
        return f"{host}/v2/{name.namespace}/{name.model}"

    async def find(self, name: Name) -> Found:
        """Return the model of that name.

        Raises:
            NotFound: there is none.
            FormatInvalid: it has no weights of one GGUF file.
            TransferFailed: the registry cannot be reached or understood.
        """
        # The user chose the endpoint; a host in a name may come from anywhere, and must not be a private one.
        chosen = self._endpoint if name.host.lower() == HOST else ""
        async with self._http.client(chosen) as client:
            data = await self._manifest(client, name)
            manifest = _checked(name, _decode(data, Manifest, "manifest"))
            config = await self._config(client, name, manifest)
        if config.remote_host:
            raise FormatInvalid(f"{name} is a cloud model: it has no files", next_step="Use it through Ollama.")
        if config.model_format not in {"", "gguf"}:
            raise FormatInvalid(
                f"{name} is in the format {config.model_format[:40]!a}, which papin does not install from here",
                next_step=f"Let Ollama pull it: ollama pull {name}",
            )
        return Found(name=name, digest=hashlib.sha256(data).hexdigest(), layers=manifest.all, config=config)

    async def _manifest(self, client: Client, name: Name) -> bytes:
        address = f"{self.base(name)}/manifests/{name.tag}"
        answer = await client.request("GET", address, headers={"Accept": MANIFEST}, limit=_MANIFEST_BYTES)
        if answer.status in {400, 404}:
            raise NotFound(
                f"{self.base(name).split('/')[2]} has no model {name}", next_step="Check the name and the tag."
            )
        answer.raise_for_status()
        return answer.body

    async def _config(self, client: Client, name: Name, manifest: Manifest) -> Config:
        if manifest.config is None or not manifest.config.digest:
            return Config()
        digest = hex_of(manifest.config.digest)
        answer = await client.request("GET", f"{self.base(name)}/blobs/sha256:{digest}", limit=_MANIFEST_BYTES)
        answer.raise_for_status()
        if hashlib.sha256(answer.body).hexdigest() != digest:
            raise DigestMismatch(f"the config of {name} is not the one that was promised", next_step="Try it later.")
        return _decode(answer.body, Config, "config")


def _decode(data: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _nonsense(f"its {what} is none: {str(error)[:120]}") from error


def _checked(name: Name, manifest: Manifest) -> Manifest:
    """Return `manifest` if a model can be made of it; every blob has a digest and a size then."""
    if len(manifest.layers) > _MOST_LAYERS:
        raise _nonsense(f"{name} has {len(manifest.layers)} layers")
    for layer in manifest.all:
        most = _SMALL if role(layer.kind) == "sidecar" else _LARGEST
        try:
            hex_of(layer.digest)
        except NameInvalid as error:
            raise _nonsense(f"a layer of {name} has no digest: {error.message}") from error
        if not 0 <= layer.size <= most or (not layer.size and role(layer.kind) != "sidecar"):
            raise _nonsense(f"a layer of {name} has a size of {layer.size} bytes")
    weights = [layer for layer in manifest.layers if role(layer.kind) == "weights"]
    if len(weights) != 1 or weights[0].kind != "model":
        raise FormatInvalid(
            f"{name} has weights of {len(weights)} layers, and papin installs GGUF models of one",
            next_step=f"Let Ollama pull it: ollama pull {name}",
        )
    return manifest


def _nonsense(what: str) -> TransferFailed:
    return TransferFailed(
        f"the registry answered what papin does not believe: {what}", next_step="Use another source for this model."
    )
