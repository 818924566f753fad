"""llama.cpp's server inside the host's own process, by the xllamacpp wheel."""

from __future__ import annotations

import importlib
from typing import Any

from papin_llamacpp._server import Refused
from papin_llamacpp._spec import Failed, Spec

__all__ = ["start"]


class Embedded:
    """The server; it lives in threads of its own and ends with the process."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.address: str = server.listening_address

    def has_ended(self) -> bool:
        """Tell that it lives, since it would have taken this process with it."""
        return False

    def stop(self) -> None:
        """Leave it to the end of the process, which is quicker and gives everything back."""


def start(spec: Spec, key: str) -> Embedded:
    """Load the model and serve it. Blocks, and holds Python's lock, until the model is in memory.

    Raises:
        Refused: llama.cpp does not want it.
    """
    xllamacpp: Any = importlib.import_module("xllamacpp")  # the native code: in this process only, and not before

    params = xllamacpp.CommonParams()
    params.model.path = spec.path
    params.mmproj.path = spec.mmproj
    params.model_alias = {spec.model}
    params.api_keys = [key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.endpoint_metrics = True
    params.cors_origins = ""
    params.cors_credentials = False
    params.ui = False
    _apply(spec, params, xllamacpp)
    try:
        return Embedded(xllamacpp.Server(params))
    except RuntimeError as error:
        raise Refused(Failed(how="refused")) from error


def _apply(spec: Spec, params: Any, module: Any) -> None:
    wanted = spec.settings
    params.n_ctx = wanted.n_ctx
    params.n_parallel = wanted.n_parallel
    params.n_gpu_layers = wanted.n_gpu_layers
    params.cache_ram_mib = wanted.cache_ram_mib
    if wanted.n_threads:
        params.cpuparams.n_threads = wanted.n_threads
        params.cpuparams_batch.n_threads = wanted.n_threads
    params.cache_type_k = getattr(module.ggml_type, f"GGML_TYPE_{wanted.cache_type_k.upper()}")
    params.cache_type_v = getattr(module.ggml_type, f"GGML_TYPE_{wanted.cache_type_v.upper()}")
    params.embedding = wanted.embedding
    if wanted.pooling_type != "auto":
        params.pooling_type = getattr(module.llama_pooling_type, f"LLAMA_POOLING_TYPE_{wanted.pooling_type.upper()}")
    if wanted.flash_attn is not None:
        kinds = module.llama_flash_attn_type
        params.flash_attn_type = (
            kinds.LLAMA_FLASH_ATTN_TYPE_ENABLED if wanted.flash_attn else kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
