"""The line that a person types in a chat."""

from __future__ import annotations

import sys

import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.output import create_output

__all__ = ["Prompt"]


class Prompt:
    """A prompt with editing and a history of its own; nothing of it is kept on disk."""

    def __init__(self) -> None:
        # Where stdout is a file, the answers go there and the dialogue stays on the terminal.
        output = create_output(stdout=sys.stdout if sys.stdout.isatty() else sys.stderr)
        self._session: PromptSession[str] = PromptSession(output=output)

    async def line(self) -> str | None:
        """Return the next line, stripped; nothing after Ctrl-C, None after Ctrl-D."""
        return await trio.to_thread.run_sync(self._ask, abandon_on_cancel=True)

    def _ask(self) -> str | None:
        # In a thread of its own, since it runs an event loop of its own; Ctrl-C is a key to it and not a signal.
        try:
            return self._session.prompt(">>> ", handle_sigint=False).strip()
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None
