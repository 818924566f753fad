"""Ollama's names for models: `[host/][namespace/]model[:tag]`, and the four folders that a name is on disk.

The grammar is Ollama's own: a part has at most 80 characters (a host 350) of letters, digits, `_`, `-` and `.`, begins
with a letter, a digit or `_`; a namespace has no dot, and a host may have a port.
"""

from __future__ import annotations

import re

import msgspec

from papin.errors import NameInvalid

__all__ = ["HOST", "Name", "is_same", "name_of_parts", "parse"]

HOST = "registry.ollama.ai"
NAMESPACE = "library"
TAG = "latest"

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_SHOWN = 80


class Name(msgspec.Struct, frozen=True):
    """A whole name; two that differ only in case are the same model to Ollama."""

    host: str
    namespace: str
    model: str
    tag: str

    def __str__(self) -> str:
        """Return the shortest form with a tag, as Ollama lists it."""
        if self.host.lower() != HOST:
            return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"
        if self.namespace.lower() != NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The four folders below `manifests`; the last one is the file."""
        return self.host, self.namespace, self.model, self.tag

    @property
    def folded(self) -> tuple[str, ...]:
        """What to compare it by."""
        return tuple(each.lower() for each in self.parts)

    @property
    def is_valid(self) -> bool:
        """Tell whether Ollama takes it."""
        return bool(
            _HOST.fullmatch(self.host)
            and _NAMESPACE.fullmatch(self.namespace)
            and _PART.fullmatch(self.model)
            and _PART.fullmatch(self.tag)
            and ".." not in "/".join(self.parts)
        )


def name_of_parts(*parts: str) -> Name | None:
    """Return the name that four folders stand for, or None where Ollama would not take them for one."""
    name = Name(*parts)
    return name if name.is_valid else None


def is_same(one: str, other: str) -> bool:
    """Tell whether two names are the same model to Ollama; what is no name is only the same as itself."""
    try:
        return parse(one).folded == parse(other).folded
    except NameInvalid:
        return one == other


def parse(text: str) -> Name:
    """Return the name that `text` is, with Ollama's defaults for what it leaves out.

    Raises:
        NameInvalid: Ollama would not take it.
    """
    path, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        path, tag = text, TAG
    *before, model = path.split("/")
    if len(before) <= 2:  # noqa: PLR2004  host and namespace
        host, namespace = [*[HOST, NAMESPACE][: 2 - len(before)], *before]
        name = Name(host, namespace, model, tag)
        if name.is_valid:
            return name
    raise NameInvalid(
        f"{text[:_SHOWN]!a} is no name of a model of Ollama",
        next_step="Use a name like qwen3:0.6b, namespace/model:tag or hf.co/user/repo:Q4_K_M.",
    )
