"""The settings of the store: the table `[storages.store]` of papin's configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["StoreSettings"]

_Bytes = Annotated[int, msgspec.Meta(ge=0)]


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the store is and how much it may take; both sizes are in bytes.

    `path` is the folder, empty for papin's own data folder. `limit` is the most that payloads and unfinished
    downloads may take together, None for no limit. `reserve` is what always stays free on the file system, None for
    1 GiB or a twentieth of the file system, whichever is less.
    """

    path: str = ""
    limit: _Bytes | None = None
    reserve: _Bytes | None = None
