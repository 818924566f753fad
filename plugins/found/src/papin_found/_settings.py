"""What the user can set in the tables of the providers that are found."""

from __future__ import annotations

import msgspec

__all__ = ["FolderSettings"]


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the program keeps its models: `folder`; empty: where it does by itself."""

    folder: str = ""
