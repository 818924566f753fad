"""What the user can set in the tables of the providers that are found."""

from __future__ import annotations

import msgspec

__all__ = ["FolderSettings", "LmStudioSettings"]


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the program keeps its models: `folder`; empty: where it does by itself."""

    folder: str = ""


class LmStudioSettings(FolderSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where LM Studio's server is: `url`, and `key`, a token made in its window when it wants one."""

    url: str = "http://127.0.0.1:1234"
    key: str = ""
