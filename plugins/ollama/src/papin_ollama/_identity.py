"""Telling Ollama apart from the programs that answer as if they were Ollama; pure functions over their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["PROBES", "Answer", "Identity", "identify"]

PROBES = (
    "/api/version",
    "/",
    "/.well-known/localai.json",
    "/props",
    "/api/v1/models",
    "/api/v1/system-info",
)
"""What is asked for, all at once: what only Ollama answers, and what only the others do."""

_OK = 200
_HEARTBEAT = b"Ollama is running"
_VERSION_OF_LOCALAI = "0.9.0"  # a constant there, whatever its own version is


class Answer(msgspec.Struct, frozen=True):
    """The answer to a probe; a `status` of 0 stands for none."""

    status: int = 0
    body: bytes = b""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What answers: `other` is the name of another program, `version` Ollama's; neither: nobody knows."""

    version: str = ""
    other: str = ""


def identify(answers: Mapping[str, Answer]) -> Identity:
    """Return what gave the `answers`, by probe."""
    if other := _other(answers):
        return Identity(other=other)
    version = _json(answers, "/api/version").get("version")
    if not isinstance(version, str) or not version:
        return Identity()
    if version == _VERSION_OF_LOCALAI and not _body(answers, "/").startswith(_HEARTBEAT):
        return Identity(other="LocalAI")
    return Identity(version=version[:40])


def _other(answers: Mapping[str, Answer]) -> str:
    props = _json(answers, "/props")
    listed = _json(answers, "/api/v1/models").get("models")
    if _json(answers, "/.well-known/localai.json"):
        return "LocalAI"
    if props.get("role") == "router" or "build_info" in props:
        return "llama-server"
    if isinstance(listed, list) and any(isinstance(each, dict) and "key" in each for each in listed):
        return "LM Studio"
    if "model_storage" in _json(answers, "/api/v1/system-info"):
        return "Lemonade"
    return ""


def _body(answers: Mapping[str, Answer], probe: str) -> bytes:
    answer = answers.get(probe, Answer())
    return answer.body if answer.status == _OK else b""


def _json(answers: Mapping[str, Answer], probe: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(_body(answers, probe))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
