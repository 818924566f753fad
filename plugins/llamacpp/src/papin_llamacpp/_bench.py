"""Measuring a model with llama-bench, which comes with llama.cpp.

It tells each step on stderr (`--progress`), and at the end of each test prints a line of JSON with `n_prompt`, `n_gen`
and `avg_ts`, the tokens a second. It loads the model itself, so what is in memory already makes it slower.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence

import msgspec
import trio

from papin.errors import EngineMissing, PapinError, ProviderFailed
from papin.models import LoadSettings, Progress, Speed
from papin_llamacpp._failures import explain, tail
from papin_llamacpp._spec import Effective, Failed
from papin_llamacpp.leash import CANNOT_START, leashed

__all__ = ["measure"]

_PROGRAM = "llama-bench"
_SIZES = (512, 128)  # what llama-bench itself takes, so that figures can be compared with those of others
_TIMES = 2
_TESTS = 2
_STEPS = _TESTS * (_TIMES + 1)  # each test runs once more before, so that everything is in the caches
_RUN = re.compile(rb"benchmark (\d+)/\d+: (?:prompt|generation) run (\d+)/")
_MOST = 1 << 20


class _Line(msgspec.Struct):
    n_prompt: int
    n_gen: int
    avg_ts: float
    build_number: int = 0


_line = msgspec.json.Decoder(_Line)


async def measure(
    model: str, path: str, how: Effective, report: Callable[[Progress], None], *, sizes: tuple[int, int] = _SIZES
) -> Speed:
    """Return how fast the model in the file `path` is when it is loaded so; see `papin.providers.Measures`.

    `sizes` are the tokens of the prompt and of the answer.

    Cancelling ends the program at once, and so does the end of this process, whichever way it comes.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise _missing("is not on your PATH")
    report(Progress(phase="measuring", total=_STEPS))
    try:
        process = await trio.lowlevel.open_process(
            leashed(_command(program, path, how, sizes)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise _missing(f"cannot be started: {error.strerror}") from error
    try:
        said, log = await _heard(process, report)
    finally:
        with trio.CancelScope(shield=True):
            await _let_go(process)
    if process.returncode == CANNOT_START:
        raise _missing("cannot be started: it is no program for this machine")
    if process.returncode != 0:
        raise _failed(model, process.returncode or 0, tail(log, path))
    return _speed(said, how)


async def _let_go(process: trio.Process) -> None:
    """End the program, if it is not over, and wait until it is."""
    assert process.stdin is not None
    await process.stdin.aclose()
    await process.wait()


def _command(program: str, path: str, how: Effective, sizes: tuple[int, int]) -> Sequence[str]:
    asked = ["--n-prompt", sizes[0], "--n-gen", sizes[1], "--repetitions", _TIMES]
    asked += ["--cache-type-k", how.cache_type_k, "--cache-type-v", how.cache_type_v]
    if how.n_gpu_layers >= 0:
        asked += ["--n-gpu-layers", how.n_gpu_layers]
    if how.n_threads:
        asked += ["--threads", how.n_threads]
    if how.flash_attn is not None:
        asked += ["--flash-attn", int(how.flash_attn)]  # which all versions understand
    return [program, "--model", path, "--output", "jsonl", "--progress", *map(str, asked)]


async def _heard(process: trio.Process, report: Callable[[Progress], None]) -> tuple[bytes, bytes]:
    """Return what the program prints, and the end of its log, when it is over."""
    assert process.stdout is not None
    assert process.stderr is not None
    log = bytearray()

    async def follow(stream: trio.abc.ReceiveStream) -> None:
        done, begun = 0, b""
        async for piece in stream:
            log.extend(piece)
            del log[:-_MOST]
            *lines, begun = (begun + piece)[-_MOST:].split(b"\n")
            for run in filter(None, map(_RUN.search, lines)):
                done = max(done, min(_STEPS, (int(run[1]) - 1) * (_TIMES + 1) + int(run[2])))
                report(Progress(phase="measuring", done=done, total=_STEPS))

    said = bytearray()
    async with process.stdout, process.stderr, trio.open_nursery() as nursery:
        nursery.start_soon(follow, process.stderr)
        async for piece in process.stdout:
            said.extend(piece)
            del said[:-_MOST]
    await process.wait()
    return bytes(said), bytes(log)


def _speed(said: bytes, how: Effective) -> Speed:
    found: dict[bool, _Line] = {}
    for text in said.splitlines():
        try:
            line = _line.decode(text)
        except (msgspec.DecodeError, RecursionError):
            continue
        if math.isfinite(line.avg_ts) and line.avg_ts > 0:
            found[line.n_gen > 0] = line
    if len(found) != _TESTS:
        raise ProviderFailed(f"{_PROGRAM} ended without any figures", next_step="Install a newer llama.cpp.")
    prompt, answer = found[False], found[True]
    return Speed(
        engine=f"{_PROGRAM} b{answer.build_number}" if answer.build_number > 0 else _PROGRAM,
        prompt_n=prompt.n_prompt,
        prompt_per_second=prompt.avg_ts,
        predicted_n=answer.n_gen,
        predicted_per_second=answer.avg_ts,
        settings=LoadSettings(
            n_gpu_layers=how.n_gpu_layers,
            n_threads=how.n_threads or None,
            flash_attn=how.flash_attn,
            cache_type_k=how.cache_type_k,
            cache_type_v=how.cache_type_v,
        ),
    )


def _missing(why: str) -> EngineMissing:
    return EngineMissing(
        f"{_PROGRAM}, which measures models, {why}",
        next_step="Install llama.cpp with its tools, and put llama-bench on your PATH.",
    )


def _failed(model: str, status: int, log: list[str]) -> PapinError:
    return explain(model, Failed(how="refused" if status == 1 else "crashed", status=status), log)
