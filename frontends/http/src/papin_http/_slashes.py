"""Slashes inside one part of a path: `/models/lmstudio:publisher%2Frepo%2Fm.gguf` names one model.

Servers unquote a path before it is taken apart, so that such a slash would begin another part. It is kept quoted
until the parts are known, and unquoted in them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from litestar import Request

__all__ = ["keep", "restore"]

_QUOTED = "%2F"


def keep(scope: dict[str, Any]) -> dict[str, Any]:
    """Return `scope` with its path unquoted but for the slashes in it."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return scope
    path = raw.partition(b"?")[0].decode("ascii", "replace").replace("%2f", _QUOTED)
    kept = _QUOTED.join(unquote(part) for part in path.split(_QUOTED))
    return {**scope, "path": kept}


def restore(request: Request[Any, Any, Any]) -> None:
    """Unquote the slashes in the parameters of a path."""
    parameters = request.scope["path_params"].items()
    request.scope["path_params"] = {name: value.replace(_QUOTED, "/") for name, value in parameters}
