"""An error as data."""

from __future__ import annotations

import msgspec

__all__ = ["Problem"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as data: what every frontend shows, and what jobs and events keep."""

    code: str
    title: str
    message: str
    next_step: str = ""
