"""What stands in the table of a catalog of one's own, `[catalogs.NAME]`."""

from __future__ import annotations

import msgspec

__all__ = ["IndexSettings"]


class IndexSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the models are: a folder, or the web address of an index, with a token where it wants one."""

    address: str = ""
    token: str = ""
