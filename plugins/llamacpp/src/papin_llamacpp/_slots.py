"""How many requests a llama-server answers at this moment, as its `/slots` tell."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
import trio

from papin.errors import TransferFailed
from papin.http import Client

__all__ = ["answering"]

_MOMENT = 0.5


class _Slot(msgspec.Struct):
    is_processing: bool = False


async def answering(client: Client, model: str = "") -> int | None:
    """Return the number; of a router's `model`, which is not loaded for it.

    None where it is not told in a moment: with `--no-slots`, by another program's server, or because it reads a part of
    a long prompt and looks at nothing else meanwhile.
    """
    query = f"?model={quote(model, safe='')}&autoload=false" if model else ""
    with trio.move_on_after(_MOMENT):
        try:
            answer = await client.request("GET", f"/slots{query}")
            return sum(slot.is_processing for slot in answer.json(list[_Slot])) if answer.is_success else None
        except TransferFailed:
            return None
    return None
