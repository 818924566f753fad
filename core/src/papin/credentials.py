"""The user's tokens: one for each server, sent to that server alone, and shown nowhere.

    credentials = open_credentials()
    credentials.save("huggingface.co", token)        # the system's keyring if there is one, else a file (0600)
    for credential in credentials.list():
        print(credential.origin, credential.source)

A token belongs to an origin: scheme, host and port. Looked for in this order: `PAPIN_TOKEN_<HOST>` in the environment
(`_` for a dot, `__` for a hyphen), `HF_TOKEN` for https://huggingface.co, then what was saved: in `tokens.json` beside
the configuration file, or, if the package `keyring` finds a keyring of the system, in that one, and `tokens.json` only
says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from papin._credentials import _environment, _file
from papin._credentials._keyring import Keyring
from papin._credentials._tokens import checked_token, is_token, origin_named
from papin._paths import find_paths
from papin.errors import Conflict, NotFound
from papin.models import Value

__all__ = ["Credential", "Credentials", "open_credentials"]

_FILE = "tokens.json"


class Credential(Value, frozen=True, kw_only=True):
    """That there is a token for `origin`, and where: `keyring`, `file`, or the name of a variable. Never the token."""

    origin: str
    source: str


class Credentials:
    """The tokens of one user, kept in `file` or the keyring, and those of `environ`. Every method blocks."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self._file = file
        self._environ = environ

    def find(self, origin: str) -> str:
        """Return the token for `origin` (`https://huggingface.co`), or nothing.

        Raises:
            ConfigInvalid: the variable holds no token; or others can read the file, or it is broken.
        """
        variable = _environment.variables(self._environ).get(origin)
        if variable is not None:
            return _environment.read(self._environ, variable)
        saved = _file.read(self._file)
        if origin not in saved:
            return ""
        token = saved[origin]
        if token is None:
            token = Keyring().get(origin)
        return token if is_token(token) else ""

    def list(self) -> tuple[Credential, ...]:
        """Return for which servers there are tokens. Raises `ConfigInvalid` as `find`."""
        sources = {origin: "keyring" if token is None else "file" for origin, token in _file.read(self._file).items()}
        sources |= _environment.variables(self._environ)
        return tuple(Credential(origin=origin, source=source) for origin, source in sorted(sources.items()))

    def save(self, server: str, token: str) -> Credential:
        """Keep `token` for `server`, a host or an address, in the place of one that was kept for it before.

        Raises:
            NameInvalid, AddressUnsafe: the server or the token cannot be one, or it would travel in the clear.
            ConfigInvalid, StorageFailed: the file cannot be used.
        """
        origin, token = origin_named(server), checked_token(token)
        with _file.changing(self._file) as saved:
            is_in_keyring = Keyring().put(origin, token)
            saved[origin] = None if is_in_keyring else token
        return Credential(origin=origin, source="keyring" if is_in_keyring else "file")

    def remove(self, server: str) -> Credential:
        """Forget what was kept for `server`; return what that was.

        Raises:
            NotFound: nothing was kept.
            Conflict: its token is in the environment, where only the user can take it away.
            ConfigInvalid, StorageFailed: the file cannot be used.
        """
        origin = origin_named(server)
        with _file.changing(self._file) as saved:
            if origin in saved:
                source = "keyring" if saved.pop(origin) is None else "file"
                if source == "keyring":
                    Keyring().drop(origin)
                return Credential(origin=origin, source=source)
        variable = _environment.variables(self._environ).get(origin)
        if variable is not None:
            raise Conflict(f"the token for {origin} is in {variable}", next_step=f"Type: unset {variable}")
        raise NotFound(f"no token is kept for {origin}", next_step="papin login shows for which servers there is one.")


def open_credentials(environ: Mapping[str, str] = os.environ) -> Credentials:
    """Return the tokens of this user, or of `PAPIN_HOME`.

    Raises:
        ConfigInvalid: `PAPIN_HOME` is no folder of its own.
    """
    return Credentials(find_paths(environ).config_file.with_name(_FILE), environ)
