"""The application: the routes under `/api/v1`, the client's files, and the guard around all of it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import trio
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from papin.errors import PapinError
from papin_http import _openapi, _query
from papin_http._problems import respond
from papin_http._routes import chat, discovery, downloads, events, facts, models
from papin_http._shapes import Health
from papin_http._slashes import restore

if TYPE_CHECKING:
    from papin.kernel import Kernel

__all__ = ["API", "build"]

API = "/api/v1"


@get("/health", operation_id="health", tags=["server"])
async def health() -> Health:
    """Say that the server answers; needs no token."""
    return Health()


def _file(name: str, media_type: str) -> Response[bytes]:
    content = files("papin_http").joinpath("client", name).read_bytes()
    return Response(content, media_type=media_type)


@get("/client/papin.js", include_in_schema=False)
async def script() -> Response[bytes]:
    """Return the JavaScript client."""
    return _file("papin.js", "text/javascript")


@get("/client/papin.d.ts", include_in_schema=False)
async def types() -> Response[bytes]:
    """Return the types of the JavaScript client."""
    return _file("papin.d.ts", "text/plain")


async def _look_at(request: Request[Any, Any, Any]) -> None:
    restore(request)
    _query.check(request)


def build(kernel: Kernel, stopping: trio.Event) -> Litestar:
    """Return the application for `kernel`, unguarded; streams end when `stopping` is set."""
    groups = [models.router, discovery.router, downloads.router, chat.router, facts.router, events.router]
    return Litestar(
        [Router(path=API, route_handlers=groups), health, script, types],
        openapi_config=_openapi.config(f"{API}/openapi.json"),
        before_request=_look_at,
        exception_handlers={PapinError: respond, HTTPException: respond, Exception: respond},
        state=State({"kernel": kernel, "stopping": stopping}),
        logging_config=None,
        debug=False,
    )
