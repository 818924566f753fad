"""Parameters of an address that its route does not know: told, since what is mistyped would else be ignored."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.exceptions import ClientException

__all__ = ["check"]

_SHOWN = 40


def check(request: Request[Any, Any, Any]) -> None:
    """Refuse a request whose query has a parameter that its route does not take.

    Raises:
        ClientException: it has; the parameters that there are, are named.
    """
    if not request.query_params:
        return
    takes = [name for name in request.route_handler.parsed_fn_signature.parameters if name not in ("request", "data")]
    known = [name for name in takes if name not in request.path_params]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        there = f"there are {', '.join(known)}" if known else "it takes none"
        raise ClientException(f"There is no parameter {unknown[0][:_SHOWN]!a}; {there}.")
