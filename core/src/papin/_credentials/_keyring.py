"""The system's keyring, by the package `keyring` where it is installed: `pip install "papin[keyring]"`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_SERVICE = "papin"


class Keyring:
    """The tokens in it are those of the service `papin`, by their origins. Every method blocks, perhaps for a person.

    A keyring that is locked, or not there in this session, has nothing and keeps nothing.
    """

    def __init__(self) -> None:
        # The package is optional, and asks the system for what it has: so it is imported only here.
        self._module: Any = None
        self._errors: tuple[type[Exception], ...] = ()
        try:
            keyring, errors = import_module("keyring"), import_module("keyring.errors")
        except ImportError:
            return
        self._errors = (errors.KeyringError, OSError, RuntimeError)
        try:
            if keyring.get_keyring().priority > 0:
                self._module = keyring
        except self._errors:
            return

    def get(self, origin: str) -> str:
        """Return the token of `origin`, or nothing."""
        try:
            return (self._module and self._module.get_password(_SERVICE, origin)) or ""
        except self._errors:
            return ""

    def put(self, origin: str, token: str) -> bool:
        """Keep a token; return whether it is kept."""
        try:
            if self._module is not None:
                self._module.set_password(_SERVICE, origin, token)
        except self._errors:
            return False
        return self._module is not None

    def drop(self, origin: str) -> None:
        """Forget a token."""
        try:
            if self._module is not None:
                self._module.delete_password(_SERVICE, origin)
        except self._errors:
            return
