"""What a host needs to know of its llama.cpp server, whichever way it runs, and how it asks it."""

from __future__ import annotations

import http.client
import json
from typing import Any, Protocol
from urllib.parse import urlsplit

from papin_llamacpp._idle import Activity
from papin_llamacpp._spec import Failed

__all__ = ["Refused", "Server", "activity", "context_length", "get"]

_LARGEST = 4 << 20
_COUNTED = ("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total")
_WORKING = ("llamacpp:requests_processing", "llamacpp:requests_deferred")


class Refused(Exception):
    """The server ended before it was ready; stays in the host, which passes `failed` on."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.reason)
        self.failed = failed


class Server(Protocol):
    """A llama.cpp server with the model in memory."""

    @property
    def address(self) -> str:
        """Where it answers."""
        ...

    def has_ended(self) -> bool:
        """Tell whether it is gone."""
        ...

    def stop(self) -> None:
        """End it; the host itself ends right after."""
        ...


def get(address: str, path: str, key: str, *, patience: float) -> tuple[int, bytes] | None:
    """Return status and body of the answer of the server at `address`, or None for none in `patience` seconds."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        return response.status, response.read(_LARGEST)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def activity(address: str, key: str, *, patience: float) -> Activity | None:
    """Return what the server is doing, or None when it does not say so in `patience` seconds."""
    answer = get(address, "/metrics", key, patience=patience)
    if answer is None or answer[0] != http.client.OK:
        return None
    values: dict[str, float] = {}
    for line in answer[1].decode(errors="replace").splitlines():
        name, _, value = line.partition(" ")
        if name in _COUNTED or name in _WORKING:
            values[name] = float(value)
    return Activity(
        requests=int(sum(values.get(name, 0) for name in _WORKING)),
        tokens=int(sum(values.get(name, 0) for name in _COUNTED)),
    )


def context_length(address: str, key: str, *, otherwise: int) -> int:
    """Return how many tokens one chat may have, as the server says."""
    answer = get(address, "/props", key, patience=10)
    if answer is None or answer[0] != http.client.OK:
        return otherwise
    props: Any = json.loads(answer[1])
    return int(props.get("default_generation_settings", {}).get("n_ctx", otherwise))
