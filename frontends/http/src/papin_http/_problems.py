"""Errors as `application/problem+json`: every code has one HTTP status, and bugs tell nothing of the inside."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException

from papin.errors import Problem, expected

__all__ = ["MEDIA_TYPE", "STATUSES", "ProblemDocument", "document", "respond", "status_of"]

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[str, int] = {
    "ERR_AMBIGUOUS": 409,
    "ERR_CANCELLED": 503,
    "ERR_CONFIG": 500,
    "ERR_CONFLICT": 409,
    "ERR_DIGEST": 422,
    "ERR_DISK_SPACE": 507,
    "ERR_ENGINE_MISSING": 503,
    "ERR_FORMAT": 422,
    "ERR_IN_USE": 409,
    "ERR_LOAD": 502,
    "ERR_LOGIN": 403,
    "ERR_MEMORY": 507,
    "ERR_NAME": 400,
    "ERR_NETWORK": 502,
    "ERR_NOT_FOUND": 404,
    "ERR_OFFLINE": 503,
    "ERR_PAPIN": 500,
    "ERR_PLUGIN": 502,
    "ERR_PROVIDER": 502,
    "ERR_RATE_LIMIT": 503,
    "ERR_REGISTRY": 503,
    "ERR_SOURCE_CHANGED": 502,
    "ERR_STORAGE": 500,
    "ERR_TIMEOUT": 504,
    "ERR_UNSAFE_ADDRESS": 400,
}
"""The one table from codes to statuses; a code that it does not know is a 500."""

_NOWHERE = Problem(
    code="ERR_NOT_FOUND",
    title="Not found",
    message="There is nothing at this address.",
    next_step="See /api/v1/openapi.json for the addresses that there are.",
)

_log = logging.getLogger("papin.http")


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A problem as RFC 9457 writes it, with papin's `code` and `next_step`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    next_step: str = ""


def status_of(code: str) -> int:
    """Return the HTTP status for a code of papin."""
    return STATUSES.get(code, 500)


def document(problem: Problem, status: int | None = None) -> ProblemDocument:
    """Return `problem` as the document that is sent."""
    return ProblemDocument(
        type=f"urn:papin:problem:{problem.code.lower()}",
        title=problem.title,
        status=status or status_of(problem.code),
        detail=problem.message,
        code=problem.code,
        next_step=problem.next_step,
    )


def _usage(message: str, status: int) -> ProblemDocument:
    next_step = "See /api/v1/openapi.json for what this address takes."
    title = "Not a valid request"
    return document(Problem(code="ERR_USAGE", title=title, message=message, next_step=next_step), status)


def _told(error: HTTPException) -> str:
    """Return what was wrong with a request, naming the fields that were refused."""
    extra = error.extra if isinstance(error, ValidationException) and isinstance(error.extra, list) else []
    fields = [
        _field(str(item.get("key", "?")), str(item.get("message", ""))) for item in extra if isinstance(item, dict)
    ]
    return "; ".join(fields) or error.detail


def _field(name: str, what: str) -> str:
    if what == "'data'":  # Litestar's KeyError for a request without a body
        return "A body is needed: a JSON object, with Content-Type: application/json."
    return f"{name}: {what}"


def _of_http(error: HTTPException) -> ProblemDocument:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return document(_NOWHERE)
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _bug(error)
    return _usage(_told(error), error.status_code)


def _bug(error: BaseException) -> ProblemDocument:
    _log.error("a request failed unexpectedly", exc_info=error)
    message = "Something failed in papin that it did not expect."
    next_step = "The output of `papin serve` tells more."
    return document(Problem(code="ERR_INTERNAL", title="Internal error", message=message, next_step=next_step), 500)


def _describe(error: Exception) -> ProblemDocument:
    known = expected(error)
    if known is not None:
        return document(known.problem())
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, RecursionError):
        return _usage("The document is nested too deeply.", 400)
    return _bug(error)


def respond(_request: Request[object, object, State], error: Exception) -> Response[ProblemDocument]:
    """Return the response for any exception of a route."""
    body = _describe(error)
    headers = {str(name): str(value) for name, value in (getattr(error, "headers", None) or {}).items()}
    if body.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "1"
    return Response(body, status_code=body.status, media_type=MEDIA_TYPE, headers=headers)
