"""Why an engine failed, in one plain sentence: pure functions over its answer and the end of its log."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from papin.errors import EngineMissing, LoadFailed, OutOfMemory, PapinError, ProviderFailed
from papin_llamacpp._spec import Failed

__all__ = ["died", "explain", "tail"]

_TAIL = 64 << 10
_TAIL_LINES = 8
_LINE = 240

_MEMORY = re.compile(
    r"failed to allocate|bad_alloc|out of memory|cudaMalloc failed|ErrorOutOf(?:Device|Host)Memory"
    r"|insufficient memory|unable to allocate|not enough memory|cannot allocate memory",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"error|fail|invalid|unknown|unable|missing|corrupt|unsupported|assert|terminate|what\(\)",
    re.IGNORECASE,
)
# What llama.cpp says on top of each reason, without one of its own.
_GENERIC = re.compile(
    r"failed to load model|exiting due to|while trying to fit|check the input params|error loading model$",
    re.IGNORECASE,
)
# Lines that llama.cpp itself marks as no errors, whatever words are in them ("build_info: b0-unknown").
_HARMLESS = re.compile(r"^(?:\d+\.){3}\d+ [DIW] ")
_STAMP = re.compile(r"^(?:\d+\.){3}\d+ [A-Z] ")
_FUNCTION = re.compile(r"^(?:(?:srv|cmn|slot|que)\s+)?[A-Za-z_~][\w:~]*(?:\(\))?: ")


def tail(log: bytes, path: str = "") -> list[str]:
    """Return the last lines of `log`, printable, bounded, and with the folder of the model file left out."""
    text = log[-_TAIL:].decode(errors="replace")
    if path:
        text = text.replace(path, Path(path).name)
    lines = ("".join(letter for letter in line if letter.isprintable()).strip() for line in text.splitlines())
    return [line[:_LINE] for line in lines if line]


def explain(model: str, failed: Failed, lines: list[str]) -> PapinError:
    """Return the error for an engine that ended before it was ready."""
    if failed.how == "missing":
        return EngineMissing(
            f"The program that runs models could not be started: {failed.reason}",
            next_step='Install it again, or type: papin config set providers.llamacpp.engine "xllamacpp"',
        )
    if _MEMORY.search("\n".join(lines)) or failed.status == -signal.SIGKILL:
        return _out_of_memory(model, failed, lines)
    verify = f"papin models verify {model} tells whether its files are whole and what they need."
    if failed.how == "refused":
        return LoadFailed(f"llama.cpp could not load {model}: {_reason(failed, lines)}", next_step=verify)
    return LoadFailed(
        f"llama.cpp {_ended(failed.status)} while it loaded {model}: {_reason(failed, lines)}{_quote(lines)}",
        next_step=verify,
    )


def died(model: str, lines: list[str]) -> ProviderFailed:
    """Return the error for an engine that is gone although it was in use."""
    words = f"The engine of {model} died while it was in use"
    if _MEMORY.search("\n".join(lines[-_TAIL_LINES:])):
        words = f"{words}: memory ran out"
    return ProviderFailed(
        words + _quote(lines),
        next_step=f"Ask again: it is loaded anew. If it dies again, type: papin models verify {model}",
    )


def _out_of_memory(model: str, failed: Failed, lines: list[str]) -> OutOfMemory:
    found = [line for line in lines if _MEMORY.search(line)]
    why = _plain(found[0]) if found else f"llama.cpp {_ended(failed.status)}, as a system does that runs out of memory"
    return OutOfMemory(
        f"There is not enough memory to load {model}: {why}",
        next_step="Close other programs, choose a smaller model or quantization, or a shorter context: "
        "papin config set providers.llamacpp.n_ctx 2048",
    )


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _reason(failed: Failed, lines: list[str]) -> str:
    trouble = [line for line in lines if _TROUBLE.search(line) and not _HARMLESS.match(line)]
    telling = [line for line in trouble if not _GENERIC.search(line)]
    found = telling or trouble
    if found:
        return _plain(found[0] if telling else found[-1])
    return failed.reason or "it gave no reason"


def _plain(line: str) -> str:
    """Return a line of the log without time, level and the names of functions."""
    line = _STAMP.sub("", line)
    while match := _FUNCTION.match(line):
        line = line[match.end() :]
    return line.strip().rstrip(".")


def _quote(lines: list[str]) -> str:
    if not lines:
        return ""
    return "\nThe end of its log:\n" + "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])
