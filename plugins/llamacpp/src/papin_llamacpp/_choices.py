"""Which engine to use and how to load a model with it: pure functions, and one look for programs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from typing import Any, get_args

import msgspec

from papin.errors import ConfigInvalid, EngineMissing
from papin.models import Engine, LoadSettings, Model
from papin_llamacpp._settings import CacheType, LlamaCppSettings
from papin_llamacpp._spec import Effective, Record

__all__ = ["defaults_for", "find_engine", "is_as_wanted", "resolve"]


def find_engine(which: str) -> Engine:
    """Return the engine to use; one without `path` is embedded. Starts nothing, imports nothing.

    Raises:
        EngineMissing: it is not installed.
    """
    if which in {"auto", "xllamacpp"} and importlib.util.find_spec("xllamacpp") is not None:
        return Engine(name="xllamacpp", version=importlib.metadata.version("xllamacpp"))
    program = shutil.which("llama-server") if which in {"auto", "llama-server"} else None
    if program:
        return Engine(name="llama-server", path=program)
    wanted = "llama.cpp" if which == "auto" else which
    raise EngineMissing(
        f"{wanted} is not installed, so no model can be loaded",
        next_step="Type `pip install xllamacpp`, or put llama-server (of llama.cpp) on your PATH.",
    )


def resolve(model: Model, wanted: LoadSettings, defaults: LlamaCppSettings) -> Effective:
    """Return how to load `model`: what is wanted, and the defaults for what is left open.

    Raises:
        ConfigInvalid: the KV cache cannot be of that type.
    """
    n_ctx = defaults.n_ctx
    if model.context_length:
        n_ctx = min(n_ctx, model.context_length)
    chosen = {field: getattr(defaults, field) for field in Effective.__struct_fields__} | {"n_ctx": n_ctx}
    chosen["embedding"] = defaults.embedding or "embedding" in model.capabilities
    for kind in (wanted.cache_type_k, wanted.cache_type_v):
        _check_cache_type(kind)
    return Effective(**(chosen | _explicit(wanted)))


def defaults_for(model: Model, defaults: LlamaCppSettings) -> LoadSettings:
    """Return how `model` is loaded when nothing is wanted; what is then the model's or llama.cpp's choice is None."""
    chosen = resolve(model, LoadSettings(), defaults)
    return LoadSettings(
        n_ctx=chosen.n_ctx or None,
        n_gpu_layers=chosen.n_gpu_layers,
        n_threads=chosen.n_threads or None,
        n_parallel=chosen.n_parallel,
        flash_attn=chosen.flash_attn,
        cache_type_k=chosen.cache_type_k,
        cache_type_v=chosen.cache_type_v,
        keep_alive=defaults.keep_alive,
    )


def _check_cache_type(kind: str | None) -> None:
    known = get_args(CacheType)
    if kind is not None and kind not in known:
        raise ConfigInvalid(
            f"llama.cpp has no type {kind!r:.40} for the KV cache", next_step=f"There is: {', '.join(known)}"
        )


def is_as_wanted(record: Record, sha256: str, wanted: LoadSettings) -> bool:
    """Tell whether the engine of `record` has that very file in memory, loaded as wanted; what is left open is."""
    return record.sha256 == sha256 and all(
        getattr(record.settings, field) == value for field, value in _explicit(wanted).items()
    )


def _explicit(wanted: LoadSettings) -> dict[str, Any]:
    values = msgspec.structs.asdict(wanted)
    return {field: values[field] for field in Effective.__struct_fields__ if values.get(field) is not None}
