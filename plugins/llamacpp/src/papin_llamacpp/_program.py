"""A llama-server of this machine, as a child of the host that dies with it."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from papin_llamacpp._records import write_privately
from papin_llamacpp._server import Refused, get
from papin_llamacpp._spec import Failed, Spec

__all__ = ["start"]

_PR_SET_PDEATHSIG = 1
_TRIES = 4
_PORT_IN_USE = re.compile(rb"couldn't bind|could ?n[o']t bind|address already in use", re.IGNORECASE)
_LOOK_EVERY = 0.05


class Program:
    """The running llama-server."""

    def __init__(self, child: subprocess.Popen[bytes], address: str) -> None:
        self._child = child
        self.address = address

    def has_ended(self) -> bool:
        """Tell whether its process is gone."""
        return self._child.poll() is not None

    def stop(self) -> None:
        """End it, by force where it takes more than two seconds."""
        self._child.terminate()
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def stop_all(self) -> NoReturn:
        """End it and this process, while the model is still being loaded."""
        self.stop()
        os._exit(0)


def start(spec: Spec, key: str) -> Program:
    """Start `spec.program` and wait until it has the model in memory.

    Raises:
        Refused: it could not be started, or it ended.
    """
    key_file = Path(spec.run) / f"{spec.engine}.key"
    write_privately(key_file, f"{key}\n".encode())
    try:
        for _ in range(_TRIES):
            log_begins = os.fstat(2).st_size
            try:
                return _start(spec, key, key_file)
            except Refused:
                # Between choosing a port and the program's own bind, somebody else may take it.
                if not _PORT_IN_USE.search(_log(spec, log_begins)):
                    raise
        return _start(spec, key, key_file)
    finally:
        key_file.unlink(missing_ok=True)


def _start(spec: Spec, key: str, key_file: Path) -> Program:
    launcher = os.getppid()
    port = _free_port()
    try:
        child = subprocess.Popen(
            _command(spec, port, key_file),
            stdin=subprocess.DEVNULL,
            stdout=2,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  # the host has one thread only
        )
    except OSError as error:
        raise Refused(Failed(how="missing", reason=f"{spec.program}: {error.strerror}")) from error
    program = Program(child, f"http://127.0.0.1:{port}")
    signal.signal(signal.SIGTERM, lambda *_: program.stop_all())
    while not _is_ready(program.address, key, spec.model):
        if os.getppid() != launcher:  # then nobody waits for this any more
            program.stop_all()
        try:
            status = child.wait(_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            continue
        raise Refused(Failed(how="refused" if status == 1 else "crashed", status=status))
    return program


def _log(spec: Spec, begins: int) -> bytes:
    with (Path(spec.run) / f"{spec.engine}.log").open("rb") as log:
        log.seek(begins)
        return log.read(1 << 20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _command(spec: Spec, port: int, key_file: Path) -> list[str]:
    wanted = spec.settings
    command = [spec.program, "--model", spec.path, "--alias", spec.model, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--api-key-file", str(key_file), "--metrics"]
    command += ["--ctx-size", str(wanted.n_ctx), "--parallel", str(wanted.n_parallel)]
    if wanted.n_gpu_layers >= 0:
        command += ["--n-gpu-layers", str(wanted.n_gpu_layers)]
    if wanted.n_threads:
        command += ["--threads", str(wanted.n_threads)]
    if wanted.flash_attn is not None:
        command += ["--flash-attn", "on" if wanted.flash_attn else "off"]
    command += ["--cache-type-k", wanted.cache_type_k, "--cache-type-v", wanted.cache_type_v]
    if wanted.embedding:
        command += ["--embeddings"]
    if wanted.pooling_type != "auto":
        command += ["--pooling", wanted.pooling_type]
    if spec.mmproj:
        command += ["--mmproj", spec.mmproj]
    return command


def _die_with(parent: int) -> Callable[[], None]:
    """Return what the child does before it becomes the program: ask Linux to kill it when the host dies."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def _is_ready(address: str, key: str, model: str) -> bool:
    health = get(address, "/health", key, patience=5)
    if health is None or health[0] != 200:  # noqa: PLR2004  # the HTTP status
        return False
    # The port may be somebody else's by now, so it has to know the key and the model.
    answer = get(address, "/v1/models", key, patience=5)
    try:
        listed: Any = json.loads(answer[1]) if answer else {}
        return any(each.get("id") == model for each in listed.get("data", ()))
    except (ValueError, AttributeError, TypeError):
        return False
