"""What the hub answers, as far as papin reads it. Every key may be missing; unknown ones are ignored.

Shapes: huggingface.co/docs/hub/api, and the hub's own answers.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Gguf", "Lfs", "Repository", "Sibling"]


class Lfs(msgspec.Struct):
    """A large file: its SHA-256, and its size in bytes."""

    sha256: str = ""
    size: int | None = None


class Sibling(msgspec.Struct):
    """A file of a repository."""

    rfilename: str
    size: int | None = None
    lfs: Lfs | None = None


class Gguf(msgspec.Struct):
    """What the hub read in the header of a GGUF file. `total` counts parameters."""

    total: int | None = None
    architecture: str = ""
    context_length: int | None = None
    chat_template: str | None = None


class Repository(msgspec.Struct, rename={"last_modified": "lastModified", "created_at": "createdAt"}):
    """A model as the hub lists or describes it. `gated` is False, or how a licence is accepted."""

    id: str
    sha: str | None = None
    tags: list[str] = []
    pipeline_tag: str | None = None
    downloads: int | None = None
    likes: int | None = None
    trending: float | None = msgspec.field(default=None, name="trendingScore")
    created_at: str | None = None
    last_modified: str | None = None
    gated: bool | str = False
    private: bool = False
    gguf: Gguf | None = None
    siblings: list[Sibling] = []
    card: Any = msgspec.field(default=None, name="cardData")
