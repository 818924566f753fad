"""What Ollama says went wrong, as errors of papin; its own words are shown bounded and printable."""

from __future__ import annotations

import re

import msgspec

from papin.errors import (
    DiskSpace,
    EngineMissing,
    LoadFailed,
    LoginRequired,
    NotFound,
    OutOfMemory,
    PapinError,
    ProviderFailed,
)
from papin_ollama._wire import Fault

__all__ = ["impostor", "load_failure", "missing", "nonsense", "refusal", "said", "stream_failure"]

_MOST = 300
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _BUSY = 401, 403, 404, 503
_MEMORY = re.compile(
    r"more system memory|out of memory|insufficient memory|unable to allocate|cudaMalloc", re.IGNORECASE
)
_ABSENT = re.compile(r"not found|file does not exist|manifest unknown", re.IGNORECASE)
_FULL = re.compile(r"no space left|disk full|not enough space", re.IGNORECASE)
_LOGIN = re.compile(r"unauthori[sz]ed|access denied|\b401\b|\b403\b", re.IGNORECASE)


def said(text: str) -> str:
    """Return the words of Ollama for one line of a message."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return plain[:_MOST] or "it gave no reason"


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Fault).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""


def missing(address: str, installed: str, provider: str) -> EngineMissing:
    """Return the error for an Ollama that does not answer; `installed` is its program, if there is one."""
    start = "Start it: ollama serve" if installed else "Install it from ollama.com, and start it"
    return EngineMissing(
        f"Ollama does not answer at {address}",
        next_step=f"{start}; or set its address: papin config set providers.{provider}.url ADDRESS",
    )


def impostor(address: str, other: str, provider: str) -> EngineMissing:
    """Return the error for another program at the address of Ollama."""
    what = f"{other} answers at {address}, and not Ollama" if other else f"What answers at {address} is not Ollama"
    return EngineMissing(
        what, next_step=f"Set the address of Ollama: papin config set providers.{provider}.url ADDRESS"
    )


def nonsense(what: str) -> ProviderFailed:
    """Return the error for an answer that cannot be understood."""
    return ProviderFailed(
        f"Ollama answered something that papin does not understand: {said(what)}",
        next_step="Check its address and its version: papin providers list",
    )


def refusal(status: int, body: bytes, address: str, provider: str) -> PapinError:
    """Return the error for an answer of Ollama whose status is not 2xx."""
    words = _reason(body)
    if status == _NOT_FOUND:
        return NotFound(f"Ollama: {said(words)}", next_step=f"papin providers show {provider} lists what it has.")
    if status == _UNAUTHORIZED:
        return LoginRequired(
            f"Ollama at {address} refuses access: {said(words)}",
            next_step=f"Set the key of the proxy before it: papin config set providers.{provider}.key -",
        )
    if status == _FORBIDDEN and not words:
        return ProviderFailed(
            f"Ollama refuses to be called by the name in {address}, because it listens on this machine only",
            next_step="Use 127.0.0.1 or localhost in its address, or let it listen on all addresses.",
        )
    busy = "It is busy: try again in a moment." if status == _BUSY else "papin providers list shows its state."
    return ProviderFailed(f"Ollama answered with status {status}: {said(words)}", next_step=busy)


def stream_failure(words: str, reference: str) -> PapinError:
    """Return the error for one that came inside a stream of pulling or creating `reference`."""
    if _FULL.search(words):
        return DiskSpace(f"Ollama has no space for {reference}: {said(words)}", next_step="Free some space there.")
    if _LOGIN.search(words):
        return LoginRequired(
            f"Ollama may not fetch {reference}: {said(words)}",
            next_step="Check the name, or log Ollama in: ollama signin",
        )
    if _ABSENT.search(words):
        return NotFound(f"Ollama does not find {reference}: {said(words)}", next_step="Check the name and the tag.")
    return ProviderFailed(f"Ollama failed with {reference}: {said(words)}", next_step="Try it again.")


def load_failure(error: PapinError, reference: str) -> PapinError:
    """Return what an error means that came of loading `reference`."""
    if not isinstance(error, ProviderFailed) or isinstance(error, EngineMissing):
        return error
    if _MEMORY.search(error.message):
        return OutOfMemory(
            f"There is not enough memory for Ollama to load {reference}: {error.message}",
            next_step="Unload other models, choose a smaller one, or a shorter context (n_ctx).",
        )
    return LoadFailed(
        f"Ollama could not load {reference}: {error.message}",
        next_step="Ollama's own log tells more; papin models verify tells whether the files are whole.",
    )
