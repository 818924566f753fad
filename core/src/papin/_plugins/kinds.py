from __future__ import annotations

import importlib
import re
from typing import Any

import msgspec

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_RESERVED_PREFIXES = {"file", "http", "https"}
NAME_LIMIT = 40


class Kind(msgspec.Struct, frozen=True):
    """A kind of descriptor: the hook that registers it, the table of `Plugins`, the word for it, and its type.

    `calls` are its fields that are functions, `may_call` those that are functions or None.
    """

    hook: str
    table: str
    word: str
    module: str
    type_name: str
    calls: tuple[str, ...]
    may_call: tuple[str, ...] = ()

    def type(self) -> Any:
        """Return the descriptor's type; its page is imported only when a plugin has such a hook."""
        return getattr(importlib.import_module(self.module), self.type_name)


KINDS = (
    Kind("papin_providers", "providers", "provider", "papin.providers", "Provider", ("open",)),
    Kind("papin_catalogs", "catalogs", "catalog", "papin.catalogs", "Catalog", ("open",)),
    Kind("papin_formats", "formats", "format", "papin.formats", "Format", ("recognise", "read"), ("group", "join")),
    Kind("papin_storages", "storages", "storage", "papin.storages", "Storage", ("open",)),
    Kind("papin_cleanup_policies", "policies", "policy", "papin.policies", "CleanupPolicy", ("plan",)),
    Kind("papin_recommenders", "recommenders", "recommender", "papin.recommenders", "Recommender", ("recommend",)),
    Kind("papin_frontends", "frontends", "frontend", "papin.frontends", "Frontend", ("main",)),
)
"""Every kind, in the order of the hooks."""


def fault(kind: Kind, descriptor: Any) -> str:
    """Return what is wrong with a descriptor, or nothing: Structs do not check their fields when they are made."""
    expected = kind.type()
    if not isinstance(descriptor, expected):
        return f"a {type(descriptor).__name__} and not a {expected.__name__}"
    name = descriptor.name
    if not isinstance(name, str) or not _plain(name):
        return f"the name {name!r:.60}; names are lower-case letters and digits with - or _ between them"
    if not isinstance(descriptor.summary, str):
        return f"{name}, whose summary is no text"
    for field in (*kind.calls, *(each for each in kind.may_call if getattr(descriptor, each) is not None)):
        if not callable(getattr(descriptor, field)):
            return f"{name}, whose {field} cannot be called"
    return _settings_fault(descriptor) or _words_fault(descriptor)


def _plain(name: str) -> bool:
    return len(name) <= NAME_LIMIT and _NAME.fullmatch(name) is not None


def _settings_fault(descriptor: Any) -> str:
    settings = getattr(descriptor, "settings", None)
    if settings is None or (isinstance(settings, type) and issubclass(settings, msgspec.Struct)):
        return ""
    return f"{descriptor.name}, whose settings are no msgspec Struct"


def _words_fault(descriptor: Any) -> str:
    prefix = getattr(descriptor, "prefix", "a")
    if not isinstance(prefix, str) or not _plain(prefix) or prefix in _RESERVED_PREFIXES:
        return f"{descriptor.name}, whose prefix {prefix!r:.60} cannot be typed before a colon"
    for field in ("formats", "suffixes"):
        words = getattr(descriptor, field, ())
        if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
            return f"{descriptor.name}, whose {field} are no tuple of texts"
    return ""
