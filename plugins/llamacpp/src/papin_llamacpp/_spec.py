"""What passes between papin and an engine's host: the order, the answer, and the record that lies on disk."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

__all__ = ["Answer", "Effective", "Failed", "Ready", "Record", "Spec"]


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is loaded, with nothing left open; the names and meanings are those of `LlamaCppSettings`."""

    n_ctx: int
    n_gpu_layers: int
    n_threads: int
    n_parallel: int
    flash_attn: bool | None
    cache_ram_mib: int
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    embedding: bool = False
    pooling_type: str = "auto"


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The order that a host reads from its stdin.

    `program` is the path of a llama-server, or empty for the embedded one; `lock_fd` is the inherited descriptor of
    the engine's lock file, locked already.
    """

    engine: str
    model: str
    sha256: str
    path: str
    run: str
    settings: Effective
    keep_alive: float
    lock_fd: int
    mmproj: str = ""
    program: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded engine as every papin process of this user finds it: `<run>/<engine>.json`, readable by the user only.

    `started` is the process's start time as psutil tells it; `n_ctx` is what the engine says, which may be less than
    `settings.n_ctx`. The record is written once; what changes later stands in `<engine>.use`.
    """

    engine: str
    model: str
    sha256: str
    path: str
    address: str
    key: str
    pid: int
    started: float
    loaded_at: datetime
    settings: Effective
    n_ctx: int
    program: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The model is in memory, and the record is on disk."""

    record: Record


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The engine ended before it was ready.

    `refused`: it said no by itself. `crashed`: its process died, `status` is its exit status, or the negative number
    of the signal. `missing`: the program could not be started at all, `reason` says why.
    """

    how: Literal["refused", "crashed", "missing"]
    reason: str = ""
    status: int = 0


Answer = Ready | Failed
"""The one JSON line that a host writes."""
