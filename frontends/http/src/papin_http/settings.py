"""What the table `[frontends.http]` of the configuration may say."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["HttpSettings"]


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen. `names` are further host names under which clients on other machines reach this one."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 7274
    names: tuple[str, ...] = ()
