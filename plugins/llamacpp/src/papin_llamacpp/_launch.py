"""Starts the host of an engine and waits for its one line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

from papin.errors import EngineMissing
from papin_llamacpp._spec import Answer, Failed, Spec

__all__ = ["HOST", "launch"]

HOST: Sequence[str] = ("-P", "-m", "papin_llamacpp.host")
"""What Python is told; -P keeps it from importing what lies in the current folder."""

_answer: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


async def launch(spec: Spec, log: Path) -> Answer:
    """Start the host and return its answer. Cancelling kills it, at once.

    Raises:
        EngineMissing: there is no Python to start it with.
        OSError: the log cannot be made.
    """
    if not sys.executable:
        raise EngineMissing(
            "This Python does not tell where its program is, so no engine can be started",
            next_step="Run papin with an ordinary Python, for example: uv run papin",
        )
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        launcher = await trio.run_process(
            [sys.executable, *HOST],
            stdin=msgspec.json.encode(spec),
            capture_stdout=True,
            stderr=fd,
            check=False,
            deliver_cancel=_kill,
            start_new_session=True,
            pass_fds=(spec.lock_fd,),
            cwd="/",
        )
    finally:
        os.close(fd)
    try:
        return _answer.decode(launcher.stdout or b"")
    except msgspec.DecodeError:
        return Failed(how="crashed", status=launcher.returncode)


async def _kill(launcher: trio.Process) -> None:
    """Kill the launcher and the host, which are the two processes of this group as long as the launcher lives."""
    os.killpg(launcher.pid, signal.SIGKILL)
