"""What the user can set in the table `[providers.llama-server]`."""

from __future__ import annotations

import msgspec

__all__ = ["ServerSettings"]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the server is.

    `url` is its address and `key` what it was started with as `--api-key`. For a router of this machine, `models_dir`
    is its `--models-dir`, into which models are shared; empty: found out from what it lists. `presets` is its
    `--models-preset`, a file that papin then writes; empty: a file in papin's own folder, for the router to be started
    with.
    """

    url: str = "http://127.0.0.1:8080"
    key: str = ""
    models_dir: str = ""
    presets: str = ""
