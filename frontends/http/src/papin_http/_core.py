"""What every route needs of the application: the kernel, and the event that tells of the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import trio
from litestar import Request
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from papin_http._problems import ProblemDocument

if TYPE_CHECKING:
    from papin.kernel import Kernel

__all__ = ["PROBLEMS", "Asked", "Most", "kernel_of", "stopping_of"]

Asked = Request[Any, Any, State]
"""A request, as all routes take it."""

Most = Annotated[int, QueryParameter(ge=0)]
"""How many are wanted at most, as a parameter of an address."""

_WHEN = {
    400: "The request, or a name in it, is not valid.",
    401: "The token is missing or wrong.",
    403: "A foreign page, or a login that a source needs.",
    404: "Nothing of that name.",
    409: "Ambiguous, in conflict, or in use.",
    413: "The body has more than 1 MiB.",
    415: "The body is not sent as application/json.",
    421: "The Host header does not name this server.",
    422: "A file is not what it should be: its digest, or its format.",
    500: "papin, its configuration or its storage failed.",
    502: "A program or server that was asked failed.",
    503: "Not now: the registry is busy, the network is off, or an engine is missing.",
    504: "A program or server that was asked took too long.",
    507: "There is not enough memory, or room on the disk.",
}
PROBLEMS = {
    status: ResponseSpec(ProblemDocument, description=when, generate_examples=False) for status, when in _WHEN.items()
}
"""What every route may answer instead of its result."""


def kernel_of(request: Asked) -> Kernel:
    """Return the kernel that this server renders."""
    kernel: Kernel = request.app.state.kernel
    return kernel


def stopping_of(request: Asked) -> trio.Event:
    """Return the event that is set when the server stops."""
    stopping: trio.Event = request.app.state.stopping
    return stopping
