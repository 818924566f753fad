"""What a source gave."""

from __future__ import annotations

from typing import Literal

import msgspec

from papin.models import How as Taken

How = Taken | Literal["download"]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """The staged payload: verified against what was promised, and durable. `blamed` says which sources were wrong.

    `etag` is the strong validator of the server, without its quotes; empty when there is none. `sums` are the CRC-32 of
    its chunks, where they are known: by these, damage to it is found later.
    """

    sha256: str
    size: int
    how: How
    blamed: tuple[str, ...] = ()
    etag: str = ""
    sums: bytes = b""
