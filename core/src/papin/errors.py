"""Every error that papin expects, each with a stable code, a sentence for the user and what to do next.

    PapinError                      ERR_PAPIN
    ├── NameInvalid                 ERR_NAME            a name, id or address that the grammar refuses
    ├── NotFound                    ERR_NOT_FOUND       nothing of that name
    ├── Ambiguous                   ERR_AMBIGUOUS       more than one thing of that name
    ├── Conflict                    ERR_CONFLICT        it is there already, or somebody else is at it
    ├── InUse                       ERR_IN_USE          something still uses it
    ├── Cancelled                   ERR_CANCELLED       the user ended it
    ├── ConfigInvalid               ERR_CONFIG          the configuration says something impossible
    ├── PluginFailed                ERR_PLUGIN          a plugin is missing, broken or too slow
    ├── RegistryFailed              ERR_REGISTRY        the database of papin
    ├── StorageFailed               ERR_STORAGE         a folder or file that cannot be read or written
    │   └── DiskSpace               ERR_DISK_SPACE      not enough of it
    ├── FormatInvalid               ERR_FORMAT          a model file that is damaged, hostile, or not for this provider
    ├── DigestMismatch              ERR_DIGEST          the bytes are not the ones that were promised
    ├── TransferFailed              ERR_NETWORK         a connection or a server failed
    │   ├── TransferTimeout         ERR_TIMEOUT         it took too long, or too little arrived
    │   ├── SourceChanged           ERR_SOURCE_CHANGED  the file at the address is another one now
    │   ├── TooManyRequests         ERR_RATE_LIMIT      the server asks us to wait
    │   ├── LoginRequired           ERR_LOGIN           a token or a licence is needed
    │   ├── Offline                 ERR_OFFLINE         the network was needed and is switched off
    │   └── AddressUnsafe           ERR_UNSAFE_ADDRESS  an address that papin refuses to open
    └── ProviderFailed              ERR_PROVIDER        a program that runs models failed
        ├── EngineMissing           ERR_ENGINE_MISSING  it is not installed
        ├── LoadFailed              ERR_LOAD            it could not load the model
        └── OutOfMemory             ERR_MEMORY          the model does not fit in memory

Expected errors are shown to the user; anything else is a bug and propagates. A library's own exception never
crosses a public boundary: it becomes one of these, with the cause kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from papin._problem import Problem

__all__ = [
    "AddressUnsafe",
    "Ambiguous",
    "Cancelled",
    "ConfigInvalid",
    "Conflict",
    "DigestMismatch",
    "DiskSpace",
    "EngineMissing",
    "FormatInvalid",
    "InUse",
    "LoadFailed",
    "LoginRequired",
    "NameInvalid",
    "NotFound",
    "Offline",
    "OutOfMemory",
    "PapinError",
    "PluginFailed",
    "Problem",
    "ProviderFailed",
    "RegistryFailed",
    "SourceChanged",
    "StorageFailed",
    "TooManyRequests",
    "TransferFailed",
    "TransferTimeout",
    "expected",
    "from_problem",
]


def __getattr__(name: str) -> object:
    # Every command imports this page, and those that only read need nothing of msgspec, which takes as long as they do.
    if name != "Problem":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from papin._problem import Problem  # noqa: PLC0415

    return Problem


class PapinError(Exception):
    """The root of all expected errors.

    `code` is stable and for programs, `title` says the kind in a few words, `message` says what happened and
    why, `next_step` what to type or do now.
    """

    code: ClassVar[str] = "ERR_PAPIN"
    title: ClassVar[str] = "papin could not do that"

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def problem(self) -> Problem:
        """Return this error as data."""
        from papin._problem import Problem  # noqa: PLC0415  see `__getattr__`

        return Problem(code=self.code, title=self.title, message=self.message, next_step=self.next_step)


class NameInvalid(PapinError):
    """A name, id or address that the grammar of `papin.names` refuses."""

    code = "ERR_NAME"
    title = "Not a valid name"


class NotFound(PapinError):
    """Nothing of that name; the next step lists the nearest ones."""

    code = "ERR_NOT_FOUND"
    title = "Not found"


class Ambiguous(PapinError):
    """More than one thing of that name; the next step lists them."""

    code = "ERR_AMBIGUOUS"
    title = "Ambiguous name"


class Conflict(PapinError):
    """It is there already, or somebody else is at it."""

    code = "ERR_CONFLICT"
    title = "Conflict"


class InUse(PapinError):
    """Something still uses it, so it is not removed."""

    code = "ERR_IN_USE"
    title = "In use"


class Cancelled(PapinError):
    """The user ended it (not to be confused with `trio.Cancelled`)."""

    code = "ERR_CANCELLED"
    title = "Cancelled"


class ConfigInvalid(PapinError):
    """The configuration says something impossible; the message names file, key and line."""

    code = "ERR_CONFIG"
    title = "Invalid configuration"


class PluginFailed(PapinError):
    """A plugin is missing, broken or too slow."""

    code = "ERR_PLUGIN"
    title = "Plugin problem"


class RegistryFailed(PapinError):
    """The database of papin cannot be read or written."""

    code = "ERR_REGISTRY"
    title = "Model registry error"


class StorageFailed(PapinError):
    """A folder or file that cannot be read or written."""

    code = "ERR_STORAGE"
    title = "Storage problem"


class DiskSpace(StorageFailed):
    """Not enough space for what was asked; nothing was harmed."""

    code = "ERR_DISK_SPACE"
    title = "Insufficient disk space"


class FormatInvalid(PapinError):
    """A model file that is damaged, hostile, of another format, or not for this provider."""

    code = "ERR_FORMAT"
    title = "Model incompatible with provider"


class DigestMismatch(PapinError):
    """The bytes that arrived or lie on disk are not the ones that were promised."""

    code = "ERR_DIGEST"
    title = "Damaged file"


class TransferFailed(PapinError):
    """A connection or a server failed. `transient` tells that trying again may help."""

    code = "ERR_NETWORK"
    title = "Network problem"
    transient: bool = False


class TransferTimeout(TransferFailed):
    """It took too long, or too few bytes arrived in a while."""

    code = "ERR_TIMEOUT"
    title = "Download timeout"


class SourceChanged(TransferFailed):
    """The file at the address is another one than when the download began."""

    code = "ERR_SOURCE_CHANGED"
    title = "Source changed"


class TooManyRequests(TransferFailed):
    """The server asks us to wait: `wait` seconds, if it said how long and that is too long to hold a connection."""

    wait: float | None = None

    code = "ERR_RATE_LIMIT"
    title = "Too many requests"


class LoginRequired(TransferFailed):
    """A token or the acceptance of a licence is needed."""

    code = "ERR_LOGIN"
    title = "Login required"


class Offline(TransferFailed):
    """The network was needed, and it is switched off."""

    code = "ERR_OFFLINE"
    title = "Offline"


class AddressUnsafe(TransferFailed):
    """An address that papin refuses to open."""

    code = "ERR_UNSAFE_ADDRESS"
    title = "Unsafe address"


class ProviderFailed(PapinError):
    """A program that runs or keeps models failed, lied or is gone."""

    code = "ERR_PROVIDER"
    title = "Provider problem"


class EngineMissing(ProviderFailed):
    """The program that would run the model is not installed."""

    code = "ERR_ENGINE_MISSING"
    title = "Engine missing"


class LoadFailed(ProviderFailed):
    """The program could not load the model."""

    code = "ERR_LOAD"
    title = "Model could not be loaded"


class OutOfMemory(ProviderFailed):
    """The model does not fit in the memory of this machine."""

    code = "ERR_MEMORY"
    title = "Not enough memory"


def _tree(root: type[PapinError]) -> dict[str, type[PapinError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


def expected(error: BaseException) -> PapinError | None:
    """Return the one expected error that `error` is or that groups were wrapped around, or None."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, PapinError) else None


def from_problem(problem: Problem) -> PapinError:
    """Return the error that `problem` tells of, so that what failed in another process can be raised in this one.

    A code that this version does not know becomes a plain `PapinError` whose code is kept.
    """
    kind = _tree(PapinError).get(problem.code)
    if kind is None:
        kind = type("PapinError", (PapinError,), {"code": problem.code, "title": problem.title})
    return kind(problem.message, next_step=problem.next_step)
