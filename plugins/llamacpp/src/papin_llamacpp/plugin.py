"""Registers the providers `llamacpp` and `llama-server`; nothing heavy is imported until its session is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from papin.context import Context
from papin.hookspecs import hookimpl
from papin.models import ModelSettings
from papin.providers import Provider
from papin_llamacpp._servers.settings import ServerSettings
from papin_llamacpp._settings import LlamaCppSettings

if TYPE_CHECKING:
    from papin_llamacpp._servers.session import Session as ServerSession
    from papin_llamacpp._session import Session

__all__ = ["papin_providers"]

_OWN = "It runs the models that papin keeps, and has none of its own."
_LACKS = dict.fromkeys(("lists", "shows", "pulls", "removes", "copies", "renames", "shares"), _OWN) | {
    "configures": "It keeps no settings: those that papin keeps for a model are all it is told."
}

# How long a router keeps a model is one rule for all of them, given when it is started.
_ACCEPTED = tuple(name for name in ModelSettings.__struct_fields__ if name != "keep_alive")
_SERVER_LACKS = {
    "measures": "It is in use by others. Speed is measured by llama-bench, which the provider llamacpp runs.",
    "copies": "A llama-server names models after their files.",
    "renames": "A llama-server names models after their files.",
}


@asynccontextmanager
async def _open(context: Context[LlamaCppSettings]) -> AsyncIterator[Session]:
    from papin_llamacpp._session import open_session  # noqa: PLC0415  # brings trio and the HTTP client's types

    async with open_session(context) as session:
        yield session


@asynccontextmanager
async def _open_server(context: Context[ServerSettings]) -> AsyncIterator[ServerSession]:
    from papin_llamacpp._servers.session import open_session  # noqa: PLC0415  # as above

    async with open_session(context) as session:
        yield session


@hookimpl
def papin_providers() -> Iterable[Provider]:
    """Register the engine of papin's own, and the one that somebody else started."""
    yield Provider(
        name="llamacpp",
        summary="Runs GGUF models with llama.cpp, in a process of its own.",
        open=_open,
        formats=("gguf",),
        runs_files=True,
        accepts=ModelSettings.__struct_fields__,
        lacks=_LACKS,
        settings=LlamaCppSettings,
    )
    yield Provider(
        name="llama-server",
        summary="A llama-server that runs already, with one model or as a router of many.",
        open=_open_server,
        formats=("gguf",),
        accepts=_ACCEPTED,
        lacks=_SERVER_LACKS,
        settings=ServerSettings,
    )
