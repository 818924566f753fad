"""Having Ollama fetch a model itself, and telling from its lines how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import trio

from papin.errors import PapinError, ProviderFailed, TransferTimeout
from papin.http import is_loopback_url
from papin.models import Phase, Progress
from papin.sizes import duration_text
from papin_ollama._api import Api
from papin_ollama._creating import decode_line
from papin_ollama._failures import stream_failure
from papin_ollama._names import parse
from papin_ollama._wire import Line

__all__ = ["Pulling", "pull"]

_INSECURE = "http://"
# Ollama reads everything again at the end and says nothing meanwhile; this is a terabyte from a slow disk.
_VERIFYING = 4 * 3600.0


class Pulling:
    """How far a pull is, from the lines that came: a pure machine."""

    def __init__(self) -> None:
        self.phase: Phase = "resolving"
        self.is_done = False
        self._layers: dict[str, tuple[int, int]] = {}
        self._done = 0

    def take(self, line: Line) -> Progress | None:
        """Take in a line; return how far it is now, or None for one that says nothing new.

        A number that is left out is 0. What Ollama has to fetch again makes its numbers fall; these do not.
        """
        before = self.phase, self._done, len(self._layers)
        self.is_done = line.status == "success"
        if line.digest:
            self.phase = "downloading"
            total, done = self._layers.get(line.digest, (0, 0))
            total = max(total, line.total, 0)
            self._layers[line.digest] = total, min(total, max(done, line.completed))
            self._done = max(self._done, sum(done for _, done in self._layers.values()))
        elif line.status.startswith("verifying"):
            self.phase = "verifying"
        elif self.phase != "resolving" or self.is_done:
            self.phase = "committing"
        if before == (self.phase, self._done, len(self._layers)):
            return None
        total = sum(total for total, _ in self._layers.values())
        return Progress(phase=self.phase, done=self._done, total=total or None, file=line.digest[:19])


async def pull(api: Api, reference: str, report: Callable[[Progress], None], patience: float) -> None:
    """Have Ollama fetch `reference`; one that begins with `http://` comes without TLS. Cancelling stops it.

    Raises:
        NotFound: the registry has no such model.
        Offline: papin is offline.
        ProviderFailed: it failed, or its answer broke off.
        TransferTimeout: nothing came for `patience` seconds.
    """
    name = parse(reference.removeprefix(_INSECURE))
    if not is_loopback_url(f"http://{name.host}"):
        api.check_online(f"Ollama was not told to pull {name}")
    body = {"model": str(name), "stream": True}
    if reference.startswith(_INSECURE):
        body["insecure"] = True
    async with api.lines("/api/pull", body) as lines:
        problem = await _follow(lines, str(name), report, patience)
    if problem is not None:
        raise problem


async def _follow(
    lines: AsyncIterator[str], reference: str, report: Callable[[Progress], None], patience: float
) -> PapinError | None:
    """Follow the lines to their end; return what went wrong."""
    state = Pulling()
    moved = trio.current_time()
    while not state.is_done:
        most = _VERIFYING if state.phase == "verifying" else patience
        # Ollama goes on to tell how far it is when nothing comes any more, so that silence is no sign.
        with trio.move_on_at(moved + most) as scope:
            text = await anext(lines, None)
        if scope.cancelled_caught or trio.current_time() >= moved + most:
            return TransferTimeout(
                f"Ollama got nothing of {reference} for {duration_text(most)}",
                next_step="Check its network, and pull again: it goes on where it stopped.",
            )
        if text is None:
            return ProviderFailed(
                f"Ollama broke off while it pulled {reference}", next_step="Pull again: it goes on where it stopped."
            )
        line = decode_line(text)
        if line.error:
            return stream_failure(line.error, reference)
        if progress := state.take(line):
            moved = trio.current_time()
            report(progress)
    return None
