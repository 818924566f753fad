"""The marks that tell pluggy what a hook and its implementation are, put on without importing pluggy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "papin"

F = TypeVar("F", bound=Callable[..., Any])
_IMPL = {
    "wrapper": False,
    "hookwrapper": False,
    "optionalhook": False,
    "tryfirst": False,
    "trylast": False,
    "specname": None,
}
_SPEC = {"firstresult": False, "historic": False, "warn_on_impl": None, "warn_on_impl_args": None}


@overload
def hookimpl(function: F, /) -> F: ...


@overload
def hookimpl(function: None = None, /, **options: Any) -> Callable[[F], F]: ...


def hookimpl(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Mark a function as the implementation of the hook of its name; `options` are those of `pluggy.HookimplMarker`.

    Without options, pluggy is not imported: the command line is a plugin too, and it is to start at once.
    """
    if function is not None and not options:
        function.papin_impl = dict(_IMPL)  # type: ignore[attr-defined]  # what pluggy's marker leaves
        return function
    import pluggy  # noqa: PLC0415 - see above

    return pluggy.HookimplMarker(PROJECT)(function, **options)


def hookspec(function: F) -> F:
    """Mark a function as a hook, as `pluggy.HookspecMarker` does."""
    function.papin_spec = dict(_SPEC)  # type: ignore[attr-defined]  # what pluggy's marker leaves
    return function
