"""What providers tell by themselves: changes of what is loaded are journalled, the rest goes to the bus as it is."""

from __future__ import annotations

import logging

import msgspec
import trio

from papin._bus import Bus
from papin._jobs import Ledger
from papin._registry import Read, Write
from papin.errors import PapinError
from papin.events import Event, ModelLoaded, ModelLoadFailed, ModelUnloaded

_RECORDED = (ModelLoaded, ModelLoadFailed, ModelUnloaded)
_log = logging.getLogger("papin.kernel")


def _named(read: Read, event: Event) -> Event:
    """Return `event` with papin's id for the model; a provider may know only its own name for it."""
    if not isinstance(event, _RECORDED) or event.model in read.model_ids():
        return event
    found = read.shelf().holder(event.provider, event.model.removeprefix(f"{event.provider}:"))
    return msgspec.structs.replace(event, model=found[0].owner or found[1].id) if found else event


class Reports:
    """Where the events of plugins go in. `publish` never blocks and may be called from any thread."""

    def __init__(self, bus: Bus, ledger: Ledger) -> None:
        self._bus = bus
        self._ledger = ledger
        self._token = trio.lowlevel.current_trio_token()
        self._waiting: list[Event] = []
        self._wake = trio.Event()

    def publish(self, event: Event) -> None:
        """Pass `event` on."""
        if isinstance(event, _RECORDED):
            self._token.run_sync_soon(self._note, event)
        else:
            self._bus.publish(event)

    def _note(self, event: Event) -> None:
        self._waiting.append(event)
        self._wake.set()

    async def run(self) -> None:
        """Journal what comes, until cancelled; what came before that is journalled still."""
        try:
            while True:
                await self._wake.wait()
                await self._flush()
        finally:
            with trio.CancelScope(shield=True):
                await self._flush()

    async def _flush(self) -> None:
        self._wake = trio.Event()
        events, self._waiting = self._waiting, []

        def apply(write: Write) -> None:
            for event in events:
                write.journal(_named(write, event))

        if events:
            try:
                await self._ledger.change(apply)
            except PapinError as error:
                _log.warning("%s", error.message)
