"""What Ollama answers, as far as papin reads it; whatever else is there is left out, whatever is missing is allowed."""

from __future__ import annotations

import msgspec

__all__ = ["Details", "Embedded", "Fault", "Line", "Ps", "Running", "Said", "Show", "Tag", "Tags", "Version"]


class Version(msgspec.Struct):
    """`/api/version`."""

    version: str


class Fault(msgspec.Struct):
    """An answer that says what went wrong."""

    error: str = ""


class Details(msgspec.Struct, gc=False):
    """Of a model; `parameter_size` is for people: `751.63M`."""

    format: str | None = ""
    family: str | None = ""
    parameter_size: str | None = ""
    quantization_level: str | None = ""
    context_length: int | None = None


class Tag(msgspec.Struct, gc=False):
    """One of `/api/tags`; `digest` is the SHA-256 of the manifest, and `modified_at` has nanoseconds."""

    name: str
    size: int = 0
    digest: str = ""
    modified_at: str = ""
    details: Details | None = None
    capabilities: tuple[str, ...] | None = None
    remote_model: str | None = None
    remote_host: str | None = None


class Tags(msgspec.Struct):
    """`/api/tags`."""

    models: list[Tag] | None = None


class Running(msgspec.Struct):
    """One of `/api/ps`."""

    name: str
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    expires_at: str = ""
    context_length: int | None = None


class Ps(msgspec.Struct):
    """`/api/ps`."""

    models: list[Running] | None = None


class Show(msgspec.Struct):
    """`/api/show`."""

    license: str | None = ""
    modelfile: str | None = ""
    parameters: str | None = ""
    template: str | None = ""
    system: str | None = ""
    details: Details | None = None
    model_info: dict[str, object] | None = None
    capabilities: list[str] | None = None
    modified_at: str = ""


class Line(msgspec.Struct):
    """A line of a pull or a create; numbers that are zero are left out."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""


class _Message(msgspec.Struct):
    content: str = ""
    thinking: str = ""


class Said(msgspec.Struct):
    """A line of `/api/chat` (with `message`) or `/api/generate` (with `response`); durations are in nanoseconds."""

    message: _Message | None = None
    response: str = ""
    thinking: str = ""
    done: bool = False
    done_reason: str = ""
    error: str = ""
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class Embedded(msgspec.Struct):
    """`/api/embed`."""

    embeddings: list[list[float]]
    prompt_eval_count: int = 0
