"""The file with the user's tokens, which nobody else can read: JSON, origins to tokens, null for one in the keyring."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from papin._config.writing import locked, write
from papin._credentials._tokens import is_token, refuse
from papin._paths import make_folder
from papin.errors import ConfigInvalid

_MOST = 1 << 20

Tokens = dict[str, str | None]


def read(file: Path) -> Tokens:
    """Return what the file holds, nothing when there is none. Blocks.

    Raises:
        ConfigInvalid: others can read it, or it is not what papin wrote.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigInvalid(
            f"{file} cannot be read: {error.strerror}", next_step=f"Make it a file that you may read: chmod 600 {file}"
        ) from error
    try:
        _check_private(file, os.fstat(descriptor))
        data = os.read(descriptor, _MOST)
    finally:
        os.close(descriptor)
    try:
        tokens = msgspec.json.decode(data, type=Tokens)
    except msgspec.DecodeError:
        raise ConfigInvalid(
            f"{file} is not as papin wrote it", next_step="Move it away, and log in again: papin login HOST"
        ) from None  # the cause could quote a token
    if not all(token is None or is_token(token) for token in tokens.values()):
        raise refuse(str(file))
    return tokens


def _check_private(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigInvalid(f"{file} is not a regular file", next_step="Move it away.")
    if status.st_uid != os.geteuid():
        raise ConfigInvalid(f"{file} belongs to another user", next_step="Move it away, and log in again.")
    if status.st_mode & 0o077:
        raise ConfigInvalid(
            f"other users can read your tokens in {file}",
            next_step=f"Type: chmod 600 {file}, and renew the tokens if somebody may have read them.",
        )


@contextmanager
def changing(file: Path) -> Iterator[Tokens]:
    """Give what the file holds, to be changed, and write it back, alone and durably. Blocks.

    Raises:
        ConfigInvalid, StorageFailed: it cannot be read or written.
    """
    make_folder(file.parent)
    with locked(file.parent):
        tokens = read(file)
        before = dict(tokens)
        yield tokens
        if tokens != before:
            write(file, msgspec.json.encode(tokens) + b"\n")
